"""The real recording from a longwall, and what a plain reading of its MM116 column gives."""

import csv
from pathlib import Path

import pytest

__all__ = ["LIMIT", "PLANT_POINTS", "episodes", "recording_file"]

LIMIT = 1.0
"""Alarm limit in the face return (T2), AQ 1029-2019 table 1. [%CH4]"""

PLANT_POINTS = (
    "enterprise,source,point,kind,placement,off_delay,no_data_after,frozen_after\nM001,face-1203,MM116,ch4,T2,0s,-,-\n"
)
"""MM116 hangs in the face return. A recording has no live silence, and its values are rounded to 0.1 for hours."""


def recording_file() -> Path:
    """``shared/data/longwall-30s.csv`` beside the project; skips the test where it is absent."""
    file = Path(__file__).parents[3] / "shared" / "data" / "longwall-30s.csv"
    if not file.exists():
        pytest.skip("the recording ../shared/data/longwall-30s.csv is not beside this checkout")
    return file


def episodes(file: Path) -> list[tuple[int, int | None]]:
    """When MM116 reached the limit and when it was below again, line after line. [ms from the start]"""
    found: list[tuple[int, int | None]] = []
    since: int | None = None
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            time_ms, value = int(row["seconds"]) * 1000, float(row["MM116"])
            if since is None and value >= LIMIT:
                since = time_ms
            elif since is not None and value < LIMIT:
                found.append((since, time_ms))
                since = None
    if since is not None:
        found.append((since, None))
    return found
