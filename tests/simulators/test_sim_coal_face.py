"""The coal face obeys dilution, transport and the rhythm of the shifts."""

import numpy as np
import pytest

from simulators.coal_face import CoalFace, CoalFaceSettings
from simulators.errors import SimulatorError
from simulators.site import DAY_S

HOUR_S = 3600.0


def run(face: CoalFace, span_s: float, step_s: float = 5.0) -> dict[str, np.ndarray]:
    """Truth over a span, one array a quantity."""
    rows = []
    for _ in range(round(span_s / step_s)):
        face.step(step_s)
        rows.append(dict(face.truth()))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_concentration_settles_at_emission_over_airflow(random: np.random.Generator) -> None:
    settings = CoalFaceSettings(cutting_m3_s=0.0)
    got = run(CoalFace(settings, random, 8 * HOUR_S), 4 * HOUR_S)
    expected = settings.intake_percent + 100.0 * settings.seam_m3_s / settings.airflow_m3_s
    assert got["ch4_t1"].mean() == pytest.approx(expected, rel=0.1)


def test_half_the_airflow_doubles_what_the_seam_adds(random: np.random.Generator) -> None:
    def added(airflow: float) -> float:
        settings = CoalFaceSettings(cutting_m3_s=0.0, airflow_m3_s=airflow, intake_percent=0.0)
        return float(run(CoalFace(settings, np.random.default_rng(3), 8 * HOUR_S), HOUR_S)["ch4_t1"].mean())

    assert added(12.0) / added(24.0) == pytest.approx(2.0, rel=0.02)


def test_an_outburst_leaves_the_face_with_all_its_gas(random: np.random.Generator) -> None:
    """Mass balance: what flows out of the return above the ordinary is what was released."""
    settings = CoalFaceSettings(cutting_m3_s=0.0)
    calm = run(CoalFace(settings, np.random.default_rng(5), 8 * HOUR_S), HOUR_S)
    burst_face = CoalFace(settings, np.random.default_rng(5), 8 * HOUR_S)
    burst_face.begin("outburst", {"gas_m3": 40.0})
    burst = run(burst_face, HOUR_S)
    airflow = calm["wind_return"] * settings.section_m2
    released = ((burst["ch4_t2"] - calm["ch4_t2"]) / 100.0 * airflow).sum() * 5.0
    assert released == pytest.approx(40.0, rel=0.05)


def test_the_return_follows_the_face_after_the_transport_delay(random: np.random.Generator) -> None:
    settings = CoalFaceSettings(cutting_m3_s=0.0)
    face = CoalFace(settings, random, 8 * HOUR_S)
    run(face, 1200.0)
    face.begin("outburst", {"gas_m3": 60.0})
    got = run(face, 1800.0, 1.0)
    delay_s = float(np.argmax(got["ch4_t2"]) - np.argmax(got["ch4_t1"]))
    velocity = got["wind_return"].mean()
    assert delay_s == pytest.approx(settings.return_length_m / velocity, rel=0.08)


def test_a_stopped_fan_lets_the_air_decay_and_the_gas_climb_through_both_limits(random: np.random.Generator) -> None:
    face = CoalFace(CoalFaceSettings(), random, 14 * HOUR_S)
    before = run(face, 600.0)
    assert before["ch4_t1"].max() < 1.0
    face.begin("fan-stop", {})
    stopped = run(face, 900.0)
    assert stopped["wind_return"][-1] < 0.2 * before["wind_return"].mean()
    first_over = [int(np.argmax(stopped["ch4_t1"] >= limit)) for limit in (1.0, 1.5)]
    assert 0 < first_over[0] < first_over[1]
    assert stopped["feed"][1:].max() == 0.0, "methane-wind-electric lock"
    assert stopped["machine"][2:].max() == 0.0
    face.end("fan-stop")
    after = run(face, 1800.0)
    assert after["ch4_t1"][-1] < 1.0
    assert after["feed"][-1] == 1.0


def test_power_is_cut_at_1_5_and_stays_cut_until_all_are_below_1_0_for_a_minute(random: np.random.Generator) -> None:
    face = CoalFace(CoalFaceSettings(), random, 14 * HOUR_S)
    face.begin("outburst", {"gas_m3": 80.0})
    got = run(face, 3600.0, 1.0)
    over = (got["ch4_t0"] >= 1.5) | (got["ch4_t1"] >= 1.5) | (got["ch4_t2"] >= 1.0)
    safe = (got["ch4_t0"] < 1.0) & (got["ch4_t1"] < 1.0) & (got["ch4_t2"] < 1.0)
    assert over.any()
    assert not got["feed"][over].any()
    again = np.flatnonzero((got["feed"][1:] == 1.0) & (got["feed"][:-1] == 0.0)) + 1
    assert len(again) >= 1
    for i in again:
        assert safe[i - 55 : i].all()


def test_the_shearer_rests_in_the_maintenance_shift(random: np.random.Generator) -> None:
    got = run(CoalFace(CoalFaceSettings(), random, 0.0), 3 * DAY_S)
    hour = (np.arange(len(got["machine"])) * 5.0 / HOUR_S) % 24.0
    maintenance = (hour >= 6.01) & (hour < 11.99)
    assert got["machine"][maintenance].max() == 0.0
    assert 0.35 < got["machine"][~maintenance].mean() < 0.6
    assert got["ch4_t1"][~maintenance].mean() > 1.2 * got["ch4_t1"][maintenance].mean()


def test_values_look_like_the_recorded_longwall(random: np.random.Generator) -> None:
    """Ratio of return methane with and without the shearer: 0.96 to 0.69 in the recording."""
    got = run(CoalFace(CoalFaceSettings(), random, 0.0), 2 * DAY_S)
    running = got["machine"] == 1.0
    ratio = got["ch4_t1"][running].mean() / got["ch4_t1"][~running].mean()
    assert 1.15 < ratio < 1.8
    assert 1.5 < got["wind_return"].mean() < 2.7


def test_a_falling_barometer_draws_gas_from_the_goaf(random: np.random.Generator) -> None:
    got = run(CoalFace(CoalFaceSettings(cutting_m3_s=0.0), random, 0.0), 4 * DAY_S, 5.0)
    pressure, goaf = got["barometric"], got["ch4_t0"] - got["ch4_t1"]
    hour = 720
    trend = pressure[hour:] - pressure[:-hour]
    assert np.corrcoef(trend, goaf[hour:])[0, 1] < -0.1


def test_an_unknown_setting_of_an_incident_is_named(random: np.random.Generator) -> None:
    face = CoalFace(CoalFaceSettings(), random, 0.0)
    with pytest.raises(SimulatorError, match=r"outburst.*'gas'.*gas_m3"):
        face.begin("outburst", {"gas": 1.0})
