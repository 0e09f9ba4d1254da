"""Alarms over HTTP: lists and their pages, detail, and what people do to them."""

from collections.abc import Callable
from typing import Any

import pytest

from api.keys import Role
from hazards.condition import Condition
from tests.support.api_rig import CH4, H2S, NOW_MS, ApiRig

Call = Callable[..., Any]


def test_a_list_is_cut_into_pages_that_stay_put(rig: ApiRig, call: Call) -> None:
    raised = [rig.raise_alarm(H2S, Condition.HIGH, 11.0).id for _ in range(5)]
    first = call("GET", "/alarms?limit=2&enterprise=T001").json()
    assert [a["id"] for a in first["items"]] == raised[:2:-1]
    newer = rig.raise_alarm(H2S, Condition.HIGH, 12.0).id
    second = call("GET", f"/alarms?limit=2&enterprise=T001&cursor={first['next']}").json()
    assert [a["id"] for a in second["items"]] == raised[2:0:-1]
    last = call("GET", f"/alarms?limit=2&enterprise=T001&cursor={second['next']}").json()
    assert ([a["id"] for a in last["items"]], last["next"]) == (raised[:1], None)
    assert call("GET", "/alarms?limit=1").json()["items"][0]["id"] == newer


def test_an_alarm_has_everything_that_interfaces_promise(rig: ApiRig, call: Call) -> None:
    alarm = rig.raise_alarm(CH4, Condition.HIGH, 1.12)
    got = call("GET", f"/alarms/{alarm.id}").json()
    history, guidance, message = got.pop("history"), got.pop("guidance"), got.pop("message")
    assert got == {
        "id": alarm.id,
        "enterprise": "M001",
        "source": "face-1203",
        "point": "CH4-01",
        "kind": "ch4",
        "family": "limit-high",
        "condition": "high",
        "severity": "orange",
        "state": "unacknowledged",
        "value": 1.12,
        "limit": 1.0,
        "unit": "%CH4",
        "raised_at": got["raised_at"],
        "cleared_at": None,
        "standard": "AQ 1029-2019 table 1",
        "worst": "orange",
        "late": False,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "shelved_until": None,
        "detected_at": got["raised_at"],
    }
    assert got["raised_at"].endswith("Z")
    assert len(got["raised_at"]) == len("2026-11-23T15:04:05.123Z")
    assert [h["type"] for h in history] == ["alarm.raised"]
    assert "1.12" in message["zh"]
    assert "1.12" in message["en"]
    assert guidance["zh"]
    assert guidance["en"]


def test_the_life_of_an_alarm(rig: ApiRig, call: Call) -> None:
    id_ = rig.raise_alarm().id

    def post(what: str, body: Any = None) -> Any:
        return call("POST", f"/alarms/{id_}/{what}", Role.OPERATOR, json=body)

    assert post("comment", {"comment": "on my way"}).json()["state"] == "unacknowledged"
    shelved = post("shelve", {"reason": "sensor is being moved", "for": "30m"}).json()
    assert (shelved["state"], shelved["shelved_until"] > shelved["raised_at"]) == ("shelved", True)
    assert [a["id"] for a in call("GET", "/alarms?state=shelved").json()["items"]] == [id_]
    again = post("shelve", {"reason": "again", "for": "30m"})
    assert (again.status_code, again.json()["reason"]) == (409, "not_allowed")
    assert post("unshelve").json()["state"] == "unacknowledged"
    taken = post("acknowledge", {"comment": "fan restarted"}).json()
    assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", "test operator")
    assert post("acknowledge").status_code == 409
    rig.now_ms += 1000
    rig.change(CH4, {Condition.HIGH: False}, 0.8)
    closed = call("GET", f"/alarms/{id_}").json()
    assert (closed["state"], closed["cleared_at"] is not None) == ("closed", True)
    assert [(h["type"], h["by"], h["comment"]) for h in closed["history"]] == [
        ("alarm.raised", None, None),
        ("alarm.commented", "test operator", "on my way"),
        ("alarm.shelved", "test operator", "sensor is being moved"),
        ("alarm.unshelved", "test operator", None),
        ("alarm.acknowledged", "test operator", "fan restarted"),
        ("alarm.cleared", None, None),
    ]


def test_a_comment_cannot_forge_a_line_elsewhere(rig: ApiRig, call: Call) -> None:
    id_ = rig.raise_alarm().id
    text = " gas\r\n2026-11-23 level=error \x1b[31m\u202e<b>=1+1</b> "
    assert call("POST", f"/alarms/{id_}/comment", Role.OPERATOR, json={"comment": text}).status_code == 200
    assert rig.journal.history(id_)[-1].comment == "gas 2026-11-23 level=error [31m<b>=1+1</b>"


FILTERS = {
    "state=open": True,
    "state=unacknowledged": True,
    "state=closed": False,
    "severity=orange": True,
    "severity=red&severity=orange": True,
    "severity=red": False,
    "enterprise=M001": True,
    "enterprise=T001": False,
    "since=2026-11-23T00:00:00Z": True,
    "since=2027-01-01T00:00:00%2B08:00": False,
    f"until={NOW_MS}": False,
}


@pytest.mark.parametrize(("query", "found"), FILTERS.items())
def test_filters(rig: ApiRig, call: Call, query: str, found: bool) -> None:
    id_ = rig.raise_alarm(CH4, Condition.HIGH, 1.1).id
    assert (id_ in [a["id"] for a in call("GET", f"/alarms?{query}&limit=1000").json()["items"]]) is found


WRONG: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/alarms?limit=0", None, 422, "query.limit"),
    ("GET", "/alarms?limit=10001", None, 422, "query.limit"),
    ("GET", "/alarms?limit=ten", None, 422, "query.limit"),
    ("GET", "/alarms?state=standing", None, 422, "query.state"),
    ("GET", "/alarms?severity=purple", None, 422, "query.severity"),
    ("GET", "/alarms?since=yesterday", None, 422, "query.since"),
    ("GET", "/alarms?since=2026-11-23T15:04:05", None, 422, "query.since"),
    ("GET", "/alarms?since=2026-13-23T15:04:05Z", None, 422, "query.since"),
    ("GET", "/alarms?cursor=nonsense", None, 400, "cursor"),
    ("GET", "/alarms?cursor=%00", None, 400, "cursor"),
    ("GET", "/alarms?stat=open", None, 422, "query.stat"),
    ("GET", "/alarms/no-such-alarm", None, 404, "no-such-alarm"),
    ("GET", "/alarms/" + "x" * 3000, None, 404, "no alarm"),
    ("POST", "/alarms/no-such-alarm/acknowledge", None, 404, "no-such-alarm"),
    ("POST", "/alarms/{id}/acknowledge", {"coment": "typo"}, 422, "body.coment"),
    ("POST", "/alarms/{id}/acknowledge", {"comment": "x" * 1001}, 422, "body.comment"),
    ("POST", "/alarms/{id}/comment", None, 422, "body"),
    ("POST", "/alarms/{id}/comment", {"comment": " \n"}, 422, "body.comment"),
    ("POST", "/alarms/{id}/shelve", {"reason": "no end"}, 422, "until"),
    ("POST", "/alarms/{id}/shelve", {"reason": "", "for": "1h"}, 422, "body.reason"),
    ("POST", "/alarms/{id}/shelve", {"reason": "x", "for": "soon"}, 422, "body.for"),
    ("POST", "/alarms/{id}/shelve", {"reason": "x", "for": "30d"}, 422, "seven days"),
    ("POST", "/alarms/{id}/shelve", {"reason": "x", "until": "2020-01-01T00:00:00Z"}, 422, "ahead"),
    ("POST", "/alarms/{id}/unshelve", None, 409, "not shelved"),
    ("DELETE", "/alarms", None, 405, "GET"),
    ("GET", "/alarms/{id}/acknowledge", None, 405, "POST"),
    ("GET", "/nothing", None, 404, "/api/v1/nothing"),
    ("GET", "/alarms/", None, 404, ""),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "says"), WRONG)
def test_a_mistake_is_a_problem_document(
    rig: ApiRig, call: Call, method: str, path: str, body: Any, status: int, says: str
) -> None:
    answer = call(method, path.replace("{id}", rig.raise_alarm().id), Role.ADMIN, json=body)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    assert says in answer.text
    assert len(answer.content) < 2000


def test_broken_json_is_the_clients_mistake(rig: ApiRig, call: Call) -> None:
    id_ = rig.raise_alarm().id
    headers = {"content-type": "application/json"}
    answer = call("POST", f"/alarms/{id_}/comment", Role.OPERATOR, content=b'{"comment": ', headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request")


def test_a_large_body_is_refused_however_it_is_sent(rig: ApiRig, call: Call) -> None:
    id_ = rig.raise_alarm().id

    def in_pieces() -> Any:
        for _ in range(40):
            yield b" " * 10_000

    def in_one_piece() -> Any:
        yield b" " * 262_145

    for content in (b" " * 400_000, in_pieces(), in_one_piece()):
        answer = call("POST", f"/alarms/{id_}/comment", Role.OPERATOR, content=content)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
