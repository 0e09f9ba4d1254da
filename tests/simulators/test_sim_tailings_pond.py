"""The pond keeps its water, and what rain does comes in the right order."""

import numpy as np
import pytest

from simulators.site import DAY_S
from simulators.tailings_pond import TailingsPond, TailingsPondSettings

HOUR_S = 3600.0


def run(pond: TailingsPond, span_s: float, step_s: float = 60.0) -> dict[str, np.ndarray]:
    """Truth over a span, one array a quantity."""
    rows = []
    for _ in range(round(span_s / step_s)):
        pond.step(step_s)
        rows.append(dict(pond.truth()))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_water_in_less_water_out_is_what_the_pond_holds(random: np.random.Generator) -> None:
    pond = TailingsPond(TailingsPondSettings(), random, 0.0)
    pond.begin("storm", {"total_mm": 120.0, "duration_h": 12.0})
    run(pond, 3 * DAY_S)
    assert pond.volume_m3 == pytest.approx(pond.gained_m3 - pond.lost_m3, rel=1e-6, abs=1e-3)
    assert pond.gained_m3 > 100_000.0


def test_a_storm_brings_the_rain_it_says(random: np.random.Generator) -> None:
    pond = TailingsPond(TailingsPondSettings(), random, 0.0)
    pond._until_shower_s = 1e9
    pond.begin("storm", {"total_mm": 120.0, "duration_h": 12.0})
    got = run(pond, 30 * HOUR_S)
    assert got["rain_24h"].max() == pytest.approx(120.0, rel=0.01)
    assert 10.0 < got["rain_1h"].max() < 30.0
    peak_h = np.argmax(got["rain_1h"]) / 60.0
    assert 3.0 < peak_h < 7.0, "early, with a long tail"


def test_geometry_ties_beach_and_freeboard_to_the_level(random: np.random.Generator) -> None:
    settings = TailingsPondSettings()
    got = run(TailingsPond(settings, random, 0.0), HOUR_S)
    assert got["freeboard"] == pytest.approx(settings.crest_m - got["pond_level"])
    assert got["beach_length"] == pytest.approx(got["freeboard"] / settings.beach_slope)


def test_level_then_near_then_far_piezometer(random: np.random.Generator) -> None:
    pond = TailingsPond(TailingsPondSettings(), random, 0.0)
    run(pond, HOUR_S)
    pond.begin("storm", {"total_mm": 165.0, "duration_h": 18.0})
    got = run(pond, 4 * DAY_S)
    peaks = [int(np.argmax(got["rain_1h"])), int(np.argmax(got["pond_level"]))]
    peaks += [int(np.argmin(got[f"phreatic_{i}"])) for i in (1, 2, 3)]
    assert peaks == sorted(peaks)
    assert len(set(peaks)) == 5
    rises = [got[f"phreatic_{i}"][0] - got[f"phreatic_{i}"].min() for i in (1, 2, 3)]
    assert rises[0] > rises[1] > rises[2] > 0.3
    assert got["seepage"].max() > 1.3 * got["seepage"][0]


def test_the_pond_comes_back_to_its_level(random: np.random.Generator) -> None:
    pond = TailingsPond(TailingsPondSettings(), random, 0.0)
    pond.begin("storm", {"total_mm": 165.0, "duration_h": 18.0})
    got = run(pond, 10 * DAY_S)
    assert got["pond_level"].max() > 1188.1
    assert got["pond_level"][-1] < 1187.7


def test_the_dam_breathes_with_the_day(random: np.random.Generator) -> None:
    got = run(TailingsPond(TailingsPondSettings(), random, 0.0), 6 * DAY_S)
    x = got["displacement_surface"] - np.polyval(
        np.polyfit(np.arange(8640), got["displacement_surface"], 1), np.arange(8640)
    )
    spectrum = np.abs(np.fft.rfft(x))
    assert np.argmax(spectrum[3:20]) + 3 == 6, "one wave a day, beside the weather's slow ones"
    inner = got["displacement_internal"]
    assert inner.std() < x.std(), "the inside moves less with the day than the shell"


def test_the_result_hardly_depends_on_the_step(random: np.random.Generator) -> None:
    def level(step_s: float) -> float:
        pond = TailingsPond(TailingsPondSettings(), np.random.default_rng(2), 0.0)
        pond._until_shower_s = 1e9
        pond.begin("storm", {})
        return float(run(pond, DAY_S, step_s)["pond_level"][-1])

    assert level(20.0) == pytest.approx(level(120.0), abs=0.01)
