"""SenML by the examples of RFC 8428, its rules, and then whatever bytes there are."""

import json
import math
from typing import Any

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.decode.reject import Reject, RejectReason
from ingest.decode.sample import Sample, Unusable
from ingest.decode.senml import SenML
from ingest.message import Message
from tests.support.decode_rig import Route
from tests.support.ingest_parts import NOW_MS

S = NOW_MS // 1000
_CODES = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6}
_CODES |= {"n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8}


def samples(pack: Any, encoding: str = "json", received_ms: int = NOW_MS) -> list[tuple[str, int | None, Any, str]]:
    """Name, time, value and unit of each sample; the reason where there is a reject instead."""
    data = (
        json.dumps(pack).encode()
        if encoding == "json"
        else cbor2.dumps([{_CODES.get(k, k): v for k, v in record.items()} for record in pack])
    )
    found = SenML(encoding).samples(Message("s", data, received_ms))  # type: ignore[arg-type]
    return [
        (s.reason.value, None, None, "") if isinstance(s, Reject) else (s.names["name"], s.time_ms, s.value, s.unit)
        for s in found
    ]


MAC = "urn:dev:ow:10e2073a01080063"
CASES = {
    "5.1.1 single data point": (
        [{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}],
        [(MAC, None, 23.1, "Cel")],
    ),
    "5.1.2 multiple data points": (
        [{"bn": f"{MAC}:", "n": "voltage", "u": "V", "v": 120.1}, {"n": "current", "u": "A", "v": 1.2}],
        [(f"{MAC}:voltage", None, 120.1, "V"), (f"{MAC}:current", None, 1.2, "A")],
    ),
    "5.1.2 base time, earlier times": (
        [
            {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e09, "bu": "A", "bver": 5, "n": "voltage",
             "u": "V", "v": 120.1},
            {"n": "current", "t": -5, "v": 1.2},
            {"n": "current", "t": -4, "v": 1.3},
            {"n": "current", "t": 0, "v": 1.7},
        ],
        [
            ("urn:dev:ow:10e2073a0108006:voltage", 1276020076001, 120.1, "V"),
            ("urn:dev:ow:10e2073a0108006:current", 1276020071001, 1.2, "A"),
            ("urn:dev:ow:10e2073a0108006:current", 1276020072001, 1.3, "A"),
            ("urn:dev:ow:10e2073a0108006:current", 1276020076001, 1.7, "A"),
        ],
    ),
    "5.1.3 humidity over time": (
        [
            {"bn": "urn:dev:ow:10e2073a01080063", "bt": 1.320067464e09, "bu": "%RH", "v": 20},
            {"u": "lon", "v": 24.30621},
            {"u": "lat", "v": 60.07965},
            {"t": 60, "v": 20.3},
        ],
        # the first record has no name of its own, which a base name alone supplies
        [
            (MAC, 1320067464000, 20.0, "%RH"),
            (MAC, 1320067464000, 24.30621, "lon"),
            (MAC, 1320067464000, 60.07965, "lat"),
            (MAC, 1320067524000, 20.3, "%RH"),
        ],
    ),
    "5.1.5 collection of resources, with a text and a boolean": (
        [
            {"bn": "2001:db8::2/", "bt": 1.320078429e09, "n": "temperature", "v": 25.2, "u": "Cel"},
            {"n": "humidity", "v": 30, "u": "%RH"},
            {"bn": "2001:db8::1/", "n": "label", "vs": "Machine Room"},
            {"n": "open", "vb": False},
        ],
        [
            ("2001:db8::2/temperature", 1320078429000, 25.2, "Cel"),
            ("2001:db8::2/humidity", 1320078429000, 30.0, "%RH"),
            ("shape", None, None, ""),
            ("2001:db8::1/open", 1320078429000, 0.0, ""),
        ],
    ),
    "4.1 base value": ([{"bn": "x", "bv": 20, "v": 1.5}, {"v": -1}], [("x", None, 21.5, ""), ("x", None, 19.0, "")]),
    "4.1 base fields alone make no reading": ([{"bn": "x", "bt": 1.3e9}, {"v": 1}], [("x", 1300000000000, 1.0, "")]),
    "4.5.3 relative: below 2**28": ([{"n": "x", "t": -60, "v": 1}], [("x", NOW_MS - 60_000, 1.0, "")]),
    "4.5.3 relative: 2**28 - 1": (
        [{"n": "x", "t": (1 << 28) - 1, "v": 1}],
        [("x", NOW_MS + ((1 << 28) - 1) * 1000, 1.0, "")],
    ),
    "4.5.3 absolute: 2**28": ([{"n": "x", "t": 1 << 28, "v": 1}], [("x", (1 << 28) * 1000, 1.0, "")]),
    "4.5.3 base and own time together": (
        [{"bn": "x", "bt": (1 << 28) - 1, "t": 1, "v": 1}],
        [("x", (1 << 28) * 1000, 1.0, "")],
    ),
    "4.5.3 zero is now": ([{"n": "x", "t": 0, "v": 1}], [("x", None, 1.0, "")]),
    "sum only": ([{"n": "x", "s": 5}], [("shape", None, None, "")]),
    "no name": ([{"v": 5}], [("name", None, None, "")]),
    "update time, and a field that nobody knows": ([{"n": "x", "v": 1, "ut": 10, "foo": []}], [("x", None, 1.0, "")]),
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["json", "cbor"])
@pytest.mark.parametrize("case", CASES)
def test_rfc_8428(case: str, encoding: str) -> None:
    pack, expected = CASES[case]
    assert samples(pack, encoding) == expected


def test_the_rfcs_cbor_example() -> None:
    """RFC 8428, section 6, the dump of the pack of 5.1.2."""
    data = bytes.fromhex(
        "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c7461"
        "676501615602fb405e066666666666a3006763757272656e740624 02fb3ff3333333333333a3006763757272656e740623"
        "02fb3ff4cccccccccccda3006763757272656e74062202fb3ff6666666666666a3006763757272656e74062102f93e00"
        "a3006763757272656e74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333"
    )
    found = list(SenML("cbor").samples(Message("s", data, NOW_MS)))
    assert [(s.names["name"].rpartition(":")[2], s.time_ms, s.value) for s in found if isinstance(s, Sample)] == [
        ("voltage", 1276020076001, 120.1),
        ("current", 1276020071001, 1.2),
        ("current", 1276020072001, 1.3),
        ("current", 1276020073001, 1.4),
        ("current", 1276020074001, 1.5),
        ("current", 1276020075001, 1.6),
        ("current", 1276020076001, 1.7),
    ]


@pytest.mark.parametrize(
    ("encoding", "payload", "reason"),
    [
        ("json", b"", "not-json"),
        ("json", b"[", "not-json"),
        ("json", b"\xff", "not-json"),
        ("json", b"{}", "shape"),
        ("json", b"[1]", "shape"),
        ("json", b"[" * 100_000, "nesting"),
        ("json", b'[{"n":1,"v":1}]', "shape"),
        ("json", b'[{"n":"x","v":"1"}]', "shape"),
        ("json", b'[{"n":"x","v":true}]', "shape"),
        ("json", b'[{"n":"x","v":1,"t":null}]', "shape"),
        ("json", b'[{"n":"x","v":1,"must_":1}]', "shape"),
        ("json", b'[{"bver":11,"n":"x","v":1}]', "shape"),
        ("cbor", b"", "syntax"),
        ("cbor", b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "syntax"),
        ("cbor", b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", "syntax"),
        ("cbor", b"\x81" * 100_000, "syntax"),
        ("cbor", cbor2.dumps([{0: "x", 2: cbor2.CBORTag(5, [1 << 40, 1])}]), "syntax"),
        ("cbor", b"\xd8\x23\x64(a+)", "syntax"),
        ("cbor", b"\xd8\x1c\x81\xd8\x1d\x00", "syntax"),
    ],
)
def test_a_pack_that_is_rejected(encoding: str, payload: bytes, reason: str) -> None:
    route = Route(topic="s", format=f"senml-{encoding}", enterprise="M001")
    assert route.reject("s", payload)[0] == reason


def test_a_relative_time_is_doubtful_and_no_use_in_a_retained_message() -> None:
    route = Route(topic="s", format="senml-json", enterprise="M001")
    relative, absolute = '[{"n":"CH4-01","v":1,"t":-2}]', f'[{{"n":"CH4-01","v":1,"t":{S - 2}}}]'
    assert route.readings("s", relative) == [("CH4-01", -2000, 1.0, 1)]
    assert route.readings("s", absolute) == [("CH4-01", -2000, 1.0, 0)]
    assert route.readings("s", absolute, retained=True) == [("CH4-01", -2000, 1.0, 0)]
    for pack in (relative, '[{"n":"CH4-01","v":1}]'):
        assert route.reject("s", pack, retained=True)[0] == "retained"


def test_a_decimal_fraction_is_a_number() -> None:
    """RFC 8428, section 6: numbers may be decimal fractions (tag 4)."""
    data = cbor2.dumps([{0: "x", 2: cbor2.CBORTag(4, [-2, 42])}])
    (sample,) = SenML("cbor").samples(Message("s", data, NOW_MS))
    assert isinstance(sample, Sample)
    assert sample.value == 0.42


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)
records = st.dictionaries(st.sampled_from([*_CODES, "x", "y_"]), values, max_size=6)
packs = st.lists(records | values, max_size=4)


@given(
    payload=st.binary(max_size=100) | packs.map(json.dumps).map(str.encode) | packs.map(cbor2.dumps), kept=st.booleans()
)
@example(payload=cbor2.dumps([{"n": "x", "v": 10**400}]), kept=False)
@example(payload=cbor2.dumps([{"n": "x", "v": math.inf, "t": -math.inf}]), kept=False)
def test_nothing_escapes_whatever_comes(payload: bytes, kept: bool) -> None:
    for encoding in ("json", "cbor"):
        try:
            for found in SenML(encoding).samples(Message("s", payload, NOW_MS, kept)):  # type: ignore[arg-type]
                assert isinstance(found, Sample | Reject)
        except Unusable as e:
            assert e.reject.reason is not RejectReason.INTERNAL
        group = Route(topic="s", format=f"senml-{encoding}", enterprise="M001").group("s", payload, kept)
        assert all(r.reason is not RejectReason.INTERNAL and len(r.detail) < 1000 for _, r in group.rejects)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6), st.sampled_from(["CH4-01", "CO-07"])), max_size=8)
)
def test_json_and_cbor_say_the_same(readings: list[tuple[int, float, str]]) -> None:
    pack = [{"bt": float(S - 10**6)}, *({"n": n, "t": t, "v": v} for t, v, n in readings)]
    assert samples(pack) == samples(pack, "cbor")
    assert samples(pack) == [(n, (S - 10**6 + t) * 1000, v, "") for t, v, n in readings]
