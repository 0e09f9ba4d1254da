"""The servers that tests start: they answer, restart on their port, and are gone afterwards."""

import socket

import pytest

from tests.support.servers import Influxd, Mosquitto, find_program

pytestmark = pytest.mark.servers


def test_mosquitto_restarts_on_its_port(mosquitto: Mosquitto) -> None:
    port = mosquitto.port
    mosquitto.kill()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)
    mosquitto.start()
    assert mosquitto.running and mosquitto.port == port


def test_influxd_keeps_its_data_over_a_restart(own_influxd: Influxd) -> None:
    own_influxd.create("kept")
    own_influxd.restart()
    assert ["kept"] in own_influxd.query("SHOW DATABASES")[0]["values"]


def test_a_missing_program_skips_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"):
        find_program(["no-such-server"], "nothing")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-server is not installed"):
        find_program(["no-such-server"], "nothing")
