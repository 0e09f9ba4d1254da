"""The stream of events: what comes, from where, to whom."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api.keys import Role
from hazards.condition import Condition
from tests.support.api_rig import CH4, H2S, ApiRig
from tests.support.servers import wait_until

Call = Callable[..., Any]


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """What an EventSource would make of the lines; a pause of the server ends in the client's timeout."""
    event: dict[str, str] = {}
    for line in lines:
        if not line:
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


@pytest.fixture
def listen(rig: ApiRig, client: httpx.Client) -> Callable[..., Any]:
    def do(query: str = "", enterprise: str | None = None, **headers: str) -> Any:
        key = rig.key(Role.VIEWER, enterprise)
        return client.stream(
            "GET", f"/api/v1/stream{query}", headers={"Authorization": f"Bearer {key}", **headers}, timeout=5
        )

    return do


def test_an_event_arrives_as_it_happens(rig: ApiRig, listen: Callable[..., Any]) -> None:
    with listen() as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = events(answer.iter_lines())
        assert next(lines) == {"retry": "2000"}
        alarm = rig.raise_alarm(CH4, Condition.HIGH, 1.1)
        event = next(e for e in lines if e.get("event") == "alarm.raised")
        data = json.loads(event["data"])
        assert (int(event["id"]), data["type"]) == (rig.journal.last_seq, "alarm.raised")
        assert (data["data"]["id"], data["timestamp"]) == (alarm.id, data["data"]["raised_at"])
        rig.desk.acknowledge(alarm.id, "Li Wei", "seen")
        assert next(lines)["event"] == "alarm.acknowledged"


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_stream_goes_on_where_it_was_left(rig: ApiRig, listen: Callable[..., Any], how: str) -> None:
    seq = rig.journal.last_seq
    missed = [rig.raise_alarm(CH4, Condition.HIGH, 1.1).id for _ in range(3)]
    opened = listen(**{"Last-Event-ID": str(seq)}) if how == "header" else listen(f"?after={seq}")
    with opened as answer:
        lines = (e for e in events(answer.iter_lines()) if e.get("event") == "alarm.raised")
        assert [json.loads(next(lines)["data"])["data"]["id"] for _ in missed] == missed


def test_a_stream_from_the_very_beginning_reads_the_journal(rig: ApiRig, listen: Callable[..., Any]) -> None:
    rig.raise_alarm()
    last = rig.journal.last_seq
    with listen("?after=0") as answer:
        ids = (int(e["id"]) for e in events(answer.iter_lines()) if "event" in e)
        assert [next(ids) for _ in range(last)] == list(range(1, last + 1))


def test_a_scoped_key_hears_its_enterprise_only(rig: ApiRig, listen: Callable[..., Any]) -> None:
    with listen(enterprise="T001") as answer:
        lines = events(answer.iter_lines())
        next(lines)
        rig.raise_alarm(CH4, Condition.HIGH, 1.1)
        mine = rig.raise_alarm(H2S, Condition.HIGH, 12.0)
        heard = next(e for e in lines if "event" in e)
        assert json.loads(heard["data"])["data"]["id"] == mine.id


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [("?after=-1", {}, 422), ("?after=x", {}, 422), ("", {"Last-Event-ID": "x"}, 400), ("?enterprise=M001", {}, 403)],
)
def test_bad_places(call: Call, query: str, headers: dict[str, str], status: int) -> None:
    answer = call("GET", f"/stream{query}", Role.VIEWER, "T001", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_no_stream_without_a_key(call: Call) -> None:
    assert call("GET", "/stream", None).status_code == 401


def test_listeners_leave_no_trace(rig: ApiRig, listen: Callable[..., Any], call: Call) -> None:
    with listen() as answer:
        lines = events(answer.iter_lines())
        next(lines)
        wait_until(lambda: "hazmon_stream_listeners 1.0" in call("GET", "/metrics", None).text, "the others to leave")
    rig.raise_alarm()
    wait_until(lambda: "hazmon_stream_listeners 0.0" in call("GET", "/metrics", None).text, "the listener to leave")
