"""Sirens and PLCs see each point's worst open alarm, and nothing that is over."""

import json
import threading
import time
from pathlib import Path

import pytest

from alerting.notify.mqtt_state import AlarmTopics
from hazards.checks import Checks
from tests.support.alerting_parts import T0, Mine, a_plant, a_point


class Broker:
    """Keeps what is retained; may be away."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.published = 0
        self.up = True

    def publish(self, topic: str, payload: bytes) -> bool:
        if self.up:
            self.retained[topic] = payload
            self.published += 1
        return self.up

    def shows(self, point: str = "CH4-01") -> str:
        alarm = json.loads(self.retained[f"hazmon-alarm/v1/M001/{point}"])
        return f"{alarm['severity']} {alarm['condition']} {alarm['state']}" if alarm else "{}"


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    mine = Mine(tmp_path, a_plant(a_point(checks=Checks(high=1.0, high_high=1.5, range_high=40.0))))
    mine.limits()
    mine.settle()
    return mine


def test_a_topic_follows_its_alarm(mine: Mine) -> None:
    broker = Broker()
    topics = AlarmTopics(mine.journal, broker.publish)
    assert not topics.step()
    assert broker.retained == {}, "nothing was ever said of any point"
    mine.say("CH4-01", T0 + 1000, 1.2)
    assert topics.step()
    assert broker.shows() == "orange high unacknowledged"
    mine.say("CH4-01", T0 + 2000, 1.6)
    topics.step()
    assert broker.shows() == "red high_high unacknowledged"
    mine.say("CH4-01", T0 + 3000, 0.2)
    topics.step()
    assert broker.shows() == "orange high returned_unacknowledged"
    mine.desk.acknowledge(mine.alarm().id, "Zhang San")
    topics.step()
    assert broker.shows() == "{}"
    assert not topics.step()


def test_the_worst_is_shown_and_what_stands_before_what_is_over(mine: Mine) -> None:
    broker = Broker()
    topics = AlarmTopics(mine.journal, broker.publish)
    mine.say("CH4-01", T0 + 1000, 1.6)
    mine.say("CH4-01", T0 + 2000, 99.0)  # beyond the range: a fault beside it
    topics.step()
    assert broker.shows() == "red high_high unacknowledged"
    mine.say("CH4-01", T0 + 3000, 0.2)
    mine.say("CH4-01", T0 + 4000, 1.2)
    topics.step()
    assert broker.shows() == "orange high unacknowledged", "the red one is over"


def test_an_alarm_that_ends_while_we_are_away_is_taken_back(mine: Mine) -> None:
    broker = Broker()
    mine.say("CH4-01", T0 + 1000, 1.2)
    AlarmTopics(mine.journal, broker.publish).step()
    mine.desk.acknowledge(mine.alarm().id, "Zhang San")
    mine.say("CH4-01", T0 + 2000, 0.2)
    mine.restart()
    AlarmTopics(mine.journal, broker.publish).step()
    assert broker.shows() == "{}"


def test_the_offset_waits_for_the_broker(mine: Mine) -> None:
    broker = Broker()
    broker.up = False
    mine.say("CH4-01", T0 + 1000, 1.2)
    assert not AlarmTopics(mine.journal, broker.publish).step()
    broker.up = True
    mine.restart()
    AlarmTopics(mine.journal, broker.publish).step()
    assert broker.shows() == "orange high unacknowledged"


def test_a_broker_that_forgot_is_told_again(mine: Mine) -> None:
    broker = Broker()
    topics = AlarmTopics(mine.journal, broker.publish)
    mine.say("CH4-01", T0 + 1000, 1.2)
    topics.step()
    broker.retained.clear()
    assert not topics.step()
    topics.refresh()
    assert topics.step()
    assert broker.shows() == "orange high unacknowledged"


def test_the_thread_keeps_up_and_comes_back(mine: Mine) -> None:
    broker, stop = Broker(), threading.Event()
    topics = AlarmTopics(mine.journal, broker.publish)
    thread = threading.Thread(target=topics.run, args=(stop,))
    thread.start()
    mine.say("CH4-01", T0 + 1000, 1.2)
    end = time.monotonic() + 10
    while broker.retained.get("hazmon-alarm/v1/M001/CH4-01") is None:
        assert time.monotonic() < end
        time.sleep(0.002)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
