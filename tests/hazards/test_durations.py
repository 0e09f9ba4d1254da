"""Durations as people write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazards.durations import MAX_DURATION_MS, format_duration, parse_duration_ms


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("0s", 0),
        ("250ms", 250),
        ("20s", 20_000),
        ("15m", 900_000),
        ("15min", 900_000),
        ("12h", 43_200_000),
        ("10d", 864_000_000),
        ("1h30m", 5_400_000),
        ("1 h 30 min", 5_400_000),
        ("1.5h", 5_400_000),
        (" 20s ", 20_000),
        ("20秒", 20_000),
        ("1小时30分钟", 5_400_000),
        ("2天", 172_800_000),
    ],
)
def test_reads(text: str, duration_ms: int) -> None:
    assert parse_duration_ms(text) == duration_ms


@pytest.mark.parametrize(
    "text",
    ["", " ", "20", "s", "-5s", "+5s", "20 seconds", "20S", "30m1h", "1h1h", "1h 1", "0.0001s", "40000d", "1_0s", "１s",
     "1e3s", "nan", "inf s", "20s;", "9" * 20 + "s"],
)  # fmt: skip
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|order|finer|longer"):
        parse_duration_ms(text)


@given(st.integers(0, MAX_DURATION_MS), st.sampled_from(["zh", "en"]))
def test_what_is_written_is_read(duration_ms: int, language: str) -> None:
    assert parse_duration_ms(format_duration(duration_ms, language)) == duration_ms


@given(st.text(alphabet=st.sampled_from("0123456789.dhmins 秒分小时天-e")) | st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= parse_duration_ms(text) <= MAX_DURATION_MS
