"""Points, their readings and limits, over HTTP; and what came of messages that were no readings."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from api.errors import ApiError
from api.keys import Role
from api.limits import merged
from hazards.checks import Checks
from hazards.condition import Condition
from hazards.plant import PointKey
from ingest.decode.decoder import UnknownReading
from ingest.decode.reject import RejectReason
from ingest.rejects import Rejected
from tests.support.api_rig import CH4, NOW_MS, ApiRig
from tests.support.servers import wait_until

Call = Callable[..., Any]


def test_points_in_pages_and_by_search(call: Call) -> None:
    first = call("GET", "/points?limit=3").json()
    assert [p["point"] for p in first["items"]] == ["CH4-01", "CO-07", "WIND-02"]
    second = call("GET", f"/points?limit=3&cursor={first['next']}").json()
    assert ([p["point"] for p in second["items"]], second["next"]) == (["H2S-01", "LT-101"], None)
    assert [p["point"] for p in call("GET", "/points?q=return").json()["items"]] == ["CO-07", "WIND-02"]
    assert [p["point"] for p in call("GET", "/points", params={"q": "甲烷"}).json()["items"]] == ["CH4-01"]
    assert [p["point"] for p in call("GET", "/points?kind=level&source=tanks-1").json()["items"]] == ["LT-101"]
    assert [p["point"] for p in call("GET", "/points", enterprise="T001").json()["items"]] == ["H2S-01", "LT-101"]
    assert call("GET", "/points?cursor=WyJ4Il0").status_code == 400


def test_a_point_tells_its_limits_last_value_and_alarms(rig: ApiRig, call: Call) -> None:
    rig.send(CH4, rig.now_ms, 1.31)
    alarm = rig.raise_alarm(CH4, Condition.HIGH_HIGH, 1.6)
    point = wait_until(
        lambda: (p := call("GET", "/points/M001/CH4-01").json())["last"] and p["alarms"] and p, "the point to change"
    )
    assert point["last"] == {"t": NOW_MS, "v": 1.31, "q": 0}
    assert (point["alarms"], point["severity"]) == ([alarm.id], "red")
    assert (point["limits"]["high"], point["limits"]["low"], point["limits"]["range_low"]) == (1.0, None, 0.0)
    assert point["standards"]["high"] == "AQ 1029-2019 table 1"
    assert call("GET", "/points/M001/none").status_code == 404


def test_readings_raw_and_over_spans(rig: ApiRig, call: Call) -> None:
    start = 1_795_440_000_000
    rig.send_many(CH4, start + 1000 * np.arange(4), np.array([0.1, 0.2, math.nan, 0.4]), np.array([0, 1, 2, 0]))
    window = f"start={start}&end={start + 4000}"
    assert call("GET", f"/points/M001/CH4-01/readings?{window}").json() == {
        "items": [
            {"t": start, "v": 0.1, "q": 0},
            {"t": start + 1000, "v": 0.2, "q": 1},
            {"t": start + 2000, "v": None, "q": 2},
            {"t": start + 3000, "v": 0.4, "q": 0},
        ],
        "next": None,
    }
    (first, second) = call("GET", f"/points/M001/CH4-01/readings?{window}&every=2s").json()["items"]
    assert (first["t"], first["min"], first["max"], first["n"]) == (start, 0.1, 0.2, 2)
    assert (second["t"], second["n"]) == (start + 2000, 1)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("start=2026-11-23T16:00:00Z&end=2026-11-23T15:00:00Z", "start"),
        ("every=0s", "every"),
        ("every=often", "every"),
        ("start=2000-01-01T00:00:00Z&every=1s", "items"),
        ("start=now", "start"),
        ("every=1s');DROP TABLE reading;--", "every"),
    ],
)
def test_bad_ranges(call: Call, query: str, says: str) -> None:
    answer = call("GET", f"/points/M001/CH4-01/readings?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]


@pytest.mark.parametrize("point", ["CH4-01' OR 1=1 --", 'CH4-01"; DROP MEASUREMENT reading', "../../etc/passwd", "%00"])
def test_a_hostile_name_is_just_not_in_the_plant(call: Call, point: str) -> None:
    from urllib.parse import quote

    assert call("GET", f"/points/M001/{quote(point, safe='')}/readings").status_code in (404, 422)


LIMITS_WRONG = {
    "nothing": {},
    "no such limit": {"highest": 1.0},
    "text": {"high": "1.0"},
    "true": {"high": True},
    "above high_high": {"high": 1.6},
    "clearing value above": {"high_clear": 1.2},
    "window off": {"rate_window_ms": None},
    "negative delay": {"on_delay_ms": -1},
    "half a millisecond": {"on_delay_ms": 0.5},
    "not a duration": {"on_delay": "soon"},
    "range upside down": {"range_low": 50},
    "rate zero": {"rate_per_s": 0},
}


@pytest.mark.parametrize("limits", LIMITS_WRONG.values(), ids=LIMITS_WRONG)
def test_limits_that_make_no_sense(rig: ApiRig, call: Call, limits: dict[str, Any]) -> None:
    answer = call("PUT", "/points/M001/CH4-01/limits", Role.ENGINEER, json={"limits": limits, "reason": "test"})
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert rig.limits_set == []


def test_infinity_does_not_come_in_through_a_json_that_allows_it(rig: ApiRig, call: Call) -> None:
    body = b'{"limits": {"high": Infinity}, "reason": "x"}'
    headers = {"content-type": "application/json"}
    answer = call("PUT", "/points/M001/CH4-01/limits", Role.ENGINEER, content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert rig.limits_set == []


def test_all_mistakes_of_a_change_are_told_at_once() -> None:
    with pytest.raises(ApiError) as refused:
        merged(Checks(), {"highest": 1, "high": "x"})
    assert len(refused.value.extra["errors"]) == 2  # type: ignore[arg-type]


def test_rejects_and_unknown_points(rig: ApiRig, call: Call) -> None:
    def reject(topic: str, payload: bytes) -> Rejected:
        return Rejected(0, NOW_MS, topic, RejectReason.NOT_JSON, "byte 1: no JSON", payload, len(payload))

    rig.rejects.keep(
        [reject("hazmon/v1/M001/CH4-01", b"{not json"), reject("hazmon/v1/T001/X", b"\xff\xfe"), reject("odd", b"")],
        [(UnknownReading(PointKey("M001", "NOBODY"), NOW_MS, 1.0, 0), NOW_MS)],
    )
    listed = call("GET", "/rejects", Role.ENGINEER).json()["items"]
    assert [(r["topic"], r["payload"], r["payload_base64"]) for r in listed] == [
        ("odd", "", None),
        ("hazmon/v1/T001/X", None, "//4="),
        ("hazmon/v1/M001/CH4-01", "{not json", None),
    ]
    first = call("GET", "/rejects?limit=1", Role.ENGINEER).json()
    assert call("GET", f"/rejects?limit=5&cursor={first['next']}", Role.ENGINEER).json()["items"] == listed[1:]
    own = call("GET", "/rejects?limit=1", Role.ENGINEER, "M001").json()
    assert [r["topic"] for r in own["items"]] == ["hazmon/v1/M001/CH4-01"]
    assert call("GET", "/rejects?cursor=x", Role.ENGINEER).status_code == 400
    (unknown,) = call("GET", "/unknown-points", Role.ENGINEER).json()["items"]
    assert (unknown["enterprise"], unknown["point"], unknown["count"]) == ("M001", "NOBODY", 1)
    assert unknown["last"] == {"t": NOW_MS, "v": 1.0, "q": 0}
    assert call("GET", "/unknown-points", Role.ENGINEER, "T001").json()["items"] == []


def test_metrics_are_there_from_the_start_and_count(rig: ApiRig, call: Call) -> None:
    def lines() -> dict[str, float]:
        text = call("GET", "/metrics", None).text
        return {x.rsplit(" ", 1)[0]: float(x.rsplit(" ", 1)[1]) for x in text.splitlines() if not x.startswith("#")}

    before = lines()
    for reason in RejectReason:
        assert f'hazmon_rejects_total{{reason="{reason}"}}' in before
    for event in ("raised", "escalated", "deescalated", "cleared", "acknowledged", "shelved", "unshelved"):
        assert f'hazmon_alarm_events_total{{event="{event}"}}' in before
    assert before['hazmon_deliveries_total{outcome="dead"}'] == 0
    assert before['hazmon_consumer_lag_entries{consumer="store"}'] == 0
    rig.stats.add(received_readings=5)
    rig.stats.add_rejected(Counter({RejectReason.TIME: 2}))
    rig.raise_alarm()
    wait_until(
        lambda: (
            lines()['hazmon_alarm_events_total{event="raised"}'] > before['hazmon_alarm_events_total{event="raised"}']
        ),
        "the event to be counted",
    )
    after = lines()
    assert after["hazmon_readings_received_total"] - before["hazmon_readings_received_total"] == 5
    assert after['hazmon_rejects_total{reason="time"}'] - before['hazmon_rejects_total{reason="time"}'] == 2


def test_ready_says_what_is_missing(rig: ApiRig, call: Call) -> None:
    assert call("GET", "/healthz", None).json() == {"status": "ok"}
    assert call("HEAD", "/readyz", None).status_code == 200
    rig.ready["store"] = (False, "no answer")
    answer = call("GET", "/readyz", None)
    rig.ready["store"] = (True, "")
    assert (answer.status_code, answer.json()["parts"]["store"]) == (503, {"ok": False, "detail": "no answer"})
    assert call("POST", "/healthz", None).status_code == 405


def test_answers_carry_security_headers(call: Call) -> None:
    for path in ("/alarms", "/healthz", "/docs"):
        headers = call("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert call("GET", "/alarms").headers["cache-control"] == "no-store"


def test_the_reference_is_one_page_that_loads_nothing(call: Call) -> None:
    page = call("GET", "/docs", None).text
    assert "/api/v1/alarms/{alarm_id}/acknowledge" in page
    assert "<script" not in page
    assert "http://" not in page and "https://" not in page


def test_risk_is_a_tree_with_colours(rig: ApiRig, call: Call) -> None:
    rig.raise_alarm(CH4, Condition.HIGH_HIGH, 1.7)
    (province,) = wait_until(
        lambda: (r := call("GET", "/risk").json()["regions"])[0]["colour"] == "red" and r, "the tree to turn red"
    )
    assert (province["level"], province["code"], [c["code"] for c in province["children"]]) == (
        "province",
        "14",
        ["1401", "1404"],
    )
    mine = province["children"][0]["children"][0]["children"][0]
    assert (mine["id"], mine["colour"], mine["unacknowledged"] > 0) == ("M001", "red", True)
    assert [(s["id"], s["colour"]) for s in mine["children"]] == [("face-1203", "red"), ("return-east", None)]
    farm = province["children"][1]["children"][0]["children"][0]
    assert (farm["id"], farm["colour"]) == ("T001", None)


def test_figures_of_a_period(rig: ApiRig, call: Call) -> None:
    start = rig.now_ms + 1
    first = rig.raise_alarm(CH4, Condition.HIGH, 1.1)
    rig.now_ms += 30_000
    rig.desk.acknowledge(first.id, "test")
    rig.raise_alarm(CH4, Condition.HIGH, 1.2)
    got = call("GET", f"/kpi?since={start}&until={start + 3_600_000}").json()
    assert (got["raised"], got["acknowledged"], got["never_acknowledged"]) == (2, 1, 1)
    assert (got["per_hour"], got["peak_per_10_min"], got["flood_share"]) == (2.0, 2, 0.0)
    assert got["seconds_to_acknowledge"] == {"p50": 30.0, "p90": 30.0}
    assert got["top_points"] == [{"enterprise": "M001", "point": "CH4-01", "raised": 2, "share": 1.0}]
    assert got["enterprises"]["T001"]["raised"] == 0
    assert call("GET", "/kpi?since=2030-01-01T00:00:00Z").status_code == 422


def test_every_metric_is_documented(call: Call) -> None:
    from pathlib import Path

    documented = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    text = call("GET", "/metrics", None).text
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert [n for n in sorted(names) if f"`{n}`" not in documented and f"`{n}{{" not in documented] == []
