"""Native payloads, case by case, and then whatever bytes there are."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hazards.log import Log
from hazards.plant import PointKey
from ingest.decode.decoder import Columns
from ingest.decode.group import DecodedGroup, decode_group
from ingest.decode.native import NativeDecoder, parse_time_ms
from ingest.decode.reject import RejectReason
from ingest.directory import Directory
from ingest.message import Message
from tests.support.ingest_parts import NOW_MS, Parts, make_points

ONE = "hazmon/v1/M001/CH4-00001"
MANY = "hazmon/v1/M001"
T = NOW_MS - 5
nan = float("nan")


class Numbers:
    """Gives numbers as the log does."""

    def point_ids(self, keys: list[PointKey]) -> Any:
        return np.arange(len(keys), dtype=np.int32)


def directory(n: int = 3) -> Directory:
    numbers: Log = Numbers()  # type: ignore[assignment]  # all that Directory asks of it
    return Directory(numbers, make_points(n))


DECODER = NativeDecoder(directory())


def decode(topic: str, payload: bytes | str, retained: bool = False) -> DecodedGroup:
    if isinstance(payload, str):
        for word, time in (("@T", T), ("@60s", NOW_MS + 60_000), ("@60.001s", NOW_MS + 60_001)):
            payload = payload.replace(word, str(time))
        payload = payload.encode()
    return decode_group([Message(topic, payload, NOW_MS, retained)], DECODER)


def rows(group: DecodedGroup) -> list[tuple[int, int, float, int]]:
    batch = group.batch
    return list(
        zip(batch.point.tolist(), batch.time_ms.tolist(), batch.value.tolist(), batch.quality.tolist(), strict=True)
    )


GOOD = [
    # payload, (t, v, q)
    ('{"t": @T, "v": 0.42, "q": 0}', (T, 0.42, 0)),
    ('{"t": @T, "v": 3}', (T, 3.0, 0)),
    ('{"t": @T, "v": -0.0, "q": 1}', (T, 0.0, 1)),
    ('{"t": @T, "v": true}', (T, 1.0, 0)),
    ('{"t": @T, "v": false, "q": 3}', (T, 0.0, 3)),
    ('{"t": @T, "v": null}', (T, nan, 2)),
    ('{"t": @T, "v": null, "q": 1}', (T, nan, 2)),
    ('{"t": @T, "v": null, "q": 3}', (T, nan, 3)),  # maintenance says more than that there is no value
    ('{"v": 0.42}', (NOW_MS, 0.42, 1)),
    ('{"v": 0.42, "t": null}', (NOW_MS, 0.42, 1)),
    ('{"v": 0.42, "q": 2}', (NOW_MS, 0.42, 2)),
    ('{"v": 0.42, "q": 3}', (NOW_MS, 0.42, 3)),
    ('{"v": null}', (NOW_MS, nan, 2)),
    ('{"t": "2025-11-24T16:00:00.123+08:00", "v": 1}', (1763971200123, 1.0, 0)),
    ('{"t": "2025-11-24T08:00:00Z", "v": 1}', (1763971200000, 1.0, 0)),
    ('{"t": @T.75, "v": 1}', (T, 1.0, 0)),
    ('{"t": 1.7639712e12, "v": 1}', (1763971200000, 1.0, 0)),
    ('{"t": @T, "v": 1, "unit": "%CH4", "extra": {"a": [1]}}', (T, 1.0, 0)),
    ('  {"v" : 1e-999 , "t":@T}\n', (T, 0.0, 0)),
    ('{"t": @T, "v": 123456789012345678901234567890}', (T, 123456789012345678901234567890.0, 0)),
    ('{"t": 946684800000, "v": 1}', (946_684_800_000, 1.0, 0)),
    ('{"t": @60s, "v": 1}', (NOW_MS + 60_000, 1.0, 0)),
    # from the future: kept, with the time of receipt
    ('{"t": @60.001s, "v": 1}', (NOW_MS, 1.0, 1)),
    ('{"t": @60.001s, "v": 1, "q": 3}', (NOW_MS, 1.0, 3)),
    ('{"t": @60.001s, "v": null}', (NOW_MS, nan, 2)),
    ('{"t": @T000, "v": 1}', (NOW_MS, 1.0, 1)),
    ('{"t": 9999999999999999999999999999, "v": 1}', (NOW_MS, 1.0, 1)),
    ('{"t": 1e300, "v": 1}', (NOW_MS, 1.0, 1)),
    ('{"t": "9999-12-31T23:59:59Z", "v": 1}', (NOW_MS, 1.0, 1)),
]


@pytest.mark.parametrize(("payload", "expected"), GOOD)
def test_one_reading(payload: str, expected: tuple[int, float, int]) -> None:
    group = decode(ONE, payload)
    assert group.rejects == () and group.unknown == ()
    ((point, t, v, q),) = rows(group)
    assert (point, t, q) == (1, expected[0], expected[2])
    assert v == expected[1] or (math.isnan(v) and math.isnan(expected[1]))


BAD = [
    # payload, reason, part of the detail
    ("", "not-json", ""),
    ("hello", "not-json", ""),
    ('{"v": NaN}', "not-json", ""),
    ('{"v": Infinity}', "not-json", ""),
    ('{"v": 1', "not-json", "truncated"),
    ('{"v": 1} x', "not-json", ""),
    (b"\xff\xfe{", "not-json", ""),
    (b'{"v": 1, "t": "\xff"}', "not-json", "utf-8"),
    (b"\x00" * 100, "not-json", ""),
    ("null", "shape", ""),
    ("0.42", "shape", "object"),
    ("[1]", "shape", ""),
    ("{}", "shape", "`v`"),
    ('{"t": @T}', "shape", "`v`"),
    ('{"v": "0.42"}', "shape", "$.v"),
    ('{"v": [0.42]}', "shape", "$.v"),
    ('{"v": {"a": 1}}', "shape", "$.v"),
    ('{"v": 1e999}', "shape", "range"),
    ('{"v": 1, "t": true}', "shape", "$.t"),
    ('{"v": 1, "t": [1]}', "shape", "$.t"),
    ('{"v": 1, "q": "0"}', "shape", "$.q"),
    ('{"v": 1, "q": null}', "shape", "$.q"),
    ('{"v": 1, "q": 1.5}', "shape", "$.q"),
    ('{"v": 1, "t": %s}' % ("9" * 5000), "shape", "range"),
    ('{"v": 1, "q": 4}', "quality", "4"),
    ('{"v": 1, "q": -1}', "quality", "-1"),
    ('{"v": 1, "q": 99999999999999999999}', "quality", ""),
    ('{"v": 1, "t": "yesterday"}', "time", "yesterday"),
    ('{"v": 1, "t": "2025-11-24T16:00:00"}', "time", "timezone"),
    ('{"v": 1, "t": ""}', "time", ""),
    ('{"v": 1, "t": "1764000000000"}', "time", ""),
    ('{"v": 1, "t": 946684799999}', "past", "t = 946684799999"),
    ('{"v": 1, "t": 0}', "past", ""),
    ('{"v": 1, "t": -99999999999999999999999999}', "past", ""),
    ('{"v": 1, "t": 1764000000}', "past", ""),  # seconds
    ('{"v": 1, "t": "0001-01-01T00:00:00Z"}', "past", ""),
    ('{"v": 1, "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "nesting", ""),
    ('{"v": 1, "x": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}", "nesting", ""),
    (b'{"v": 1, "x": "' + b"x" * (1 << 20) + b'"}', "too-large", "at most 1048576"),
    (b"\xff" * 10_000_000, "too-large", "10000000 bytes"),
]


@pytest.mark.parametrize(("payload", "reason", "detail"), BAD, ids=range(len(BAD)))
def test_a_payload_that_is_rejected(payload: bytes | str, reason: str, detail: str) -> None:
    group = decode(ONE, payload)
    assert rows(group) == [] and group.unknown == ()
    ((_, reject),) = group.rejects
    assert reject.reason == reason
    assert detail in reject.detail
    assert len(reject.detail) < 600


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "hazmon",
        "hazmon/v1",
        "hazmon/v1/",
        "hazmon/v1//CH4-00001",
        "hazmon/v1/M001/",
        "hazmon/v1/M001/CH4-00001/more",
        "hazmon/v1/M001/CH4 00001",
        "hazmon/v1/矿/CH4-00001",
        "hazmon/v1/M001/" + "x" * 65,
        "hazmon/v1/M001/CH4-00001\n",
        "hazmon/v2/M001/CH4-00001",
        "Hazmon/v1/M001/CH4-00001",
        "x" * 65_535,
    ],
)
def test_a_wrong_topic(topic: str) -> None:
    group = decode(topic, '{"v": 1}')
    ((_, reject),) = group.rejects
    assert reject.reason is RejectReason.TOPIC
    assert len(reject.detail) < 600


def test_an_unknown_point_is_noted_with_its_value() -> None:
    group = decode("hazmon/v1/M001/NEW", '{"t": @T, "v": 7.5, "q": 1}')
    ((_, reject),) = group.rejects
    assert (reject.reason, reject.detail) == (RejectReason.UNKNOWN_POINT, "M001/NEW is not in the plant")
    (unknown,) = group.unknown
    assert (unknown.key, unknown.time_ms, unknown.value, unknown.quality) == (PointKey("M001", "NEW"), T, 7.5, 1)
    assert decode("hazmon/v1/M009/NEW", "x").rejects[0][1].reason is RejectReason.NOT_JSON


P = ["CH4-00000", "CH4-00002"]
COLUMNS = [
    # columns, expected rows
    ({"p": P, "t": T, "v": [1, 2]}, [(0, T, 1.0, 0), (2, T, 2.0, 0)]),
    ({"p": P, "t": [T, T - 7], "v": [1, None], "q": [3, 0]}, [(0, T, 1.0, 3), (2, T - 7, nan, 2)]),
    (
        {"p": P, "t": "2025-11-24T08:00:00Z", "v": [True, False], "q": 1},
        [(0, 1763971200000, 1, 1), (2, 1763971200000, 0, 1)],
    ),
    ({"p": P, "t": ["2025-11-24T08:00:00Z", T + 0.5], "v": [1, 2]}, [(0, 1763971200000, 1, 0), (2, T, 2, 0)]),
    ({"p": P, "v": [1, 2]}, [(0, NOW_MS, 1.0, 1), (2, NOW_MS, 2.0, 1)]),
    ({"p": P, "t": None, "v": [1, 2], "q": [2, 0]}, [(0, NOW_MS, 1.0, 2), (2, NOW_MS, 2.0, 1)]),
    ({"p": [P[0]] * 3, "t": [T, T, T + 1], "v": [1, 2, 3]}, [(0, T, 1, 0), (0, T, 2, 0), (0, T + 1, 3, 0)]),
    ({"p": P, "t": [T, T + 10**6], "v": [1, 2]}, [(0, T, 1, 0), (2, NOW_MS, 2, 1)]),
    ({"p": [], "t": T, "v": []}, []),
    ({"p": [], "t": [], "v": [], "q": []}, []),
]


@pytest.mark.parametrize(("columns", "expected"), COLUMNS, ids=range(len(COLUMNS)))
def test_many_readings(columns: dict[str, Any], expected: list[tuple[int, int, float, int]]) -> None:
    group = decode(MANY, json.dumps(columns))
    assert group.rejects == ()
    assert repr(rows(group)) == repr([(p, t, float(v), q) for p, t, v, q in expected])


@pytest.mark.parametrize(
    ("columns", "reason", "detail"),
    [
        ({"p": P, "t": T, "v": [1]}, "lengths", "p has 2 elements, v has 1"),
        ({"p": P, "t": [T], "v": [1, 2]}, "lengths", "t has 1"),
        ({"p": P, "t": T, "v": [1, 2], "q": [0, 0, 0]}, "lengths", "q has 3"),
        ({"p": P, "t": T, "v": 1}, "shape", "$.v"),
        ({"p": "CH4-00000", "t": T, "v": [1]}, "shape", "$.p"),
        ({"p": [1, 2], "t": T, "v": [1, 2]}, "shape", "$.p"),
        ({"p": P, "t": T, "v": [1, "2"]}, "shape", "$.v"),
        ({"p": P, "t": [T, None], "v": [1, 2]}, "shape", "$.t"),
        ({"p": P, "t": T, "v": [1, 2], "q": [0, None]}, "shape", "$.q"),
        ({"p": P, "t": T, "v": [1, 2], "q": [0, 9]}, "quality", "9"),
        ({"p": P, "t": T, "v": [1, 2], "q": 9}, "quality", "9"),
        ({"p": P, "t": "x", "v": [1, 2]}, "time", "x"),
        ({"p": P, "t": [T, "x"], "v": [1, 2]}, "time", "x"),
        ({"t": T, "v": [1]}, "shape", "`p`"),
    ],
)
def test_columns_that_are_rejected_whole(columns: dict[str, Any], reason: str, detail: str) -> None:
    group = decode(MANY, json.dumps(columns))
    assert rows(group) == []
    ((_, reject),) = group.rejects
    assert reject.reason == reason
    assert detail in reject.detail


def test_known_points_of_a_message_go_in_and_unknown_ones_are_listed() -> None:
    columns = {"p": ["X1", P[0], "X 2", P[1]], "t": [T, T - 1, T, T - 2], "v": [9, 1, 8, 2], "q": 0}
    group = decode(MANY, json.dumps(columns))
    assert rows(group) == [(0, T - 1, 1.0, 0), (2, T - 2, 2.0, 0)]
    assert [(u.key.point, u.value) for u in group.unknown] == [("X1", 9.0)]  # "X 2" cannot be a point
    ((_, reject),) = group.rejects
    assert reject.detail == "2 of 4 are not in the plant: M001/X1, M001/X 2"


def test_only_the_readings_from_the_past_are_left_out() -> None:
    messages = [
        Message(ONE, b'{"t": 5, "v": 1}', NOW_MS),
        Message(ONE, b'{"t": %d, "v": 2}' % T, NOW_MS),
        Message(MANY, json.dumps({"p": P, "t": [7, T], "v": [3, 4]}).encode(), NOW_MS),
        Message(ONE, b"{}", NOW_MS),
    ]
    group = decode_group(messages, DECODER)
    assert [(r[0], r[2]) for r in rows(group)] == [(1, 2.0), (2, 4.0)]
    assert [(messages.index(m), r.reason) for m, r in group.rejects] == [(3, "shape"), (0, "past"), (2, "past")]


def test_each_message_of_a_group_is_judged_by_its_own_receipt() -> None:
    messages = [Message(ONE, b'{"t": %d, "v": 1}' % (NOW_MS + 70_000), NOW_MS + i * 30_000) for i in range(2)]
    group = decode_group(messages, DECODER)
    assert [r[1] for r in rows(group)] == [NOW_MS, NOW_MS + 70_000]
    assert (group.future, group.received_ms) == ({1: 1}, NOW_MS)


def test_our_own_clock_that_was_never_set_judges_nobody() -> None:
    group = decode_group([Message(ONE, b'{"t": %d, "v": 1}' % T, 1000)], DECODER)
    assert (rows(group), group.future) == ([(1, T, 1.0, 0)], {})


def test_a_retained_message_counts_only_with_a_time_of_its_own() -> None:
    assert rows(decode(ONE, '{"t": @T, "v": 1}', retained=True)) == [(1, T, 1.0, 0)]
    for topic, payload in (
        (ONE, '{"v": 1}'),
        (MANY, json.dumps({"p": P, "v": [1, 2]})),
        ("hazmon/v1/M001/NEW", '{"v": 1}'),
    ):
        group = decode(topic, payload, retained=True)
        assert rows(group) == [] and group.unknown == ()
        assert [reject.reason for _, reject in group.rejects] == ["retained"]


def test_a_decoder_that_fails_harms_only_its_message() -> None:
    class Fails:
        def decode(self, message: Message, into: Columns) -> None:
            into.point.append(0)
            into.time_ms.append(T)
            if message.payload == b"bad":
                raise ZeroDivisionError("oh")
            into.value.append(1)
            into.quality.append(0)

    messages = [Message(ONE, payload, NOW_MS) for payload in (b"good", b"bad", b"good")]
    group = decode_group(messages, Fails())
    assert len(group.batch) == 2
    assert [(r.reason, r.detail) for _, r in group.rejects] == [("internal", "ZeroDivisionError: oh")]


def test_a_group_of_nothing() -> None:
    group = decode_group([], DECODER)
    assert (len(group.batch), group.rejects, group.received_ms) == (0, (), 0)


def test_a_changed_plant_is_taken_over(parts: Parts) -> None:
    message = [Message("hazmon/v1/M001/CH4-00003", b'{"v": 1}', NOW_MS)]
    decoder = NativeDecoder(parts.directory)
    assert decode_group(message, decoder).unknown
    parts.directory.replace(make_points(5)[2:])
    assert decode_group(message, decoder).batch.point.tolist() == [3]
    assert parts.directory.number(PointKey("M001", "CH4-00000")) is None
    assert len(parts.directory.keys()) == 5


# --- whatever bytes there are

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
nearly_right = st.fixed_dictionaries(
    {},
    optional={
        "p": st.lists(st.sampled_from([*P, "X", "\ud800", ""]) | json_values, max_size=4) | json_values,
        "t": st.integers() | st.floats() | st.lists(st.integers(0, 2**70), max_size=4) | json_values,
        "v": st.floats() | st.lists(st.floats() | st.none(), max_size=4) | json_values,
        "q": st.integers(-1, 4) | st.lists(st.integers(0, 4), max_size=4) | json_values,
    },
)
payloads = (
    st.binary(max_size=200) | json_values.map(json.dumps).map(str.encode) | nearly_right.map(json.dumps).map(str.encode)
)
topics = st.sampled_from([ONE, MANY, "hazmon/v1/M001/X", "hazmon/v1/other"]) | st.text(max_size=40)


@given(messages=st.lists(st.tuples(topics, payloads, st.booleans(), st.integers(0, 2 * NOW_MS)), max_size=8))
@example(messages=[(MANY, b'{"p":["\\ud800"],"v":[1]}', False, NOW_MS)])
def test_nothing_escapes_whatever_comes(messages: list[tuple[str, bytes, bool, int]]) -> None:
    made = [Message(topic, payload, received_ms, retained) for topic, payload, retained, received_ms in messages]
    group = decode_group(made, DECODER)
    batch = group.batch
    # the mistakes of a decoder are caught one level up: here there must be none
    assert all(reject.reason is not RejectReason.INTERNAL for _, reject in group.rejects)
    assert all(0 <= p < 3 for p in batch.point.tolist())
    assert all(t >= 946_684_800_000 for t in batch.time_ms.tolist()) or all(
        m.received_ms < 946_684_800_000 for m in made
    )
    assert all(q <= 3 and (v == v or q >= 2) for v, q in zip(batch.value.tolist(), batch.quality.tolist(), strict=True))
    assert all(len(reject.detail) < 1000 for _, reject in group.rejects)


@given(
    readings=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(946_684_800_000, NOW_MS + 60_000),
            st.floats(allow_nan=False, allow_infinity=False) | st.none(),
            st.integers(0, 3),
        ),
        max_size=10,
    )
)
def test_by_column_and_one_by_one_is_the_same(readings: list[tuple[int, int, float | None, int]]) -> None:
    names = [f"CH4-{p:05d}" for p, _, _, _ in readings]
    columns = {"p": names, "t": [r[1] for r in readings], "v": [r[2] for r in readings], "q": [r[3] for r in readings]}
    singles = [
        Message(f"hazmon/v1/M001/{name}", json.dumps({"t": t, "v": v, "q": q}).encode(), NOW_MS)
        for name, (_, t, v, q) in zip(names, readings, strict=True)
    ]
    together = decode(MANY, json.dumps(columns))
    assert together.rejects == ()
    assert repr(rows(together)) == repr(rows(decode_group(singles, DECODER)))
    assert [v for _, _, v, _ in rows(together) if not math.isnan(v)] == [v for _, _, v, _ in readings if v is not None]


@given(st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False))
def test_number_times_are_rounded_down_and_bounded(time: int | float) -> None:
    parsed = parse_time_ms(time)
    assert abs(parsed) <= 1 << 62
    assert abs(parsed) == 1 << 62 or 0 <= time - parsed <= 1  # 1 only where the float itself cannot tell
