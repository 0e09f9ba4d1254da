"""Foreign JSON: shapes as gateways send them, and then whatever bytes there are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode.reject import RejectReason
from tests.support.decode_rig import Route
from tests.support.ingest_parts import NOW_MS

S = NOW_MS // 1000
FLAT = {"point": "{id}", "value": "v"}
CASES = [
    # keys of the route, payload, readings
    (FLAT, {"id": "CH4-01", "v": 0.42}, [("CH4-01", 0, 0.42, 1)]),
    ({**FLAT, "time": "t"}, {"id": "CH4-01", "v": 0.42, "t": NOW_MS - 7}, [("CH4-01", -7, 0.42, 0)]),
    ({**FLAT, "time": "t"}, {"id": "CH4-01", "v": "0.42", "t": str(NOW_MS)}, [("CH4-01", 0, 0.42, 0)]),
    ({**FLAT, "time": "t"}, {"id": "CH4-01", "v": None, "t": NOW_MS}, [("CH4-01", 0, None, 2)]),
    ({**FLAT, "time": "t"}, {"id": "CH4-01", "v": True, "t": None}, [("CH4-01", 0, 1.0, 1)]),
    ({**FLAT, "time": "t", "precision": "s"}, {"id": "CO-07", "v": 3, "t": S - 1.5}, [("CO-07", -1500, 3.0, 0)]),
    ({**FLAT, "time": "t", "precision": "us"}, {"id": "CO-07", "v": 3, "t": S * 10**6}, [("CO-07", 0, 3.0, 0)]),
    ({**FLAT, "time": "t"}, {"id": "CO-07", "v": 3, "t": "2025-11-24T16:00:00Z"}, [("CO-07", 0, 3.0, 0)]),
    ({**FLAT, "time": "t"}, {"id": "CO-07", "v": 3, "t": "2025-11-25T00:00:00.5+08:00"}, [("CO-07", 500, 3.0, 0)]),
    (
        {**FLAT, "time": "t", "time_zone": "Asia/Shanghai"},
        [{"id": "CO-07", "v": 3, "t": "2025-11-25 00:00:01"}, {"id": "CO-07", "v": 4, "t": "2025/11/25 00:00:02"}],
        [("CO-07", 1000, 3.0, 0), ("CO-07", 2000, 4.0, 0)],
    ),
    (
        {"point": "{$.device}", "items": "data.readings", "value": "val.0", "time": "$.ts"},
        {"device": "CH4-01", "ts": NOW_MS, "data": {"readings": [{"val": [1]}, {"val": [2]}]}},
        [("CH4-01", 0, 1.0, 0), ("CH4-01", 0, 2.0, 0)],
    ),
    (
        {"point": "{key}", "value": "gas.*", "time": "ts"},
        {"ts": NOW_MS, "gas": {"CH4-01": 0.42, "CO-07": "3.1"}},
        [("CH4-01", 0, 0.42, 0), ("CO-07", 0, 3.1, 0)],
    ),
    ({"point": "{key}", "value": "*"}, {"CH4-01": 0.42}, [("CH4-01", 0, 0.42, 1)]),
    ({"point": "CO-0{key}", "value": "*"}, {}, []),
    (
        {**FLAT, "time": "t", "value_unit": "u"},
        {"id": "P-1", "v": 0.25, "u": "MPa", "t": NOW_MS},
        [("P-1", 0, 250.0, 0)],
    ),
    *[
        (
            {**FLAT, "time": "t", "quality": "q", "quality_codes": codes},
            {"id": "CO-07", "v": 3, "q": code, "t": NOW_MS},
            [("CO-07", 0, 3.0, quality)],
        )
        for codes, code, quality in [
            ("native", 0, 0),
            ("native", 3, 3),
            ("native", None, 0),
            ("opc", 192, 0),
            ("opc", "192", 0),
            ("opc", 64, 1),
            ("opc", 24, 2),
            ("opc-ua", 0x80050000, 2),
        ]
    ],
]


@pytest.mark.parametrize(("keys", "payload", "expected"), CASES, ids=range(len(CASES)))
def test_a_payload(keys: dict[str, Any], payload: Any, expected: list[Any]) -> None:
    assert Route(topic="j", format="json", enterprise="M001", **keys).readings("j", json.dumps(payload)) == expected


@pytest.mark.parametrize(
    ("keys", "payload", "reason", "part"),
    [
        (FLAT, "{", "not-json", ""),
        (FLAT, b"\xff", "not-json", ""),
        (FLAT, "[" * 100_000, "nesting", ""),
        (FLAT, "1", "shape", "nothing at v"),
        (FLAT, '{"id":"CH4-01"}', "shape", "nothing at v"),
        (FLAT, '{"v":1}', "name", "{id}"),
        (FLAT, '{"id":{},"v":1}', "name", "{id}"),
        (FLAT, '{"id":"CH4-01","v":"off"}', "shape", "'off'"),
        (FLAT, '{"id":"CH4-01","v":[1]}', "shape", "no number"),
        (FLAT, '{"id":"CH4-09","v":1}', "unknown-point", "M001/CH4-09"),
        ({**FLAT, "items": "data"}, "{}", "shape", "nothing at data"),
        ({**FLAT, "value": "v.*"}, '{"id":"CH4-01","v":1}', "shape", "no object"),
        ({**FLAT, "time": "t"}, '{"id":"CH4-01","v":1,"t":"2025-11-25 00:00:00"}', "time", "time_zone"),
        ({**FLAT, "time": "t"}, '{"id":"CH4-01","v":1,"t":"yesterday"}', "time", "yesterday"),
        ({**FLAT, "time": "t"}, '{"id":"CH4-01","v":1,"t":true}', "time", ""),
        ({**FLAT, "time": "t"}, '{"id":"CH4-01","v":1,"t":1764000000}', "past", ""),
        ({**FLAT, "quality": "q"}, '{"id":"CH4-01","v":1,"q":4}', "quality", "4"),
        ({**FLAT, "quality": "q"}, '{"id":"CH4-01","v":1,"q":"good"}', "quality", "good"),
        ({**FLAT, "unit": "lx"}, '{"id":"CH4-01","v":1}', "unit", "lx"),
    ],
)
def test_a_payload_that_is_rejected(keys: dict[str, Any], payload: bytes | str, reason: str, part: str) -> None:
    got, detail = Route(topic="j", format="json", enterprise="M001", **keys).reject("j", payload)
    assert got == reason
    assert part in detail


def test_one_wrong_item_spoils_no_other() -> None:
    route = Route(topic="j", format="json", enterprise="M001", **FLAT)
    payload = '[{"id":"CH4-01","v":1}, 7, {"id":"CH4-01","v":"x"}, {"id":"CO-07","v":2}]'
    group = route.group("j", payload)
    assert group.batch.value.tolist() == [1.0, 2.0]
    assert [r.detail for _, r in group.rejects] == ["there is nothing at v (and 1 more)"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "v", "t", "q", "u", "data", "x"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(payload=st.binary(max_size=80) | json_values.map(json.dumps).map(str.encode), kept=st.booleans())
def test_nothing_escapes_whatever_comes(payload: bytes, kept: bool) -> None:
    for keys in (
        {"value": "v", "time": "t", "quality": "q", "value_unit": "u", "point": "{id}", "time_zone": "Asia/Shanghai"},
        {"value": "*", "items": "data", "time": "$.t", "quality": "$.q", "quality_codes": "opc", "point": "{key}"},
    ):
        group = Route(topic="j", format="json", enterprise="M001", **keys).group("j", payload, kept)
        assert all(r.reason is not RejectReason.INTERNAL and len(r.detail) < 1000 for _, r in group.rejects)
