"""What a trend claims and what it leaves open, as data; and the small parts behind the lists."""

import math
from typing import Any

import pytest

from alerting.alarm import Alarm, AlarmState
from api.board import Board, rank
from api.console.language import choose_language
from api.console.span import SpanError, span_of
from api.console.trend import RANGES, every_for, trend_options
from api.console.words import WORDS, words_in
from api.times import iso, parse_time_ms
from hazards.checks import Checks
from hazards.condition import Condition, Family, Severity
from ingest.stores.base import Row

T0 = 1_795_446_000_000


def alarm(n: int, severity: Severity, state: AlarmState, raised_ms: int = T0, **more: Any) -> Alarm:
    closed = state is AlarmState.CLOSED or state is AlarmState.RETURNED_UNACKNOWLEDGED
    return Alarm(
        id=str(n), point_number=0, enterprise="M001", source="s", point="P", kind="ch4", family=Family.LIMIT_HIGH,
        condition=Condition.HIGH, severity=severity, state=state, value=1.0, limit=1.0, unit="%CH4",
        standard="", raised_at_ms=raised_ms, detected_at_ms=raised_ms, late=False,
        active=frozenset() if closed else frozenset({Condition.HIGH}), **({"worst": severity} | more),
    )  # fmt: skip


NO_CHECKS = Checks()


def options(
    rows: list[Row], every_ms: int | None = None, checks: Checks = NO_CHECKS, alarms: tuple[Alarm, ...] = ()
) -> Any:
    return trend_options(
        rows, start_ms=T0, end_ms=T0 + 3_600_000, every_ms=every_ms, unit="%CH4", checks=checks, alarms=alarms,
        words=words_in("en"),
    )  # fmt: skip


def reading(second: float, v: float | None, q: int = 0) -> Row:
    return {"t": T0 + int(second * 1000), "v": v, "q": q}


def line(made: Any) -> list[list[Any]]:
    return [[(t - T0) / 1000, v] for t, v in made["series"][-1]["data"]]


def test_silence_is_a_gap_not_a_line() -> None:
    made = options([reading(s, 0.5) for s in (0, 1, 2, 3, 60, 61)])
    assert [v for _, v in line(made)] == [0.5, 0.5, 0.5, 0.5, None, 0.5, 0.5]


def test_the_point_itself_says_how_long_a_silence_is_normal() -> None:
    rows = [reading(s, 0.5) for s in (0, 300, 600, 1300)]
    assert None not in [v for _, v in line(options(rows, checks=Checks(no_data_after_ms=900_000)))]
    assert None in [v for _, v in line(options(rows, checks=Checks(no_data_after_ms=600_000)))]


def test_what_cannot_be_trusted_is_a_gap_with_a_reason() -> None:
    made = options([reading(0, 0.5), reading(1, 40.0, 2), reading(2, None, 2), reading(3, 2.0, 3), reading(4, 0.5, 1)])
    assert [v for _, v in line(made)] == [0.5, None, None, None, 0.5]
    areas = made["series"][-1]["markArea"]["data"]
    assert [(a["label"]["formatter"], (a["xAxis"] - T0) / 1000, (b["xAxis"] - T0) / 1000) for a, b in areas] == [
        ("bad", 1, 3),
        ("calibration", 3, 4),
    ]


def test_a_peak_shorter_than_a_span_still_shows() -> None:
    row: Row = {"t": T0, "v": 0.5, "q": 0, "min": 0.4, "max": 1.9, "n": 60}
    made = options([row], every_ms=60_000, checks=Checks(high=1.0))
    low, height, mean = made["series"]
    assert low["data"] == [[T0, 0.4]]
    assert height["data"] == [[T0, pytest.approx(1.5)]]
    assert mean["data"] == [[T0, 0.5]]
    assert made["yAxis"]["max"] >= 1.9


def test_limits_and_alarms_are_drawn() -> None:
    shut = alarm(1, Severity.RED, AlarmState.CLOSED, T0 - 60_000, cleared_at_ms=T0 + 60_000)
    standing = alarm(2, Severity.ORANGE, AlarmState.UNACKNOWLEDGED, T0 + 600_000)
    made = options([reading(0, 0.5)], checks=Checks(high=1.0, high_high=1.5), alarms=(shut, standing))
    main = made["series"][-1]
    assert [(m["yAxis"], m["label"]["formatter"]) for m in main["markLine"]["data"]] == [
        (1.5, "High-high 1.5"),
        (1.0, "High 1"),
    ]
    spans = [((a["xAxis"] - T0) // 1000, (b["xAxis"] - T0) // 1000) for a, b in main["markArea"]["data"]]
    assert spans == [(0, 60), (600, 3600)]


@pytest.mark.parametrize(
    "values",
    [[], [0.0], [5.0, 5.0], [-1e9, 1e9], [1e-12], [1.0, 1.0], [math.pi]],
    ids=["none", "0", "flat", "huge", "tiny", "switch", "pi"],
)
def test_the_axis_holds_all_values_and_is_never_flat(values: list[float]) -> None:
    axis = options([reading(k, v) for k, v in enumerate(values)])["yAxis"]
    assert axis["min"] < axis["max"]
    assert all(axis["min"] <= v <= axis["max"] for v in values)


def test_a_far_limit_does_not_flatten_the_line_and_a_near_one_shows() -> None:
    rows = [reading(0, 0.5), reading(1, 0.7)]
    near = options(rows, checks=Checks(high=1.0, high_high=100.0))["yAxis"]
    assert 1.0 <= near["max"] < 2.0


def test_ranges_have_about_a_thousand_spans() -> None:
    for span_ms in (*RANGES.values(), 366 * 86_400_000, 20 * 366 * 86_400_000):
        every_ms = every_for(span_ms)
        assert every_ms is None if span_ms <= 3_600_000 else 50 <= span_ms / every_ms <= 1000  # type: ignore[operator]


def test_the_worst_that_nobody_has_taken_comes_first() -> None:
    order = [
        alarm(1, Severity.RED, AlarmState.UNACKNOWLEDGED),
        alarm(2, Severity.RED, AlarmState.RETURNED_UNACKNOWLEDGED),
        alarm(7, Severity.YELLOW, AlarmState.RETURNED_UNACKNOWLEDGED, worst=Severity.ORANGE),
        alarm(3, Severity.BLUE, AlarmState.UNACKNOWLEDGED, T0 + 2),
        alarm(4, Severity.BLUE, AlarmState.UNACKNOWLEDGED, T0 + 1),
        alarm(5, Severity.RED, AlarmState.ACKNOWLEDGED),
        alarm(6, Severity.RED, AlarmState.SHELVED),
    ]
    assert sorted([order[k] for k in (3, 0, 6, 5, 1, 4, 2)], key=rank) == order


def test_a_board_forgets_what_is_closed_and_tells_its_watchers() -> None:
    board, told = Board(), list[int]()
    end = board.watch(lambda: told.append(len(board.all())))
    board.load([alarm(1, Severity.RED, AlarmState.UNACKNOWLEDGED), alarm(2, Severity.RED, AlarmState.CLOSED)])
    assert (board.all(), board.all("T001"), told) == ([alarm(1, Severity.RED, AlarmState.UNACKNOWLEDGED)], [], [1])
    end()
    end()
    board.load([])
    assert told == [1]


TIMES = {
    "2026-11-23T15:04:05.123Z": 1_795_446_245_123,
    "2026-11-23t23:04:05.1239+08:00": 1_795_446_245_123,
    "2026-11-23T23:04:05.123 08:00": 1_795_446_245_123,  # a + that was not escaped in a query
    "1970-01-01T00:00:00Z": 0,
    "2016-12-31T23:59:60Z": 1_483_228_799_999,
    "1795446245123": 1_795_446_245_123,
}


@pytest.mark.parametrize(("text", "ms"), TIMES.items())
def test_times_in(text: str, ms: int) -> None:
    assert parse_time_ms(text) == ms


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-23", "2026-11-23T15:04:05", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z", "-5", "1e12",
     "0001-01-01T00:00:00+14:00", "2026-11-23T15:04:05+25:00", "٢٠٢٦", "9" * 15, "2026-11-23T15:04:61Z", None, True,
     1.5],
)  # fmt: skip
def test_what_is_no_time(text: object) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_time_ms(text)


def test_times_out_come_back() -> None:
    for ms in (0, 1_795_446_245_123, 253_402_300_799_999):
        assert parse_time_ms(iso(ms)) == ms


def test_spans_in_addresses() -> None:
    assert span_of({}, 5) == (None, None)
    assert span_of({"start": "1000"}, 5000) == (1000, 5000)
    for wrong in ({"start": "x"}, {"start": "5", "end": "5"}, {"start": "0", "end": "99999999999999"}):
        with pytest.raises(ValueError) as refused:
            span_of(wrong, 10)
        assert isinstance(refused.value, SpanError)


@pytest.mark.parametrize(
    ("cookies", "accept", "language"),
    [({}, "", "zh"), ({}, "en;q=0.4, zh;q=0.5", "zh"), ({}, "en-GB,zh", "en"), ({"hazmon_language": "xx"}, "fr", "zh"),
     ({}, ";;;,,q=" * 500, "zh")],
)  # fmt: skip
def test_languages(cookies: dict[str, str], accept: str, language: str) -> None:
    assert choose_language(cookies, accept, "zh") == language


def test_every_word_of_the_page_exists_in_both_languages() -> None:
    import re
    from pathlib import Path

    import api.console

    folder = Path(next(iter(api.console.__path__)))
    used = {w for file in folder.glob("*.js") for w in re.findall(r"\bwords\.([a-z_]+)", file.read_text("utf-8"))}
    used |= {w for file in folder.glob("*.py") for w in re.findall(r'words\["([a-z_]+)"\]', file.read_text("utf-8"))}
    assert used <= WORDS.keys()
    assert all(name.zh and name.en for name in WORDS.values())
