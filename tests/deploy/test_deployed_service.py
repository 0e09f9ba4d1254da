"""The service with the sample configuration and plant, at the deployed broker: no right is missing, none too many."""

import json

import pytest

from tests.support.deployed import Client, DeployedHazmon, DeployedMosquitto
from tests.support.servers import Influxd, wait_until

pytestmark = pytest.mark.servers


def test_a_reading_of_the_sample_plant_sets_off_the_siren_and_is_stored(influxd: Influxd, influx_database: str) -> None:
    with DeployedMosquitto() as broker:
        store = {"HAZMON_STORE__URL": influxd.url(influx_database)}
        with DeployedHazmon(broker, store) as hazmon:
            wait_until(hazmon.ready, "hazmon to be ready", 40)
            siren, device = Client(broker, "siren"), Client(broker, "M001")
            try:
                siren.subscribe("hazmon-alarm/v1/#")
                siren.subscribe("hazmon-status/v1/#")
                # The return corner of the face, T0: 1.5 %CH4 cuts the power.
                assert device.publish("hazmon/v1/M001/CH4-01", b'{"v": 1.6}')

                def sounded() -> dict[str, object] | None:
                    heard = [
                        body for topic, body in siren.got if topic == "hazmon-alarm/v1/M001/CH4-01" and body != b"{}"
                    ]
                    return json.loads(heard[-1]) if heard else None

                alarm = wait_until(sounded, "the siren to hear of it", 20)
                assert (alarm["severity"], alarm["condition"], alarm["value"]) == ("red", "high_high", 1.6)
                wait_until(lambda: [t for t, _ in siren.got if t == "hazmon-status/v1/hazmon"], "hazmon's status", 20)
                wait_until(
                    lambda: influxd.query('SELECT "value" FROM "reading" WHERE "point" = \'CH4-01\'', influx_database),
                    "the reading in the store",
                    20,
                )
            finally:
                siren.close()
                device.close()
