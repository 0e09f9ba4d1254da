"""The examples of docs/derived.md with numbers one can check by hand, and each rule of that page as a case."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from alerting.derived import Derivations, Settling
from alerting.derived.dyadic import Dyadic
from alerting.engine import Engine, Limits
from hazards.derivation import Derivation, Function, Input
from hazards.plant import Plant, PointKey
from hazards.plant_files import load_plant
from hazards.quality import Quality
from hazards.readings import ReadingBatch
from simulators.scenario import load_scenario

ROOT = Path(__file__).parents[3]
PLANT = """\
[[enterprise]]
id = "M001"
region = "140105"
[[enterprise.source]]
id = "face-1203"
type = "coal-mine"
[[enterprise]]
id = "T001"
region = "140923"
[[enterprise.source]]
id = "pond-1"
type = "tailings-pond"
"""
POINTS = """\
enterprise,source,point,kind,placement,unit
M001,face-1203,CH4-03,ch4,T2,
M001,face-1203,WIND-01,wind-speed,face,
M001,face-1203,N2-01,n2,,
M001,face-1203,O2-01,o2,,
M001,face-1203,CO-02,co,sealed-area,ppm
M001,face-1203,GATE-IN,persons,,
M001,face-1203,GATE-OUT,persons,,
T001,pond-1,CREST-01,pond-level,,
T001,pond-1,POND-01,pond-level,,
T001,pond-1,GAUGE-01,rainfall,,
T001,pond-1,GNSS-01,displacement,surface,
"""
GOOD, UNCERTAIN, BAD, MAINTENANCE = Quality
MIN, HOUR, DAY = 60_000, 3_600_000, 86_400_000
A, B, C, OUT = (PointKey("M001", p) for p in ("A", "B", "C", "OUT"))
NUMBER = {A: 0, B: 1, C: 2, OUT: 3}

Row = tuple[int, str, float, int]
"""Time, point, value, quality."""


@pytest.fixture
def documented(tmp_path: Path) -> Plant:
    """A plant with every example of the page."""
    page = (ROOT / "docs" / "derived.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    for name, text in (("plant.toml", PLANT), ("points.csv", POINTS), ("derived.toml", example)):
        (tmp_path / name).write_text(text, "utf-8")
    return load_plant(tmp_path)


def made(plant: Plant, point: str, *rows: Row) -> list[tuple[int, float, int]]:
    """What a derived point gives for readings: time, value, quality."""
    numbers = {p.key: n for n, p in enumerate(plant.points)}
    by_name = {key.point: n for key, n in numbers.items()}
    times, names, values, qualities = zip(*rows, strict=True)
    batch = ReadingBatch.of([by_name[name] for name in names], times, values, qualities)
    out = Derivations(plant.derivations, numbers).feed(batch)
    mine = out.point == by_name[point]
    return list(
        zip(out.time_ms[mine].tolist(), out.value[mine].round(9).tolist(), out.quality[mine].tolist(), strict=True)
    )


def derived(d: Derivation, *batches: list[tuple[PointKey, int, float, int]]) -> list[tuple[int, float, int]]:
    """What one derivation gives, batch by batch."""
    computer, found = Derivations([d], NUMBER), []
    for rows in batches:
        keys, times, values, qualities = zip(*rows, strict=True)
        out = computer.feed(ReadingBatch.of([NUMBER[k] for k in keys], times, values, qualities))
        found += list(zip(out.time_ms.tolist(), out.value.tolist(), out.quality.tolist(), strict=True))
    return found


# The examples


def test_methane_carried_by_an_airway(documented: Plant) -> None:
    # 0.5 %CH4 at 2.0 m/s through 12 m2: 0.005 x 2 x 12 x 60 = 7.2 m3/min
    rows = [(0, "CH4-03", 0.5, GOOD), (0, "WIND-01", 2.0, GOOD), (5000, "CH4-03", 1.0, UNCERTAIN)]
    assert made(documented, "CH4-FLOW-01", *rows) == [(0, 7.2, GOOD), (5000, 14.4, UNCERTAIN)]
    # Velocity is silent for more than its no_data_after, 60 s: no value.
    assert made(documented, "CH4-FLOW-01", *rows[:2], (60_001, "CH4-03", 0.5, GOOD)) == [(0, 7.2, GOOD)]


def test_oxygen_deficiency_and_grahams_ratio(documented: Plant) -> None:
    # 78.9 % N2 and 20.2 % O2: 0.265 x 78.9 - 20.2 = 0.7085 %; 50 ppm CO: 100 x 0.005 / 0.7085 = 0.70572 %
    sample = [(0, "N2-01", 78.9, GOOD), (0, "O2-01", 20.2, GOOD), (0, "CO-02", 50.0, GOOD)]
    assert made(documented, "O2-DEF-01", *sample) == [(0, 0.7085, GOOD)]
    assert made(documented, "GRAHAM-01", *sample) == [(0, round(0.5 / 0.7085, 9), GOOD)]


@pytest.mark.parametrize(
    ("o2", "refused"),
    [(20.9, True), (20.61, True), (20.6, False), (22.0, True)],
)
def test_grahams_ratio_is_refused_below_a_deficiency_of_0_3(documented: Plant, o2: float, refused: bool) -> None:
    # 0.265 x 78.9 = 20.9085, so the guard is at 20.6085 % O2; more oxygen than nitrogen allows is refused too.
    sample = [(0, "N2-01", 78.9, GOOD), (0, "CO-02", 50.0, GOOD), (0, "O2-01", o2, GOOD)]
    assert (made(documented, "GRAHAM-01", *sample) == []) is refused
    assert len(made(documented, "O2-DEF-01", *sample)) == 1


def test_the_guard_itself_is_not_below() -> None:
    ratio = Derivation(OUT, Function.RATIO, (Input(A), Input(B)), denominator_min=0.25)
    assert derived(ratio, [(A, 0, 1.0, GOOD), (B, 0, 0.25, GOOD)]) == [(0, 4.0, GOOD)]
    assert derived(ratio, [(A, 0, 1.0, GOOD), (B, 0, 0.2499, GOOD)]) == []


def test_grahams_ratio_never_mixes_two_samples(documented: Plant) -> None:
    first = [(0, "N2-01", 78.9, GOOD), (0, "O2-01", 20.2, GOOD), (0, "CO-02", 50.0, GOOD)]
    second = [(HOUR, "CO-02", 500.0, GOOD), (HOUR, "N2-01", 78.9, GOOD), (HOUR, "O2-01", 18.9, GOOD)]
    assert [t for t, _, _ in made(documented, "GRAHAM-01", *first, *second[:2])] == [0]
    assert made(documented, "GRAHAM-01", *first, *second)[1:] == [(HOUR, round(5 / 2.0085, 9), GOOD)]


def test_persons_in_an_area(documented: Plant) -> None:
    rows = [(0, "GATE-IN", 120, GOOD), (0, "GATE-OUT", 20, GOOD), (MIN, "GATE-OUT", 21, GOOD)]
    assert made(documented, "PERSONS-01", *rows) == [(0, 100.0, GOOD), (MIN, 99.0, GOOD)]


def test_freeboard_from_crest_and_level(documented: Plant) -> None:
    rows = [(0, "CREST-01", 1190.0, GOOD), (0, "POND-01", 1187.25, GOOD), (MIN, "POND-01", 0.0, BAD)]
    assert made(documented, "FREEBOARD-02", *rows[:2]) == [(0, 2.75, GOOD)]
    time_ms, value, quality = made(documented, "FREEBOARD-02", *rows)[1]
    assert (time_ms, quality) == (MIN, BAD)
    assert math.isnan(value)


def test_rain_in_1_h_and_24_h(documented: Plant) -> None:
    # 0.5 mm every 10 min, after a day without rain.
    rows: list[Row] = [(10 * MIN * n, "GAUGE-01", 0.0, GOOD) for n in range(145)]
    rows += [(DAY + 10 * MIN * n, "GAUGE-01", 0.5, GOOD) for n in range(1, 13)]
    hour, day = made(documented, "RAIN-1H", *rows), made(documented, "RAIN-24H", *rows)
    # (T - 1 h, T] has six readings of 10 min each.
    assert [v for _, v, _ in hour[145:]] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    assert day[-1] == (DAY + 2 * HOUR, 6.0, GOOD)
    # The first hour of data is no whole hour, the first day no whole day.
    assert [q for _, _, q in hour[:8]] == [UNCERTAIN] * 6 + [GOOD] * 2
    assert [q for _, _, q in day[142:146]] == [UNCERTAIN] * 2 + [GOOD] * 2


def test_displacement_velocity_over_1_h_1_d_and_7_d(documented: Plant) -> None:
    # 4.8 mm a day for eight days, then 1.2 mm within an hour.
    rows: list[Row] = [(HOUR * n, "GNSS-01", 0.2 * n, GOOD) for n in range(193)]
    rows.append((HOUR * 193, "GNSS-01", 0.2 * 192 + 1.2, GOOD))
    hour, day, week = (made(documented, f"GNSS-01-{w}", *rows) for w in ("1H", "1D", "7D"))
    assert [len(x) for x in (hour, day, week)] == [193, 170, 26], "none before there is a reference"
    assert [x[-2][1] for x in (hour, day, week)] == [0.2, 4.8, 4.8]
    assert [x[-1][1] for x in (hour, day, week)] == [1.2, 5.8, round(4.8 + 1 / 7, 9)]


def test_displacement_since_a_date(documented: Plant) -> None:
    since_ms = 1_767_196_800_000  # 2026-01-01, UTC+8
    rows = [
        (since_ms - HOUR, "GNSS-01", 3.0, GOOD),
        (since_ms, "GNSS-01", 3.5, GOOD),
        (since_ms + DAY, "GNSS-01", 6.0, GOOD),
    ]
    assert made(documented, "GNSS-01-2026", *rows) == [(since_ms, 0.0, GOOD), (since_ms + DAY, 2.5, GOOD)]
    late = [(since_ms + DAY, "GNSS-01", 3.5, GOOD), (since_ms + 2 * DAY, "GNSS-01", 6.0, GOOD)]
    assert [q for _, _, q in made(documented, "GNSS-01-2026", *late)] == [UNCERTAIN, UNCERTAIN]


# The rules

STEP = Derivation(OUT, Function.DIFFERENCE, (Input(A, 10), Input(B, 10, -5.0, 5.0)))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (GOOD, GOOD, GOOD),
        (GOOD, UNCERTAIN, UNCERTAIN),
        (UNCERTAIN, BAD, BAD),
        (MAINTENANCE, UNCERTAIN, MAINTENANCE),
        (MAINTENANCE, BAD, BAD),
    ],
)
def test_quality_spreads(a: int, b: int, expected: int) -> None:
    ((_, value, quality),) = derived(STEP, [(A, 0, 3.0, a), (B, 0, 1.0, b)])
    assert quality == expected
    assert value == 2.0 or (quality == BAD and math.isnan(value))


@pytest.mark.parametrize("value", [math.nan, math.inf, 5.5, -9999.0])
def test_what_is_no_number_or_out_of_range_is_bad(value: float) -> None:
    ((_, made_of_it, quality),) = derived(STEP, [(A, 0, 3.0, GOOD), (B, 0, value, GOOD)])
    assert math.isnan(made_of_it)
    assert quality == BAD


def test_a_division_by_zero_is_bad() -> None:
    ratio = Derivation(OUT, Function.RATIO, (Input(A), Input(B)))
    ((_, value, quality),) = derived(ratio, [(A, 0, 3.0, GOOD), (B, 0, 0.0, GOOD)])
    assert math.isnan(value)
    assert quality == BAD


def test_an_input_that_is_missing_gives_no_reading_at_all() -> None:
    assert derived(STEP, [(A, 0, 3.0, GOOD)]) == []
    assert derived(STEP, [(A, 0, 3.0, GOOD), (B, 10, 1.0, GOOD)]) == [(10, 2.0, GOOD)]
    assert derived(STEP, [(A, 0, 3.0, GOOD), (B, 11, 1.0, GOOD)]) == []
    assert derived(STEP, [(A, 0, 3.0, BAD), (B, 11, 1.0, GOOD)]) == []


def test_a_lagging_input_makes_the_latest_result_again() -> None:
    first, second = [(B, 0, 1.0, GOOD), (A, 5, 3.0, GOOD)], [(B, 2, 0.5, GOOD), (A, 6, 3.0, GOOD)]
    assert derived(STEP, first, second) == [(5, 2.0, GOOD), (5, 2.5, GOOD), (6, 2.5, GOOD)]
    assert derived(STEP, first + second) == [(5, 2.5, GOOD), (6, 2.5, GOOD)]


def test_a_late_reading_is_left_out_and_counted() -> None:
    computer = Derivations([STEP], NUMBER)
    computer.feed(ReadingBatch.of([0, 1, 0], [5, 5, 4], [3.0, 1.0, 9.0], [0, 0, 0]))
    assert computer.late == 1
    assert computer.feed(ReadingBatch.of([1], [6], [1.0], [0])).value.tolist() == [2.0]


def test_one_result_of_a_scan_with_one_stamp() -> None:
    assert derived(STEP, [(A, 5, 3.0, GOOD), (B, 5, 1.0, GOOD)], [(A, 6, 4.0, GOOD), (B, 6, 1.5, GOOD)]) == [
        (5, 2.0, GOOD),
        (6, 2.5, GOOD),
    ]


def test_a_window_is_half_open() -> None:
    total = Derivation(OUT, Function.WINDOW_SUM, (Input(A, 100),), window_ms=10)
    rows = [(A, t, v, GOOD) for t, v in ((0, 1.0), (5, 2.0), (10, 4.0), (15, 8.0), (21, 16.0))]
    assert [v for _, v, _ in derived(total, rows)] == [1.0, 3.0, 6.0, 12.0, 24.0]


def test_readings_that_are_not_usable_make_a_window_uncertain_while_they_are_in_it() -> None:
    mean = Derivation(OUT, Function.WINDOW_MEAN, (Input(A, 100),), window_ms=10)
    rows = [(A, -10, 1.0, GOOD), (A, 0, 1.0, GOOD), (A, 2, 9.0, MAINTENANCE), (A, 4, 3.0, GOOD), (A, 12, 5.0, GOOD)]
    results = derived(mean, rows)
    assert [q for _, _, q in results] == [UNCERTAIN, GOOD, MAINTENANCE, UNCERTAIN, GOOD]
    assert [v for _, v, _ in results][3:] == [2.0, 4.0]
    strict = Derivation(OUT, Function.WINDOW_MEAN, (Input(A, 100),), window_ms=10, incomplete="no-value")
    assert [t for t, _, _ in derived(strict, rows)] == [0, 2, 12]


def test_time_since_the_last_change() -> None:
    still = Derivation(OUT, Function.TIME_SINCE_CHANGE, (Input(A),), per_ms=10, band=0.5)
    rows = [(A, 0, 1.0, GOOD), (A, 10, 1.5, GOOD), (A, 20, 2.5, GOOD), (A, 30, 0.0, BAD), (A, 40, 2.5, GOOD)]
    results = derived(still, rows)
    assert [(v, q) for _, v, q in results if q != BAD] == [(0, UNCERTAIN), (1, UNCERTAIN), (0, GOOD), (2, GOOD)]


def test_many_ways_from_one_reading_are_one_event() -> None:
    """A reading that reaches a point directly and through another gives one result, with both."""
    low = Derivation(C, Function.LINEAR, (Input(A),), (10.0,))
    high = Derivation(OUT, Function.SUM, (Input(A), Input(C), Input(A)))
    computer = Derivations([high, low], NUMBER)
    out = computer.feed(ReadingBatch.of([0, 0], [1, 2], [1.0, 2.0], [0, 0]))
    assert out.point.tolist() == [2, 3, 2, 3]
    assert out.value.tolist() == [10.0, 12.0, 20.0, 24.0]


def test_a_sum_does_not_drift() -> None:
    """A million readings of 0.1 and the window of the last ten sums to what ten of them sum to."""
    total = Derivation(OUT, Function.WINDOW_SUM, (Input(A, 100),), window_ms=10)
    n = 100_000
    rows = ReadingBatch.of(np.zeros(n), np.arange(n), np.where(np.arange(n) < n - 20, 1e12 + 0.1, 0.1), np.zeros(n))
    out = Derivations([total], NUMBER).feed(rows)
    assert out.value[-1] == pytest.approx(1.0, abs=1e-15)


def test_stretches_of_a_row_that_is_forgotten_and_taken_back() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=500)
    least = Dyadic(np.minimum, math.inf)
    for start in range(0, 500, 7):
        least.append(values[start : start + 7])
        least.truncate(least.stop - 1)
        least.append(values[least.stop : start + 7])
        least.drop(max(0, least.stop - 300))
    begin = rng.integers(200, 500, 200)
    end = np.minimum(begin + rng.integers(0, 100, 200), 500)
    expected = [values[b:e].min(initial=math.inf) for b, e in zip(begin, end, strict=True)]
    assert least.over(begin, end).tolist() == expected


def test_what_no_snapshot_is_is_refused() -> None:
    for bytes_ in (b"", b"nonsense", Derivations([STEP], NUMBER).snapshot()[:-1]):
        with pytest.raises(ValueError, match="no snapshot"):
            Derivations.restore([STEP], NUMBER, bytes_)
    with pytest.raises(ValueError, match="derived twice"):
        Derivations([STEP, STEP], NUMBER)


# When results go out


def going(settling: Settling, *rows: tuple[PointKey, int, float]) -> list[tuple[int, float]]:
    keys, times, values = zip(*rows, strict=True)
    batch, _ = settling.feed(ReadingBatch.of([NUMBER[k] for k in keys], times, values, [0] * len(keys)), 0)
    return list(zip(batch.time_ms.tolist(), batch.value.tolist(), strict=True))


def test_inputs_of_one_moment_in_two_entries_give_one_result() -> None:
    settling = Settling(Derivations([STEP], NUMBER))
    assert going(settling, (A, 0, 3.0), (B, 0, 1.0)) == [(0, 2.0)]
    assert going(settling, (A, 5, 4.0)) == []
    assert len(settling.tick()[0]) == 0
    assert going(settling, (B, 5, 1.5)) == [(5, 2.5)]
    assert [len(settling.tick()[0]) for _ in range(3)] == [0, 0, 0]


def test_a_result_goes_out_at_the_second_tick_or_with_the_next_one() -> None:
    settling = Settling(Derivations([STEP], NUMBER))
    going(settling, (A, 0, 3.0), (B, 0, 1.0))
    going(settling, (A, 5, 4.0))
    assert [settling.tick()[0].value.tolist() for _ in range(3)] == [[], [3.0], []]
    going(settling, (A, 6, 5.0))
    assert going(settling, (A, 7, 6.0)) == [(6, 4.0)]


def test_points_of_one_measured_input_never_wait() -> None:
    rate = Derivation(OUT, Function.RATE, (Input(A),), window_ms=1)
    settling = Settling(Derivations([rate], NUMBER))
    assert going(settling, (A, 0, 3.0), (A, 1, 4.0)) == [(1, 1.0)]


# The sample plant


@pytest.mark.parametrize("seed", [1, 2])
def test_the_sample_plant_is_quiet_in_its_derived_points(seed: int) -> None:
    """Point after point, as its gateways send them."""
    plant = load_plant(ROOT / "simulators" / "plant")
    assert len(plant.derivations) >= 2
    number = {p.key: n for n, p in enumerate(plant.points)}
    engine = Engine(Limits.of([p.checks for p in plant.points]), start_ms=0)
    settling = Settling(Derivations(plant.derivations, number))
    own = [number[d.key] for d in plant.derivations]
    results: dict[int, int] = dict.fromkeys(own, 0)
    for step in load_scenario("quiet").steps(0, seed, 60.0):
        if step.due_s > 1800:
            break
        for (key, value, quality), _ in zip(step.readings(), range(len(step.value)), strict=True):
            batch = ReadingBatch.of([number[key]], [step.time_ms], [value], [quality])
            for readings in (batch, settling.feed(batch, step.time_ms)[0]):
                engine.evaluate(readings.point, readings.time_ms, readings.value, readings.quality)
                for n in readings.point.tolist():
                    if n in results:
                        results[n] += 1
    assert not engine.active[own].any()
    assert engine.late == 0, "no result of a moment went out twice"
    assert all(results.values()), "each of them speaks"
