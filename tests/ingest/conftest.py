"""A wired-up ingest for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ingest_parts import Parts


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.close()
