r"""Line protocol by its documented examples, Telegraf's own output, and then whatever bytes there are."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.decode.influx_line import InfluxLine
from ingest.decode.reject import Reject, RejectReason
from ingest.decode.sample import Sample
from ingest.message import Message
from tests.support.decode_rig import Route
from tests.support.ingest_parts import NOW_MS

TELEGRAF = (
    f'gas,host=ipc1,place=face-1203 ch4=0.42,co=3i,ok=true,state="run" {NOW_MS}000000\n'
    f"gas,host=ipc2,place=return ch4=0.61 {NOW_MS}123456\n"
)


def samples(text: str | bytes, precision: str = "ns") -> list[tuple[dict[str, str], float | None, int | None] | str]:
    data = text.encode() if isinstance(text, str) else text
    found = InfluxLine(precision).samples(Message("t", data, NOW_MS))  # type: ignore[arg-type]
    return [s.reason.value if isinstance(s, Reject) else (dict(s.names), s.value, s.time_ms) for s in found]


@pytest.mark.parametrize(
    ("line", "measurement", "tags", "fields"),
    [
        ("m f=1", "m", {}, {"f": 1.0}),
        ("m,a=b f=1.5", "m", {"a": "b"}, {"f": 1.5}),
        ("m f=1i,g=-2i,h=3u", "m", {}, {"f": 1.0, "g": -2.0, "h": 3.0}),
        ("m f=1e3,g=-1.5E-2,h=.5,i=5.", "m", {}, {"f": 1000.0, "g": -0.015, "h": 0.5, "i": 5.0}),
        ("m a=t,b=T,c=true,d=True,e=TRUE", "m", {}, dict.fromkeys("abcde", 1.0)),
        ("m a=f,b=F,c=false,d=False,e=FALSE", "m", {}, dict.fromkeys("abcde", 0.0)),
        # the escapes of the line protocol reference
        (r"my\ Measurement f=1", "my Measurement", {}, {"f": 1.0}),
        (r"my\,m f=1", "my,m", {}, {"f": 1.0}),
        (r"m,tag\ Key1=tag\ Value1,k\,2=v\=2 f\ k=1", "m", {"tag Key1": "tag Value1", "k,2": "v=2"}, {"f k": 1.0}),
        (r"m=1 f=1", "m=1", {}, {"f": 1.0}),
        (r"C:\dir,p=a\b f=1", r"C:\dir", {"p": r"a\b"}, {"f": 1.0}),
        ("气体,地点=工作面 甲烷=0.42", "气体", {"地点": "工作面"}, {"甲烷": 0.42}),
    ],
)
def test_a_line(line: str, measurement: str, tags: dict[str, str], fields: dict[str, float]) -> None:
    expected = [({"measurement": measurement, **tags, "field": f}, v, 1556813561098) for f, v in fields.items()]
    assert samples(f"{line} 1556813561098000000") == expected
    assert samples(f"{line}  1556813561098 \r\n", "ms") == expected
    assert [v for _, v, t in samples(line) if t is None] == list(fields.values())  # type: ignore[misc]


def test_a_text_may_hold_anything_and_has_no_value() -> None:
    assert samples('m s="a, b=c \\"d\\" \\\\ \n e",f=1 5000000000') == [
        "shape",
        ({"measurement": "m", "field": "f"}, 1.0, 5000),
    ]


@pytest.mark.parametrize(("precision", "time"), [("ns", "1999999999"), ("us", "1999999"), ("ms", "1999"), ("s", "1")])
def test_precision(precision: str, time: str) -> None:
    ((_, _, time_ms),) = samples(f"m f=1 {time}", precision)  # type: ignore[misc]
    assert time_ms == (1000 if precision == "s" else 1999)


@pytest.mark.parametrize(
    "line",
    [
        "m",
        "m ",
        "m,a f=1",
        "m,a= f=1",
        "m,=b f=1",
        ",a=b f=1",
        "m f",
        "m f=",
        "m f=1,",
        "m =1",
        "m f=1.5i",
        "m f=1x",
        "m f=NaN",
        "m f=1e999",
        "m f=tr",
        "m f=truex",
        'm f="a',
        "m f=1 x",
        "m f=1 1 2",
        "m f=" + "9" * 500,
        "m f=1 " + "9" * 30,
    ],
)
def test_a_wrong_line_spoils_no_other(line: str) -> None:
    assert samples(f"a x=1 1000000000\n{line}\n\n# a comment\nb y=2 2000000000\n") == [
        ({"measurement": "a", "field": "x"}, 1.0, 1000),
        "syntax",
        ({"measurement": "b", "field": "y"}, 2.0, 2000),
    ] or line.startswith('m f="a')  # a text that does not end takes the rest with it
    assert "syntax" in samples(line)


def test_as_telegraf_publishes_it() -> None:
    route = Route(topic="telegraf/#", format="influx-line", enterprise="M001", point="{name}-01", unknown="ignore")
    assert route.reject("telegraf/ipc1/gas", TELEGRAF)[0] == "name", "there is no tag called name"
    text = TELEGRAF.replace("ch4=", "CH4=").replace("co=", "CO=")
    route = Route(topic="telegraf/#", format="influx-line", enterprise="M001", point="{field}-01", unknown="ignore")
    group = route.group("telegraf/ipc1/gas", text)
    assert group.batch.value.tolist() == [0.42, 0.61]
    assert group.batch.time_ms.tolist() == [NOW_MS, NOW_MS]
    ((_, reject),) = group.rejects
    assert (reject.reason.value, reject.detail) == ("shape", "field state is a text")


def test_a_line_without_a_time_has_that_of_receipt_in_doubt() -> None:
    route = Route(topic="t", format="influx-line", enterprise="M001")
    assert route.readings("t", "gas CH4-01=0.4") == [("CH4-01", 0, 0.4, 1)]
    assert route.reject("t", "gas CH4-01=0.4", retained=True)[0] == "retained"
    assert route.reject("t", b"gas CH4-01=0.4,\xff=1")[0] == "syntax"


lines = st.text(alphabet='mf1a=, \\"\n#.ieEtT-+é', max_size=60)


@given(payload=st.binary(max_size=100) | lines.map(str.encode))
@example(payload=b"m f=" + b"\\" * 2000)
@example(payload=b'm f="' + b"\\" * 2001)
@example(payload=b"m," * 2000)
def test_nothing_escapes_whatever_comes(payload: bytes) -> None:
    route = Route(topic="t", format="influx-line", enterprise="M001", point="{measurement}.{field}")
    group = route.group("t", payload)
    assert all(r.reason is not RejectReason.INTERNAL and len(r.detail) < 1000 for _, r in group.rejects)


@pytest.mark.parametrize("piece", ["m f=1\n", "m,", "\\", '"', "m f=1,", " ", "#\n", 'm f="\n', "=", "\n"])
def test_a_large_payload_takes_no_longer_than_its_size(piece: str) -> None:
    data = (piece * (200_000 // len(piece))).encode()
    assert sum(1 for _ in InfluxLine().samples(Message("t", b"m f=" + data, NOW_MS))) < 210_000


word = st.text(alphabet="abc ,=é", min_size=1, max_size=5)


@given(
    word, st.dictionaries(word, word, max_size=3), st.dictionaries(word, st.floats(-1e9, 1e9), min_size=1, max_size=3)
)
def test_what_is_escaped_comes_back(measurement: str, tags: dict[str, str], fields: dict[str, float]) -> None:
    def escaped(text: str, what: str = ",= ") -> str:
        return "".join("\\" + c if c in what else c for c in text)

    line = escaped(measurement, ", ")
    line += "".join(f",{escaped(k)}={escaped(v)}" for k, v in tags.items())
    line += " " + ",".join(f"{escaped(k)}={v!r}" for k, v in fields.items())
    found = list(InfluxLine().samples(Message("t", line.encode(), NOW_MS)))
    assert [(s.names["field"], s.value) for s in found if isinstance(s, Sample)] == list(fields.items())
    for sample in found:
        assert isinstance(sample, Sample)
        names = {"measurement": measurement, **tags}
        names["field"] = sample.names["field"]
        assert sample.names == names
