"""GB 18218-2018: identification and grading, with the rows that are published."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazards.gb18218 import HazardQuantityError, assess, load_substances

SUBSTANCES = load_substances()


# Critical quantities [t] from a comparison of GB 18218-2018 and -2009.
@pytest.mark.parametrize(
    ("substance", "q_t"),
    [
        ("oxygen", 200), ("guanidine-nitrate", 50), ("ammonium-nitrate-combustible", 5), ("ammonium-nitrate", 50),
        ("ammonium-nitrate-fertiliser", 200), ("nitrocellulose-dry", 1), ("nitrocellulose-plasticised", 1),
        ("nitrocellulose-ethanol", 10), ("nitrocellulose-n12", 50), ("nitrocellulose-water", 50),
        ("nitrocellulose-solution", 50), ("J1", 5), ("J2", 50), ("J3", 50), ("J4", 50), ("J5", 500), ("W6.1", 10),
        ("W6.2", 50),
    ],
)  # fmt: skip
def test_confirmed_critical_quantities(substance: str, q_t: float) -> None:
    assert (SUBSTANCES[substance].q_t, SUBSTANCES[substance].q_confidence) == (q_t, "confirmed")


# Order 40 (2011) annex 1, toxic gases.
@pytest.mark.parametrize(
    ("substance", "beta"),
    [
        ("sulphur-dioxide", 2), ("ammonia", 2), ("ethylene-oxide", 2), ("hydrogen-chloride", 3), ("methyl-bromide", 3),
        ("chlorine", 4), ("hydrogen-sulphide", 5), ("hydrogen-fluoride", 5), ("nitrogen-dioxide", 10),
        ("hydrogen-cyanide", 10), ("phosgene", 20), ("phosphine", 20), ("methyl-isocyanate", 20),
    ],
)  # fmt: skip
def test_confirmed_factors(substance: str, beta: float) -> None:
    assert (SUBSTANCES[substance].beta, SUBSTANCES[substance].beta_confidence) == (beta, "confirmed")


@pytest.mark.parametrize(
    ("quantity_t", "s", "major"),
    [
        ({}, 0.0, False),
        ({"oxygen": 199.9}, 0.9995, False),
        ({"oxygen": 200}, 1.0, True),
        ({"oxygen": 100, "methanol": 250}, 1.0, True),
        ({"W5.3": 999}, 0.999, False),
    ],
)
def test_identification(quantity_t: dict[str, float], s: float, major: bool) -> None:
    result = assess(quantity_t, people_within_500_m=0)
    assert (result.s, result.is_major_hazard) == (pytest.approx(s), major)


# Order 40 annex 1: R by grade; α = 1 for one person nearby, β of chlorine 4, Q 5 t.
@pytest.mark.parametrize(("r", "grade"), [(4.0, 4), (9.99, 4), (10.0, 3), (49.9, 3), (50.0, 2), (99.9, 2), (100.0, 1)])
def test_grades(r: float, grade: int) -> None:
    assert assess({"chlorine": r / 4 * 5}, people_within_500_m=1).grade == grade


@pytest.mark.parametrize(
    ("people", "alpha"),
    [(0, 0.5), (1, 1.0), (29, 1.0), (30, 1.2), (49, 1.2), (50, 1.5), (99, 1.5), (100, 2.0), (10_000, 2.0)],
)
def test_people_nearby(people: int, alpha: float) -> None:
    assert assess({"oxygen": 200}, people).alpha == alpha


def test_what_is_only_recalled_is_named() -> None:
    assert assess({"benzene": 50}, 0).unconfirmed == ("benzene",)


@pytest.mark.parametrize(
    ("quantity_t", "people"), [({"water": 1.0}, 0), ({"oxygen": -1.0}, 0), ({"oxygen": math.nan}, 0), ({}, -1)]
)
def test_what_cannot_be_is_refused(quantity_t: dict[str, float], people: int) -> None:
    with pytest.raises(HazardQuantityError, match=r"give"):
        assess(quantity_t, people)


@given(st.dictionaries(st.sampled_from(sorted(SUBSTANCES)), st.floats(0, 1e6), max_size=6), st.integers(0, 500))
def test_more_is_never_milder(quantity_t: dict[str, float], people: int) -> None:
    result = assess(quantity_t, people)
    more = assess({k: v * 2 for k, v in quantity_t.items()}, people + 50)
    assert more.s >= result.s
    assert more.r >= result.r
    assert (more.grade or 5) <= (result.grade or 5)
