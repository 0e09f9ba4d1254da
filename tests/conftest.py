"""Fixtures that every test may use: real servers on free loopback ports."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Influxd, Mosquitto, find_chromium


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    """A broker of this test's own."""
    with Mosquitto() as server:
        yield server


@pytest.fixture(scope="session")
def influxd() -> Iterator[Influxd]:
    """One InfluxDB 1.x for the whole run: take a database of your own, see `influx_database`; do not stop it."""
    with Influxd() as server:
        yield server


@pytest.fixture
def own_influxd() -> Iterator[Influxd]:
    """An InfluxDB 1.x of this test's own, to stop, kill and restart."""
    with Influxd() as server:
        yield server


@pytest.fixture
def influx_database(influxd: Influxd, request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of a database that nobody else uses; it does not exist yet and is dropped after the test."""
    name = f"test_{abs(hash(request.node.nodeid)) % 10**9}"
    yield name
    influxd.query(f'DROP DATABASE "{name}"')


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium or Chrome."""
    return find_chromium()
