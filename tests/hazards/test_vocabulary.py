"""The vocabulary: readings by column, and that each module says what it offers."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hazards
from hazards.condition import FAMILY_CONDITIONS, Condition, family_of
from hazards.readings import ReadingBatch

MODULES = [info.name for info in pkgutil.walk_packages(hazards.__path__, "hazards.")]

BATCHES = st.lists(
    st.tuples(
        st.integers(0, 2**31 - 1), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.integers(0, 3)
    ),
    max_size=20,
).map(lambda rows: ReadingBatch.of(*([list(column) for column in zip(*rows, strict=True)] or [[], [], [], []])))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_lists_what_it_offers(name: str) -> None:
    module = importlib.import_module(name)
    defined = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == name
    }
    listed = set(module.__all__)
    assert {key for key in listed if not hasattr(module, key)} == set(), "listed but not there"
    assert defined - listed == set(), "there but not listed"


@given(BATCHES)
def test_a_batch_survives_bytes(batch: ReadingBatch) -> None:
    again = ReadingBatch.from_bytes(batch.to_bytes())
    for column in ("point", "time_ms", "value", "quality"):
        assert np.array_equal(getattr(again, column), getattr(batch, column))


@given(BATCHES, BATCHES)
def test_batches_follow_each_other(first: ReadingBatch, second: ReadingBatch) -> None:
    both = ReadingBatch.concatenate([first, second])
    assert both.time_ms.tolist() == first.time_ms.tolist() + second.time_ms.tolist()


def test_missing_values_stay_missing() -> None:
    batch = ReadingBatch.from_bytes(ReadingBatch.of([1], [2], [np.nan], [2]).to_bytes())
    assert np.isnan(batch.value[0])


@pytest.mark.parametrize("cut", [1, 4, 20])
def test_bytes_that_were_cut_are_refused(cut: int) -> None:
    data = ReadingBatch.of([1], [2], [3.0], [0]).to_bytes()
    with pytest.raises(ValueError, match="expected"):
        ReadingBatch.from_bytes(data[:-cut])


def test_columns_of_other_types_or_lengths_are_refused() -> None:
    good = ReadingBatch.of([1], [2], [3.0], [0])
    with pytest.raises(ValueError, match="time_ms is float64"):
        ReadingBatch(good.point, good.time_ms.astype(float), good.value, good.quality)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="quality"):
        ReadingBatch(good.point, good.time_ms, good.value, np.zeros(2, np.uint8))


def test_every_condition_has_one_family() -> None:
    assert sorted(c for conditions in FAMILY_CONDITIONS.values() for c in conditions) == sorted(Condition)
    assert all(condition in FAMILY_CONDITIONS[family_of(condition)] for condition in Condition)
