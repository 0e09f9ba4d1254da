"""Generators for the models, the same in every run."""

import numpy as np
import pytest


@pytest.fixture
def random() -> np.random.Generator:
    """Random numbers of a fixed seed."""
    return np.random.default_rng(7)
