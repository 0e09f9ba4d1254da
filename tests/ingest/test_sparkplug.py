"""Sparkplug B 3.0 as a story of births, data and deaths, its datatypes, and then whatever bytes there are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode.reject import RejectReason
from ingest.decode.sparkplug_schema import Payload
from tests.support.decode_rig import Route, rows
from tests.support.ingest_parts import NOW_MS

FLOAT, DOUBLE, BOOLEAN, STRING = 9, 10, 11, 12
NODE, DEVICE = "spBv1.0/M001/{}/gw1", "spBv1.0/M001/{}/gw1/plc"


def payload(seq: int | None, *metrics: dict[str, Any], **more: Any) -> bytes:
    made = Payload(timestamp=NOW_MS, **more)
    if seq is not None:
        made.seq = seq
    for metric in metrics:
        quality = metric.pop("quality", None)
        added = made.metrics.add(**metric)
        if quality is not None:
            added.properties.keys.append("Quality")
            added.properties.values.add(type=3, int_value=quality)
    return bytes(made.SerializeToString())


def bd(number: int) -> dict[str, Any]:
    return {"name": "bdSeq", "datatype": 4, "long_value": number}


def route() -> Route:
    return Route(topic="spBv1.0/#", format="sparkplug-b", enterprise="{group}")


def born(seq: int = 0) -> Route:
    """A node with two metrics of its own and a device with one."""
    made = route()
    birth = payload(
        seq,
        bd(3),
        {"name": "Node Control/Rebirth", "datatype": BOOLEAN, "boolean_value": False},
        {"name": "CH4-01", "alias": 1, "datatype": DOUBLE, "double_value": 0.4},
        {"name": "FAN-1", "alias": 2, "datatype": BOOLEAN, "boolean_value": True},
        {"name": "T-9", "alias": 5, "datatype": STRING, "string_value": b"warm"},
    )
    assert made.readings(NODE.format("NBIRTH"), birth) == [("CH4-01", 0, 0.4, 0), ("FAN-1", 0, 1.0, 0)]
    device = payload(
        seq + 1, {"name": "CO-07", "alias": 3, "datatype": FLOAT, "float_value": 3.1, "timestamp": NOW_MS - 9}
    )
    assert made.readings(DEVICE.format("DBIRTH"), device) == [("CO-07", -9, 3.1, 0)]
    assert made.published == []
    return made


def requests(made: Route) -> list[str]:
    for topic, data in made.published:
        command = Payload.FromString(data)
        assert topic == "spBv1.0/M001/NCMD/gw1"
        assert [(m.name, m.datatype, m.boolean_value) for m in command.metrics] == [("Node Control/Rebirth", 11, True)]
        assert not command.HasField("seq"), "commands carry none"
    return [topic for topic, _ in made.published]


def test_data_by_alias_and_by_name() -> None:
    made = born()
    data = payload(2, {"alias": 1, "double_value": 0.6}, {"name": "FAN-1", "boolean_value": False})
    assert made.readings(NODE.format("NDATA"), data) == [("CH4-01", 0, 0.6, 0), ("FAN-1", 0, 0.0, 0)]
    data = payload(3, {"alias": 3, "float_value": 0.42, "datatype": FLOAT})
    assert made.readings(DEVICE.format("DDATA"), data) == [("CO-07", 0, 0.42, 0)]
    assert requests(made) == []


def test_seq_wraps_after_255() -> None:
    made = born(seq=254)
    assert made.readings(NODE.format("NDATA"), payload(0, {"alias": 1, "double_value": 1.0})) == [("CH4-01", 0, 1.0, 0)]


def test_a_null_a_quality_and_history() -> None:
    made = born()
    data = payload(
        2,
        {"alias": 1, "is_null": True},
        {"alias": 1, "double_value": 0.5, "quality": 0},
        {"alias": 1, "double_value": 0.5, "quality": 192},
        {"alias": 1, "double_value": 0.5, "quality": 500},
        {"alias": 1, "double_value": 0.5, "quality": 64},
        {"alias": 1, "double_value": 0.5, "quality": 9999},
        {"alias": 1, "double_value": float("nan")},
        {"alias": 1, "double_value": 0.3, "is_historical": True, "timestamp": NOW_MS - 3_600_000},
    )
    assert [(t, v, q) for _, t, v, q in made.readings(NODE.format("NDATA"), data)] == [
        (0, None, 2),
        (0, 0.5, 2),
        (0, 0.5, 0),
        (0, 0.5, 2),
        (0, 0.5, 1),
        (0, 0.5, 1),
        (0, None, 2),
        (-3_600_000, 0.3, 0),
    ]


def test_a_gap_is_told_the_values_are_doubtful_and_a_birth_ends_it() -> None:
    made = born()
    group = made.group(NODE.format("NDATA"), payload(7, {"alias": 1, "double_value": 1.6}))
    assert rows(group) == [("CH4-01", 0, 1.6, 1)], "an alarm is not held back for a gap"
    assert [(r.reason.value, r.detail) for _, r in group.rejects] == [
        ("sequence", "M001/gw1: seq 7 after 1; rebirth requested")
    ]
    assert len(requests(made)) == 1
    more = payload(8, {"alias": 1, "double_value": 1.7})
    assert made.readings(NODE.format("NDATA"), more) == [("CH4-01", 0, 1.7, 1)]
    assert len(requests(made)) == 1, "not asked again at once"
    more = payload(9, {"alias": 1, "double_value": 1.7})
    made.group(NODE.format("NDATA"), more, received_ms=NOW_MS + 10_000)
    assert len(requests(made)) == 2
    birth = payload(0, bd(3), {"name": "CH4-01", "alias": 4, "datatype": DOUBLE, "double_value": 0.4})
    assert made.readings(NODE.format("NBIRTH"), birth) == [("CH4-01", 0, 0.4, 0)]
    assert made.readings(NODE.format("NDATA"), payload(1, {"alias": 4, "double_value": 1.0})) == [("CH4-01", 0, 1.0, 0)]
    assert made.reject(NODE.format("NDATA"), payload(2, {"alias": 1, "double_value": 1.0}))[0] == "sequence"


def test_data_before_birth_asks_for_it() -> None:
    made = route()
    for kind in (NODE.format("NDATA"), DEVICE.format("DDATA"), DEVICE.format("DBIRTH")):
        assert made.reject(kind, payload(5, {"alias": 1, "double_value": 1.0}))[0] == "sequence"
    assert len(requests(made)) == 1
    assert made.readings(DEVICE.format("DDEATH"), payload(6)) == []
    assert made.readings(NODE.format("NDEATH"), payload(None, bd(0))) == []


def test_a_failing_broker_stops_nothing() -> None:
    def refuse(*_: object) -> None:
        raise OSError("away")

    made = route()
    made.published = type("Refuses", (list,), {"append": refuse})()
    assert made.reject(NODE.format("NDATA"), payload(5))[0] == "sequence"


def test_death_of_a_device_and_of_the_node() -> None:
    made = born()
    assert made.readings(DEVICE.format("DDEATH"), payload(2)) == [("CO-07", 0, None, 2)]
    assert made.readings(NODE.format("NDEATH"), payload(None, bd(2))) == [], "the will of an earlier connection"
    death = payload(None, bd(3))
    assert made.readings(NODE.format("NDEATH"), death, received_ms=NOW_MS + 5) == [
        ("CH4-01", 5, None, 2),
        ("FAN-1", 5, None, 2),
    ]
    assert made.readings(NODE.format("NDEATH"), death) == [], "told once"
    assert made.reject(NODE.format("NDATA"), payload(3, {"alias": 1, "double_value": 1.0}))[0] == "sequence"


def test_a_device_is_born_again_after_its_death() -> None:
    made = born()
    made.readings(DEVICE.format("DDEATH"), payload(2))
    birth = payload(3, {"name": "CO-07", "alias": 9, "datatype": FLOAT, "float_value": 2.0})
    assert made.readings(DEVICE.format("DBIRTH"), birth) == [("CO-07", 0, 2.0, 0)]
    assert [p for p, *_ in made.readings(NODE.format("NDEATH"), payload(None, bd(3)))] == ["CH4-01", "FAN-1", "CO-07"]


@pytest.mark.parametrize(
    ("datatype", "field", "sent", "value"),
    [
        (1, "int_value", 0xFF, -1.0),
        (1, "int_value", 0xFFFFFFFF, -1.0),
        (1, "int_value", 127, 127.0),
        (2, "int_value", 0x8000, -32768.0),
        (3, "int_value", 0x80000000, -2147483648.0),
        (4, "long_value", 0xFFFFFFFFFFFFFFFE, -2.0),
        (4, "long_value", 5, 5.0),
        (5, "int_value", 255, 255.0),
        (6, "int_value", 65535, 65535.0),
        (7, "int_value", 0xFFFFFFFF, 4294967295.0),
        (7, "long_value", 0xFFFFFFFF, 4294967295.0),
        (8, "long_value", 0xFFFFFFFFFFFFFFFF, 1.8446744073709552e19),
        (9, "float_value", 0.42, 0.42),
        (9, "float_value", 3.4028234663852886e38, 3.4028234663852886e38),
        (10, "double_value", 0.1, 0.1),
        (11, "boolean_value", True, 1.0),
    ],
)
def test_datatypes(datatype: int, field: str, sent: Any, value: float) -> None:
    birth = payload(0, {"name": "CH4-01", "datatype": datatype, field: sent})
    assert route().readings(NODE.format("NBIRTH"), birth) == [("CH4-01", 0, pytest.approx(value, rel=1e-15), 0)]


@pytest.mark.parametrize(
    ("topic", "data", "reason"),
    [
        ("spBv1.0/M001/NBIRTH", payload(0), "topic"),
        ("spBv1.0/M001/XDATA/gw1", payload(0), "topic"),
        ("spBv1.0/M001/NBIRTH/gw1/plc", payload(0), "topic"),
        ("spBv1.0/M001/DBIRTH/gw1", payload(0), "topic"),
        (NODE.format("NBIRTH"), b"\xff", "syntax"),
        (NODE.format("NBIRTH"), payload(None), "shape"),
        (NODE.format("NBIRTH"), payload(256), "shape"),
        (NODE.format("NBIRTH"), payload(0, {"alias": 1, "datatype": 10, "double_value": 1.0}), "shape"),
        (NODE.format("NBIRTH"), payload(0, {"name": "CH4-01", "datatype": 10}), "shape"),
        (NODE.format("NBIRTH"), payload(0, {"name": "CH4-01", "datatype": 10, "string_value": b"1"}), "shape"),
        (NODE.format("NBIRTH"), payload(0, {"name": "X", "datatype": 10, "double_value": 1.0}), "unknown-point"),
        (NODE.format("NBIRTH"), payload(0, {"name": "a/b", "datatype": 10, "double_value": 1.0}), "name"),
    ],
)
def test_what_is_rejected(topic: str, data: bytes, reason: str) -> None:
    assert route().reject(topic, data)[0] == reason


def test_commands_and_host_states_are_for_others_and_nothing_is_retained() -> None:
    for topic in ("spBv1.0/STATE/scada", "spBv1.0/M001/NCMD/gw1", "spBv1.0/M001/DCMD/gw1/plc"):
        assert route().readings(topic, b'{"online":true}') == []
    assert route().reject(NODE.format("NBIRTH"), payload(0), retained=True)[0] == "retained"


def test_a_text_that_is_not_utf8_is_no_mistake_of_ours() -> None:
    made = route()
    assert (
        made.readings(NODE.format("NBIRTH"), payload(0, {"name": "T-9", "datatype": 12, "string_value": b"\xff"})) == []
    )
    name = b"\x18\x00\x12\x0e\x0a\x01\xff\x20\x0a\x69" + bytes(8)
    assert made.reject(NODE.format("NBIRTH"), name) == ("syntax", "a metric's name is not UTF-8")


def test_a_birth_as_another_publisher_sends_it() -> None:
    """Made by pysparkplug 0.6.1, with the official schema: Float, Int16, Int64, a null, and bdSeq."""
    data = bytes.fromhex(
        "0880d0dfb4ab3312180a064348342d303110011880d0dfb4ab332009653d0ad73e12140a03542d3110021881d0dfb4ab33200250d8ff03"
        "121d0a05434f2d303710031882d0dfb4ab33200458fdffffffffffffffff0112100a03502d311882d0dfb4ab33200a380112120a056264"
        "5365711883d0dfb4ab33200458011800"
    )
    assert route().readings(NODE.format("NBIRTH"), data) == [
        ("CH4-01", 0, 0.42, 0),
        ("T-1", 1, -40.0, 0),
        ("CO-07", 2, -3.0, 0),
        ("P-1", 2, None, 2),
    ]


def test_the_bytes_are_those_of_the_official_schema() -> None:
    """Field by field by hand: timestamp 1, metric 2 {name 1, alias 2, datatype 4, double 13}, seq 3."""
    data = bytes.fromhex("0880d0a78aab33" + "1215" + "0a0143" + "1001" + "200a" + "690000000000000440" + "0a0143"[:0])
    data = data[:8] + bytes([len(data) - 9]) + data[9:] + b"\x18\x07"
    parsed = Payload.FromString(data)
    (metric,) = parsed.metrics
    assert (metric.name, metric.alias, metric.datatype, metric.double_value, parsed.seq) == ("C", 1, 10, 2.5, 7)


topics = st.sampled_from([NODE.format(k) for k in ("NBIRTH", "NDATA", "NDEATH", "NCMD")]) | st.sampled_from(
    [DEVICE.format(k) for k in ("DBIRTH", "DDATA", "DDEATH")]
)
metrics = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["CH4-01", "CO-07", "bdSeq", "x"]),
        "alias": st.integers(0, 3),
        "datatype": st.integers(0, 34),
        "timestamp": st.integers(0, 2**64 - 1),
        "is_null": st.booleans(),
        "quality": st.integers(0, 600),
        "double_value": st.floats(),
        "long_value": st.integers(0, 2**64 - 1),
        "float_value": st.floats(width=32),
        "string_value": st.binary(max_size=3),
    },
)
payloads = st.builds(lambda seq, ms: payload(seq, *ms), st.integers(0, 300), st.lists(metrics, max_size=4))


@given(
    st.lists(
        st.tuples(topics | st.text(max_size=20).map("spBv1.0/".__add__), st.binary(max_size=60) | payloads), max_size=8
    )
)
def test_nothing_escapes_whatever_comes(messages: list[tuple[str, bytes]]) -> None:
    made = route()
    for topic, data in messages:
        group = made.group(topic, data)
        assert all(r.reason is not RejectReason.INTERNAL and len(r.detail) < 1000 for _, r in group.rejects), group
    assert len(made.published) <= 1
