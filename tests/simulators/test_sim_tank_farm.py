"""The tank farm keeps its mass, and a leak reaches the detectors one after the other."""

import numpy as np
import pytest

from simulators.plume import concentration
from simulators.site import DAY_S
from simulators.tank_farm import TankFarm, TankFarmSettings

HOUR_S = 3600.0
DETECTORS = ((7.5, -7.5, 0.5), (15.0, -14.0, 0.5), (29.0, -26.0, 0.5), (40.0, -37.0, 0.5), (-9.0, 6.0, 0.5))


def farm(seed: int = 1, clock_s: float = 20 * HOUR_S, **settings: float) -> TankFarm:
    """A farm with five detectors, four of them down the usual wind."""
    return TankFarm(TankFarmSettings(detectors_m=DETECTORS, **settings), np.random.default_rng(seed), clock_s)  # type: ignore[arg-type]


def test_what_leaks_is_in_the_pool_or_in_the_air() -> None:
    leaking = farm(pump_m3_h=0.0)
    before = leaking.stored_kg
    leaking.begin("leak", {"tank": 1.0})
    evaporated = 0.0
    for _ in range(600):
        leaking.step(1.0)
        evaporated += leaking._emitted_kg_s[-1]
    assert leaking.pool_kg > 0.0
    assert before - leaking.stored_kg == pytest.approx(leaking.pool_kg + evaporated, rel=1e-6)


def test_levels_change_by_what_is_pumped() -> None:
    tanks = farm()
    area = np.pi / 4 * 12.0**2
    last = tanks.truth()
    for _ in range(500):
        tanks.step(10.0)
        now = tanks.truth()
        for i in range(1, 5):
            change_m3_h = (now[f"level_{i}"] - last[f"level_{i}"]) * area / 10.0 * 3600.0
            assert any(change_m3_h == pytest.approx(rate, abs=0.01) for rate in (-60.0, 0.0, 60.0))
        last = now


def test_levels_stay_in_the_working_range() -> None:
    tanks = farm()
    for _ in range(int(5 * DAY_S / 30)):
        tanks.step(30.0)
    truth = tanks.truth()
    assert all(2.4 <= truth[f"level_{i}"] <= 9.6 for i in range(1, 5))


@pytest.mark.parametrize("seed", range(5))
def test_detectors_meet_the_plume_in_the_order_of_their_distance(seed: int) -> None:
    leaking = farm(seed)
    leaking.begin("leak", {"tank": 1.0})
    met: dict[int, float] = {}
    for second in range(1200):
        leaking.step(1.0)
        truth = leaking.truth()
        for i in range(1, 6):
            if truth[f"combustible_{i}"] >= 1.0:
                met.setdefault(i, second)
    assert list(met)[:4] == [1, 2, 3, 4]
    assert met[1] < met[4]
    assert 5 not in met, "upwind"


def test_the_travel_time_is_the_distance_over_the_wind() -> None:
    leaking = farm()
    leaking.begin("leak", {"tank": 1.0})
    first: dict[int, float] = {}
    winds = []
    for second in range(300):
        leaking.step(1.0)
        truth = leaking.truth()
        winds.append(truth["wind_speed"])
        for i in (1, 4):
            if truth[f"combustible_{i}"] > 1e-6:
                first.setdefault(i, second)
    apart = np.hypot(40.0, 37.0) - np.hypot(7.5, 7.5)
    assert first[4] - first[1] == pytest.approx(apart / np.mean(winds[: first[4]]), rel=0.3)


def test_hydrogen_sulphide_goes_with_the_vapour() -> None:
    leaking = farm()
    leaking.begin("leak", {"tank": 1.0})
    for _ in range(300):
        leaking.step(1.0)
    truth = leaking.truth()
    lel_mg_m3 = 0.015 * 72.15 / 24.04 * 1e6
    for i in range(1, 5):
        vapour = truth[f"combustible_{i}"] / 100.0 * lel_mg_m3
        assert truth[f"h2s_{i}"] == pytest.approx(0.0012 * vapour, rel=1e-6)


def test_after_the_plug_the_air_clears() -> None:
    leaking = farm()
    leaking.begin("leak", {"tank": 1.0})
    for _ in range(600):
        leaking.step(1.0)
    peak = leaking.truth()["combustible_1"]
    leaking.end("leak")
    for _ in range(1800):
        leaking.step(1.0)
    assert peak > 25.0
    assert leaking.truth()["combustible_1"] < 5.0


def test_liquid_follows_the_days_air_with_a_lag_and_less_swing() -> None:
    tanks = farm(clock_s=0.0)
    rows = []
    for _ in range(int(4 * DAY_S / 60)):
        tanks.step(60.0)
        truth = tanks.truth()
        rows.append((truth["air_temperature"], truth["temperature_1"]))
    air, liquid = np.array(rows[int(DAY_S / 60) :]).T
    day = np.exp(-2j * np.pi * np.arange(len(air)) * 60.0 / DAY_S)
    air_wave, liquid_wave = (air - air.mean()) @ day, (liquid - liquid.mean()) @ day
    assert abs(liquid_wave) < 0.5 * abs(air_wave)
    lag_h = (np.angle(air_wave) - np.angle(liquid_wave)) % (2 * np.pi) / (2 * np.pi) * 24
    assert 3.0 < lag_h < 8.0


def test_the_plume_carries_what_the_source_gives_off() -> None:
    """The flux through a plane across the wind is the emission (the ground reflects)."""
    y, z = np.meshgrid(np.linspace(-60, 60, 241), np.linspace(0, 60, 241))
    c = concentration(0.5, y.ravel(), np.full(y.size, -100.0), z.ravel(), wind_m_s=3.0, wind_from_deg=0.0, class_="D")
    flux = c.sum() * 0.5 * 0.25 * 3.0
    assert flux == pytest.approx(0.5, rel=0.02)


def test_stable_air_keeps_a_plume_together() -> None:
    def centre(class_: str) -> float:
        return float(concentration(1.0, [0.0], [-50.0], [0.0], wind_m_s=2.0, wind_from_deg=0.0, class_=class_)[0])

    values = [centre(c) for c in "ABCDEF"]
    assert values == sorted(values)
