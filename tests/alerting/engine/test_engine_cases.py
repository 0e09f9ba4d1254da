"""Named cases from the specification, the standards and the field: a script with one line per step.

Each step is checked in full, what comes out as well as what does not, by the engine and the scalar model alike.
`+high @1000 =1.2` reads: HIGH became active at 1000 ms, with value 1.2.
"""

import math

import pytest

from hazards.checks import Checks
from tests.support.engine_pair import EnginePair, words

GOOD, UNCERTAIN, BAD, MAINTENANCE = 0, 1, 2, 3
COAL_FACE = Checks(high=1.0, high_high=1.5, high_high_clear=1.0)
"""AQ 1029-2019 table 1: alarm at 1.0 %CH4, power cut at 1.5, re-powered below 1.0."""


class Script:
    """One point; each call is one entry of the log."""

    def __init__(self, checks: Checks, start_ms: int = 0) -> None:
        self.pair = EnginePair([checks], start_ms)

    def reading(self, t: int, v: float, q: int = GOOD) -> str:
        return words(self.pair.evaluate([(0, t, v, q)]))

    def batch(self, *readings: tuple[int, float]) -> str:
        return words(self.pair.evaluate([(0, t, v, GOOD) for t, v in readings]))

    def tick(self, t: int) -> str:
        return words(self.pair.advance(t))

    def limits(self, t: int, checks: Checks) -> str:
        return words(self.pair.update_limits({0: checks}, t))

    def restart(self) -> None:
        self.pair.restart()


# -- limits and clearing values --


def test_methane_at_a_coal_face() -> None:
    s = Script(COAL_FACE)
    assert s.reading(1000, 0.9) == ""
    assert s.reading(2000, 1.0) == "+high @2000 =1"  # at the limit counts
    assert s.reading(3000, 1.1) == ""
    assert s.reading(4000, 1.5) == "+high_high @4000 =1.5"
    assert s.reading(5000, 1.2) == ""  # the cut holds
    assert s.reading(6000, 1.0) == ""  # at the clearing value it still holds
    assert s.reading(7000, 0.99) == "-high @7000 =0.99, -high_high @7000 =0.99"


def test_a_severity_that_steps_down() -> None:
    s = Script(Checks(high=1.0, high_high=1.5))
    assert s.reading(1, 1.6) == "+high @1 =1.6, +high_high @1 =1.6"
    assert s.reading(2, 1.4) == "-high_high @2 =1.4"
    assert s.reading(3, 0.9) == "-high @3 =0.9"


def test_oxygen_falls_below_both_low_limits() -> None:
    s = Script(Checks(low=19.5, low_low=18.0, low_clear=20.0))
    assert s.reading(1, 19.5) == "+low @1 =19.5"
    assert s.reading(2, 18.0) == "+low_low @2 =18"
    assert s.reading(3, 18.1) == "-low_low @3 =18.1"
    assert s.reading(4, 20.0) == ""
    assert s.reading(5, 20.1) == "-low @5 =20.1"


def test_uncertain_is_evaluated_like_good() -> None:
    s = Script(COAL_FACE)
    assert s.reading(1, 1.2, UNCERTAIN) == "+high @1 =1.2"


def test_a_peak_between_two_ticks_is_seen() -> None:
    s = Script(COAL_FACE)
    assert s.tick(1000) == ""
    assert s.batch((1100, 0.5), (1200, 1.2), (1300, 0.5)) == "+high @1200 =1.2, -high @1300 =0.5"
    assert s.tick(2000) == ""


def test_the_same_point_twice_in_one_batch_runs_its_delay() -> None:
    s = Script(Checks(high=1.0, on_delay_ms=500))
    assert s.batch((1000, 1.1), (1500, 1.2)) == "+high @1500 =1.2"


def test_a_peak_and_the_return_in_one_batch_drop_the_delay() -> None:
    s = Script(Checks(high=1.0, on_delay_ms=500))
    assert s.batch((1000, 1.1), (1200, 0.9), (1300, 1.1)) == ""
    assert s.tick(1799) == ""
    assert s.tick(1800) == "+high @1800 =1.1"


def test_a_batch_out_of_order_is_taken_in_order_of_time() -> None:
    s = Script(Checks(high=1.0, on_delay_ms=500))
    assert s.batch((1500, 1.2), (1000, 1.1)) == "+high @1500 =1.2"


# -- delays --


def test_a_delay_runs_out_between_readings_at_its_own_time() -> None:
    s = Script(Checks(high=1.0, on_delay_ms=500))
    assert s.reading(1000, 1.1) == ""
    assert s.reading(3000, 0.4) == "+high @1500 =1.1, -high @3000 =0.4"


def test_at_the_due_time_the_new_reading_decides_and_a_tick_fires() -> None:
    s = Script(Checks(high=1.0, on_delay_ms=500))
    assert s.reading(1000, 1.1) == ""
    assert s.reading(1500, 0.9) == ""  # back in time, by a hair
    assert s.reading(2000, 1.1) == ""
    assert s.tick(2500) == "+high @2500 =1.1"


def test_each_limit_has_its_own_timer() -> None:
    s = Script(Checks(high=1.0, high_high=1.5, on_delay_ms=1000))
    assert s.reading(0, 1.2) == ""
    assert s.reading(500, 1.6) == ""
    assert s.reading(1000, 1.6) == "+high @1000 =1.6"
    assert s.reading(1500, 1.7) == "+high_high @1500 =1.7"


def test_an_off_delay_bridges_a_dip() -> None:
    s = Script(Checks(high=1.0, off_delay_ms=1000))
    assert s.reading(0, 1.2) == "+high @0 =1.2"
    assert s.reading(500, 0.8) == ""
    assert s.reading(1000, 1.1) == ""
    assert s.reading(1500, 0.8) == ""
    assert s.reading(2500, 0.7) == "-high @2500 =0.7"


# -- faults and maintenance --


def test_a_wire_break_between_two_alarms() -> None:
    s = Script(COAL_FACE)
    assert s.reading(1, 1.6) == "+high @1 =1.6, +high_high @1 =1.6"
    assert s.reading(2, 0.0, BAD) == "+fault @2 =0"  # nothing clears
    assert s.reading(3, 0.0, BAD) == ""
    assert s.reading(4, 1.2) == "-fault @4 =1.2"  # the cut still holds: hysteresis has survived
    assert s.reading(5, 1.7) == ""
    assert s.reading(6, 0.5) == "-high @6 =0.5, -high_high @6 =0.5"


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, -0.1, 4.1])
def test_what_is_no_measurement_is_a_fault_and_clears_nothing(broken: float) -> None:
    s = Script(Checks(high=1.0, range_low=0.0, range_high=4.0))
    assert s.reading(1, 1.2) == "+high @1 =1.2"
    assert s.reading(2, broken) == f"+fault @2 ={broken:g}"
    assert s.reading(3, 1.2) == "-fault @3 =1.2"


def test_the_ends_of_the_range_are_inside_it() -> None:
    s = Script(Checks(range_low=0.0, range_high=4.0))
    assert s.reading(1, 0.0) == s.reading(2, 4.0) == ""


def test_nan_while_a_raise_pends_lets_it_run_with_the_held_value() -> None:
    s = Script(Checks(high=1.0, on_delay_ms=1000))
    assert s.reading(0, 1.3) == ""
    assert s.reading(500, math.nan) == "+fault @500 =nan"
    assert s.tick(1000) == "+high @1000 =1.3"


def test_a_fault_stops_a_pending_clear() -> None:
    s = Script(Checks(high=1.0, off_delay_ms=1000))
    assert s.reading(0, 1.3) == "+high @0 =1.3"
    assert s.reading(100, 0.5) == ""
    assert s.reading(200, 0.5, BAD) == "+fault @200 =0.5"
    assert s.tick(5000) == ""
    assert s.reading(6000, 0.5) == "-fault @6000 =0.5"  # the clear delay begins anew
    assert s.reading(7000, 0.5) == "-high @7000 =0.5"


def test_calibration_gas_raises_nothing_and_clears_nothing() -> None:
    s = Script(Checks(high=1.0, high_high=1.5, on_delay_ms=500, off_delay_ms=500))
    assert s.reading(0, 1.1) == ""
    assert s.reading(100, 2.0, MAINTENANCE) == ""  # drops the pending raise
    assert s.reading(1000, math.nan, MAINTENANCE) == ""  # not even a fault
    assert s.tick(2000) == ""
    assert s.reading(3000, 1.1) == ""
    assert s.reading(3500, 1.1) == "+high @3500 =1.1"
    assert s.reading(3600, 0.2, MAINTENANCE) == ""
    assert s.tick(9000) == ""


def test_maintenance_does_not_end_a_fault() -> None:
    s = Script(Checks())
    assert s.reading(1, 1.0, BAD) == "+fault @1 =1"
    assert s.reading(2, 1.0, MAINTENANCE) == ""
    assert s.reading(3, 1.0) == "-fault @3 =1"


def test_an_unknown_quality_code_is_not_trusted() -> None:
    s = Script(COAL_FACE)
    assert s.reading(1, 0.5, 7) == "+fault @1 =0.5"


# -- silence --


def test_a_point_never_seen_since_start_loses_data() -> None:
    s = Script(Checks(no_data_after_ms=5000), start_ms=1000)
    assert s.tick(6000) == ""  # at exactly the time, data is not yet lost
    assert s.tick(6001) == "+no_data @6000 =nan"
    assert s.tick(9000) == ""
    assert s.reading(9500, 0.4) == "-no_data @9500 =0.4"


def test_the_first_reading_may_equal_the_start() -> None:
    s = Script(Checks(high=1.0), start_ms=1000)
    assert s.reading(999, 2.0) == ""
    assert s.pair.engine.late == 1
    assert s.reading(1000, 2.0) == "+high @1000 =2"
    assert s.reading(1000, 0.0) == ""
    assert s.pair.engine.late == 2


def test_silence_is_noticed_by_the_reading_that_ends_it() -> None:
    s = Script(Checks(high=1.0, no_data_after_ms=5000))
    assert s.reading(1000, 1.2) == "+high @1000 =1.2"
    assert s.reading(7000, 1.1) == "+no_data @6000 =1.2, -no_data @7000 =1.1"


@pytest.mark.parametrize("quality", [GOOD, UNCERTAIN, MAINTENANCE])
def test_any_reading_ends_silence(quality: int) -> None:
    s = Script(Checks(no_data_after_ms=10))
    assert s.tick(11) == "+no_data @10 =nan"
    assert s.reading(20, 1.0, quality) == "-no_data @20 =1"


def test_a_raise_delay_that_ends_in_an_outage_raises() -> None:
    s = Script(Checks(high=1.0, on_delay_ms=8000, no_data_after_ms=5000))
    assert s.reading(0, 1.2) == ""
    assert s.tick(7000) == "+no_data @5000 =1.2"
    assert s.tick(8000) == "+high @8000 =1.2"


def test_a_clear_delay_that_ends_in_an_outage_does_not_clear() -> None:
    s = Script(Checks(high=1.0, off_delay_ms=8000, no_data_after_ms=5000))
    assert s.reading(0, 1.2) == "+high @0 =1.2"
    assert s.reading(1000, 0.5) == ""
    assert s.tick(60_000) == "+no_data @6000 =0.5"
    assert s.reading(61_000, 0.5) == "-no_data @61000 =0.5"
    assert s.reading(66_000, 0.5) == ""
    assert s.reading(69_000, 0.5) == "-high @69000 =0.5"


def test_a_clear_delay_that_ends_with_the_last_valid_moment_clears() -> None:
    s = Script(Checks(high=1.0, off_delay_ms=5000, no_data_after_ms=5000))
    assert s.reading(0, 1.2) == "+high @0 =1.2"
    assert s.reading(1000, 0.5) == ""
    assert s.tick(60_000) == "-high @6000 =0.5, +no_data @6000 =0.5"


def test_a_clear_delay_does_not_run_across_an_outage() -> None:
    s = Script(Checks(high=1.0, off_delay_ms=8000, no_data_after_ms=5000))
    assert s.reading(0, 1.2) == "+high @0 =1.2"
    assert s.reading(1000, 0.5) == ""
    assert s.reading(8000, 0.5) == "+no_data @6000 =0.5, -no_data @8000 =0.5"
    assert s.reading(12_000, 0.5) == ""
    assert s.reading(16_000, 0.5) == "-high @16000 =0.5"


# -- rate and frozen --


def test_rate_over_a_window_both_ways() -> None:
    s = Script(Checks(rate_per_s=0.5, rate_window_ms=2000))
    assert s.reading(0, 1.0) == ""
    assert s.reading(1000, 9.0) == ""  # the window is not over
    assert s.reading(2000, 2.0) == "+rate @2000 =2"  # exactly 0.5 a second
    assert s.reading(4000, 1.5) == "-rate @4000 =1.5"
    assert s.reading(6000, 0.0) == "+rate @6000 =0"


def test_rate_does_not_compare_across_a_fault_or_an_outage() -> None:
    s = Script(Checks(rate_per_s=0.5, rate_window_ms=1000, no_data_after_ms=5000))
    assert s.reading(0, 0.0) == ""
    assert s.reading(500, 0.0, BAD) == "+fault @500 =0"
    assert s.reading(1500, 9.0) == "-fault @1500 =9"
    assert s.reading(9000, 0.0) == "+no_data @6500 =9, -no_data @9000 =0"
    assert s.reading(10_000, 0.2) == ""


def test_a_frozen_sensor() -> None:
    s = Script(Checks(frozen_after_ms=3000, frozen_band=0.1))
    assert s.reading(0, 1.0) == ""
    assert s.reading(1000, 1.1 - 1e-9) == ""
    assert s.reading(2999, 0.95) == ""
    assert s.reading(3000, 1.0) == "+frozen @3000 =1"
    assert s.reading(4000, 1.05) == ""
    assert s.reading(5000, 1.2) == "-frozen @5000 =1.2"
    assert s.reading(8000, 1.2) == "+frozen @8000 =1.2"


def test_an_outage_restarts_the_frozen_clock_but_not_the_anchor() -> None:
    s = Script(Checks(frozen_after_ms=3000, frozen_band=0.1, no_data_after_ms=5000))
    assert s.reading(0, 1.0) == ""
    assert s.reading(9000, 1.0) == "+no_data @5000 =1, -no_data @9000 =1"
    assert s.reading(11_999, 1.0) == ""
    assert s.reading(12_000, 1.0) == "+frozen @12000 =1"


# -- late readings and changed limits --


def test_late_readings_are_counted_and_change_nothing() -> None:
    s = Script(COAL_FACE)
    assert s.reading(2000, 0.5) == ""
    assert s.reading(1000, 1.6) == ""
    assert s.pair.engine.late == 1
    assert s.batch((1999, 1.6), (2500, 0.6)) == ""
    assert s.pair.engine.late == 2


def test_of_two_readings_of_one_time_the_first_counts() -> None:
    s = Script(COAL_FACE)
    assert s.batch((2000, 0.5), (2000, 1.6)) == ""
    assert s.batch((3000, 1.2), (3000, 0.6)) == "+high @3000 =1.2"
    assert s.pair.engine.late == 2


def test_switching_a_check_off_clears_it_and_drops_timers() -> None:
    s = Script(Checks(high=1.0, high_high=1.5, on_delay_ms=1000))
    assert s.reading(0, 1.6) == ""
    assert s.tick(1000) == "+high @1000 =1.6, +high_high @1000 =1.6"
    assert s.limits(2000, Checks(high_high=1.5, on_delay_ms=1000)) == "-high @2000 =1.6"
    assert s.limits(3000, Checks(high=1.0, high_high=1.5, on_delay_ms=1000)) == ""
    assert s.reading(4000, 1.6) == ""  # the delay begins with the next reading
    assert s.reading(5000, 1.6) == "+high @5000 =1.6"


def test_a_lower_limit_is_judged_at_the_next_reading() -> None:
    s = Script(Checks(high=2.0))
    assert s.reading(0, 1.5) == ""
    assert s.limits(10, Checks(high=1.0)) == ""
    assert s.tick(20) == ""
    assert s.reading(30, 1.5) == "+high @30 =1.5"


def test_a_fault_outlives_a_change_of_limits() -> None:
    s = Script(Checks())
    assert s.reading(0, 1.5, BAD) == "+fault @0 =1.5"
    assert s.limits(10, Checks()) == ""


def test_a_check_that_was_off_remembers_nothing() -> None:
    frozen = Checks(frozen_after_ms=3000)
    s = Script(frozen)
    assert s.reading(0, 1.0) == ""
    assert s.limits(1000, Checks()) == ""
    assert s.reading(2000, 5.0) == ""
    assert s.limits(3000, frozen) == ""
    assert s.reading(4000, 1.0) == ""  # equal to the value of long ago, which says nothing
    assert s.reading(7000, 1.0) == "+frozen @7000 =1"


def test_delays_and_alarms_survive_a_restart() -> None:
    s = Script(Checks(high=1.0, high_high=1.5, on_delay_ms=1000, frozen_after_ms=2000, frozen_band=0.05))
    assert s.reading(0, 1.2) == ""
    s.restart()
    assert s.reading(1000, 1.6) == "+high @1000 =1.6"
    s.restart()
    assert s.tick(2000) == "+high_high @2000 =1.6"
    s.restart()
    assert s.reading(3000, 1.6) == "+frozen @3000 =1.6"
