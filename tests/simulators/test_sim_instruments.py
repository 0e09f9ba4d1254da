"""Instruments add what their data sheet says, and their faults what they say."""

from dataclasses import replace

import numpy as np
import pytest

from hazards.quality import Quality
from simulators.instruments import Fault, Instrument, Instruments, load_instruments

METHANE = load_instruments()["methane"]
STILL = Instrument(noise=0.0, noise_memory_s=0.0, drift_per_day=0.0, t90_s=0.0, digits=2, low=0.0, high=4.0)


def show(instruments: Instruments, truth: float, n: int = 1, step_s: float = 1.0) -> list[tuple[float, int]]:
    """Value and quality of a single instrument, ``n`` times."""
    got = []
    for _ in range(n):
        value, quality = instruments.read(np.array([truth]), step_s)
        got.append((float(value[0]), int(quality[0])))
    return got


def test_noise_has_the_size_and_memory_of_the_data_sheet(random: np.random.Generator) -> None:
    noisy = replace(STILL, noise=0.05, noise_memory_s=20.0, digits=6)
    values = np.array([v for v, _ in show(Instruments([noisy], random), 1.0, 20_000)])
    assert values.std() == pytest.approx(0.05, rel=0.1)
    apart = values - values.mean()
    assert (apart[20:] * apart[:-20]).mean() / apart.var() == pytest.approx(np.exp(-1.0), abs=0.1)


def test_drift_grows_by_its_size_in_a_day(random: np.random.Generator) -> None:
    drifting = replace(STILL, drift_per_day=0.1, digits=6)
    many = Instruments([drifting] * 2000, random)
    truth = np.full(2000, 2.0)
    many.read(truth, 0.0)
    value, _ = many.read(truth, 86_400.0)
    assert (value - 2.0).std() == pytest.approx(0.1, rel=0.1)


def test_display_digits(random: np.random.Generator) -> None:
    values = [v for v, _ in show(Instruments([METHANE], random), 0.5, 100)]
    assert all(round(v, 2) == v for v in values)
    assert len(set(values)) > 2


def test_t90(random: np.random.Generator) -> None:
    slow = Instruments([replace(STILL, t90_s=30.0)], random)
    show(slow, 0.0)
    values = [v for v, _ in show(slow, 1.0, 30)]
    assert values[-1] == pytest.approx(0.9, abs=0.01)
    assert values == sorted(values)


def test_beyond_the_range_it_shows_the_end_and_doubts(random: np.random.Generator) -> None:
    one = Instruments([STILL], random)
    assert show(one, 5.0) == [(4.0, Quality.UNCERTAIN)]
    assert show(one, -1.0) == [(0.0, Quality.GOOD)]
    assert show(one, 4.0) == [(4.0, Quality.GOOD)]


@pytest.mark.parametrize(
    ("fault", "size", "expected"),
    [
        (Fault.STUCK, 0.0, (1.0, Quality.GOOD)),
        (Fault.OFFSET, 0.5, (2.5, Quality.GOOD)),
        (Fault.CALIBRATION, 1.5, (1.5, Quality.MAINTENANCE)),
    ],
)
def test_faults(random: np.random.Generator, fault: Fault, size: float, expected: tuple[float, int]) -> None:
    one = Instruments([STILL], random)
    assert show(one, 1.0) == [(1.0, Quality.GOOD)]
    one.set_fault(0, fault, size)
    assert show(one, 2.0, 3) == [expected] * 3
    one.set_fault(0, None)
    assert show(one, 2.0) == [(2.0, Quality.GOOD)]


def test_a_wire_break_is_no_value_and_bad(random: np.random.Generator) -> None:
    one = Instruments([STILL], random)
    one.set_fault(0, Fault.BREAK)
    ((value, quality),) = show(one, 1.0)
    assert np.isnan(value)
    assert quality == Quality.BAD


def test_spikes_come_now_and_then(random: np.random.Generator) -> None:
    one = Instruments([STILL], random)
    one.set_fault(0, Fault.SPIKE, 2.0)
    values = [v for v, _ in show(one, 1.0, 1000)]
    assert set(values) == {1.0, 3.0}
    assert 20 < values.count(3.0) < 90
