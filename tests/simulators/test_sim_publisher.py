"""What is published arrives, once, in native form, through an outage; against a real mosquitto."""

import asyncio
import gc
import json
import subprocess
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest

from simulators.address import parse_broker_url
from simulators.background import Background
from simulators.errors import SimulatorError
from simulators.payload import Form, messages
from simulators.publisher import publish, send
from simulators.record import RecordCounts, record
from simulators.recording import parse_mapping, read_recording
from simulators.replay import replay
from simulators.scenario import load_scenario
from simulators.step import Step
from tests.support.servers import Mosquitto, find_program, free_port, wait_until


class Listener:
    """A subscriber that notes every native message."""

    def __init__(self, port: int) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        subscribed = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe("hazmon/v1/#", 1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _c, _u, m: self.got.append((m.topic, json.loads(m.payload)))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def listener(mosquitto: Mosquitto) -> Iterator[Listener]:
    """A subscriber at the test's mosquitto."""
    it = Listener(mosquitto.port)
    yield it
    it.close()


def steps(n: int, apart_s: float = 0.0) -> Iterator[Step]:
    """Numbered readings of one point."""
    for i in range(n):
        yield Step(1000 + i, i * apart_s, "M1", ["A"], np.array([float(i)]), np.zeros(1, np.uint8))


@pytest.mark.servers
def test_a_scenario_back_filled_at_max_arrives_whole(mosquitto: Mosquitto, listener: Listener) -> None:
    now_ms = 1_800_000_000_000
    scenario = load_scenario("demo")
    counts = asyncio.run(publish(scenario, mosquitto.url, speed="max", for_s=10.0, clock_ms=lambda: now_ms))
    assert counts.readings == counts.messages == 490
    assert (counts.dropped, counts.waiting, counts.connections) == (0, 0, 1)
    wait_until(lambda: len(listener.got) >= 490, "490 messages")
    assert {topic for topic, _ in listener.got} == {f"hazmon/v1/{k.enterprise}/{k.point}" for k in scenario.points}
    stamps = [body["t"] for _, body in listener.got]
    assert min(stamps) == now_ms - 10_000
    assert max(stamps) < now_ms


@pytest.mark.servers
def test_columns_carry_the_same_readings(mosquitto: Mosquitto, listener: Listener) -> None:
    kwargs: dict[str, Any] = {"speed": "max", "for_s": 5.0, "clock_ms": lambda: 1_800_000_000_000}
    asyncio.run(publish(load_scenario("demo"), mosquitto.url, **kwargs))
    single = wait_until(lambda: len(listener.got) >= 245 and list(listener.got), "245 messages")
    listener.got.clear()
    counts = asyncio.run(publish(load_scenario("demo"), mosquitto.url, form=Form.COLUMNS, **kwargs))
    assert (counts.readings, counts.messages) == (245, 15)
    columns = wait_until(lambda: len(listener.got) >= 15 and list(listener.got), "15 messages")
    flat = {(f"{t}/{p}", b["t"], v) for t, b in columns for p, v in zip(b["p"], b["v"], strict=True)}
    assert flat == {(t, b["t"], b["v"]) for t, b in single}


@pytest.mark.servers
def test_an_outage_loses_nothing(mosquitto: Mosquitto) -> None:
    """kill -9 of the broker while readings flow: every one is acknowledged in the end."""
    background = Background(
        lambda stop, progress: send(
            steps(250, 0.01), parse_broker_url(mosquitto.url), paced=True, stop=stop, progress=progress
        )
    )
    wait_until(lambda: background.counts.readings > 50, "the first readings")
    mosquitto.kill()
    mosquitto.start()
    counts = background.wait(30.0)
    assert counts.readings == 250
    assert counts.dropped == 0
    assert counts.connections >= 2


@pytest.mark.servers
def test_a_full_outbox_drops_the_oldest_and_counts_them(mosquitto: Mosquitto) -> None:
    gate = threading.Event()

    def gated() -> Iterator[Step]:
        yield from steps(1)
        gate.wait(10)
        yield from list(steps(501, 0.0))[1:]

    background = Background(
        lambda stop, progress: send(
            gated(), parse_broker_url(mosquitto.url), paced=True, stop=stop, progress=progress, outbox_messages=100
        )
    )
    gate.set()
    counts = background.wait(30.0)
    assert counts.readings + counts.dropped == 501
    assert counts.readings >= 100


@pytest.mark.servers
def test_a_file_waits_where_live_data_would_be_dropped(mosquitto: Mosquitto) -> None:
    counts = asyncio.run(
        send(steps(1000), parse_broker_url(mosquitto.url), paced=False, when_full="wait", outbox_messages=50)
    )
    assert (counts.readings, counts.dropped) == (1000, 0)


@pytest.mark.servers
def test_stopping_ends_soon(mosquitto: Mosquitto) -> None:
    background = Background(
        lambda stop, progress: publish(load_scenario("quiet"), mosquitto.url, stop=stop, progress=progress)
    )
    wait_until(lambda: background.counts.readings > 0, "the first readings")
    background.stop()
    counts = background.wait(5.0)
    assert counts.readings > 0
    assert not background.running


def test_a_broker_that_is_not_there_is_one_line() -> None:
    port = free_port()
    with pytest.raises(SimulatorError) as caught:
        asyncio.run(publish(load_scenario("quiet"), f"mqtt://127.0.0.1:{port}", for_s=1.0, connect_within_s=0.3))
    assert f"mqtt://127.0.0.1:{port}: cannot be reached within 0.3 s" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.servers
def test_a_user_whom_the_broker_refuses_is_one_line() -> None:
    with Mosquitto("allow_anonymous false\n") as broker, pytest.raises(SimulatorError, match="refuses us"):
        asyncio.run(publish(load_scenario("quiet"), broker.url, for_s=1.0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"speed": "max"}, "needs a duration"),
        ({"speed": 0.0}, "above 0"),
        ({"for_s": 0.0}, "duration 0 s"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SimulatorError, match=words):
        asyncio.run(publish(load_scenario("quiet"), "mqtt://127.0.0.1", **options))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:1883", "give mqtt://host:port"),
        ("http://127.0.0.1", "give mqtt://host:port"),
        ("mqtt://", "give a host"),
        ("mqtt://h:70000", "the port is not a number"),
        ("mqtt://h/topic", "nothing behind the port"),
        ("mqtt://u:secret@h", "give the password apart from the URL"),
    ],
)
def test_a_wrong_url_is_one_line_without_its_secret(url: str, words: str) -> None:
    with pytest.raises(SimulatorError) as caught:
        parse_broker_url(url)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_password_is_never_printed() -> None:
    address = parse_broker_url("mqtt://u@h", "secret")
    assert address.password == "secret"
    assert "secret" not in repr(address) + str(address)
    assert parse_broker_url("mqtt://h", "secret").password is None


def test_values_that_are_none_and_qualities() -> None:
    step = Step(5, 0.0, "M1", ["A", "B"], np.array([np.nan, 1.0]), np.array([2, 3], np.uint8))
    assert [m.payload for m in messages(step, Form.READING)] == [b'{"t":5,"v":null,"q":2}', b'{"t":5,"v":1.0,"q":3}']
    assert [m.payload for m in messages(step, Form.COLUMNS)] == [b'{"p":["A","B"],"t":5,"v":[null,1.0],"q":[2,3]}']


@pytest.mark.servers
@pytest.mark.parametrize("speed", ["max", 1000.0])
def test_a_replay_arrives_with_its_values_in_order(
    mosquitto: Mosquitto, listener: Listener, tmp_path: Path, speed: Any
) -> None:
    file = tmp_path / "run.csv"
    file.write_text("seconds,MM116,PD\n" + "".join(f"{30 * i},{i / 10},1\n" for i in range(50)), encoding="utf-8")
    now_ms = 1_800_000_000_000
    counts = asyncio.run(
        replay(
            [file], mosquitto.url, mapping=parse_mapping(["MM116=M001/CH4-03"]), speed=speed, clock_ms=lambda: now_ms
        )
    )
    assert counts.readings == 50
    wait_until(lambda: len(listener.got) >= 50, "50 messages")
    assert [topic for topic, _ in listener.got] == ["hazmon/v1/M001/CH4-03"] * 50
    assert [body["v"] for _, body in listener.got] == [i / 10 for i in range(50)]
    stamps = [body["t"] for _, body in listener.got]
    if speed == "max":
        assert stamps == [now_ms - (49 - i) * 30_000 for i in range(50)]
    else:
        assert stamps == [now_ms + 30 * i for i in range(50)]


@pytest.mark.servers
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_what_is_recorded_replays_as_it_was(mosquitto: Mosquitto, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    sent = Step(
        1_800_000_000_123, 0.0, "M1", ["A", "B", "C"], np.array([0.1, np.nan, 7.0]), np.array([0, 2, 3], np.uint8)
    )

    async def main() -> RecordCounts:
        stop, ready = asyncio.Event(), asyncio.Event()
        seen: list[RecordCounts] = []
        recording = asyncio.create_task(
            record(mosquitto.url, out, flush_every_s=0.1, stop=stop, progress=lambda c: (seen.append(c), ready.set()))
        )
        async with asyncio.timeout(10):
            while not (seen and seen[-1].connections):
                ready.clear()
                await ready.wait()
        for form in (Form.READING, Form.COLUMNS):
            await send(iter([sent]), parse_broker_url(mosquitto.url), paced=False, form=form)
        publisher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        publisher.connect("127.0.0.1", mosquitto.port)
        publisher.loop_start()
        publisher.publish("hazmon/v1/M1/A", b"{not json", 1).wait_for_publish(5)
        publisher.disconnect()
        publisher.loop_stop()
        async with asyncio.timeout(10):
            while seen[-1] != RecordCounts(6, 1, 1):
                ready.clear()
                await ready.wait()
        stop.set()
        return await recording

    assert asyncio.run(main()) == RecordCounts(6, 1, 1)
    got = read_recording([out])
    one = [("A", 0.1, 0), ("B", -1.0, 2), ("C", 7.0, 3)]
    assert [
        (got.keys[p].point, v if np.isfinite(v) else -1.0, q)
        for p, v, q in zip(got.point.tolist(), got.value.tolist(), got.quality.tolist(), strict=True)
    ] == one * 2
    assert set(got.time_ms.tolist()) == {1_800_000_000_123}


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious", encoding="utf-8")
    with pytest.raises(SimulatorError, match="is there already"):
        asyncio.run(record("mqtt://127.0.0.1", out))
    assert out.read_text(encoding="utf-8") == "precious"
    with pytest.raises(SimulatorError, match=r"ends in \.csv or \.parquet"):
        asyncio.run(record("mqtt://127.0.0.1", tmp_path / "out.xlsx"))
    with pytest.raises(SimulatorError, match="cannot be written"):
        asyncio.run(record("mqtt://127.0.0.1", tmp_path / "no" / "out.csv"))


def test_a_recording_without_a_broker_leaves_no_file(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with pytest.raises(SimulatorError, match="cannot be listened to"):
        asyncio.run(record(f"mqtt://127.0.0.1:{free_port()}", out))
    assert not out.exists()


@pytest.mark.servers
def test_cancelling_ends_soon_and_disconnects(mosquitto: Mosquitto) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await publish(load_scenario("quiet"), mosquitto.url)

    asyncio.run(main())
    wait_until(lambda: " disconnected." in mosquitto.output(), "a clean disconnect")


@pytest.mark.servers
def test_over_tls_with_a_ca_of_our_own(tmp_path: Path) -> None:
    openssl = find_program(["openssl"], "openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -keyout {key} "
        f"-out {certificate} -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1",
        shell=True,
        check=True,
        capture_output=True,
    )
    with Mosquitto(f"certfile {certificate}\nkeyfile {key}\n") as broker:
        url = broker.url.replace("mqtt://", "mqtts://")
        counts = asyncio.run(publish(load_scenario("demo"), url, ca_file=certificate, speed="max", for_s=2.0))
        assert counts.readings == 98
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # paho forgets the socket whose handshake failed
            with pytest.raises(SimulatorError, match="certificate is not trusted"):
                asyncio.run(publish(load_scenario("demo"), url, speed="max", for_s=2.0))
            gc.collect()
    with pytest.raises(SimulatorError, match="CA file"):
        parse_broker_url("mqtts://h", ca_file=tmp_path / "none.pem")
    with pytest.raises(SimulatorError, match="is for mqtts"):
        parse_broker_url("mqtt://h", ca_file=certificate)
