"""From the journal to a receiver on loopback: signed, in order, again and again, and for a day at most."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog
from standardwebhooks import Webhook, WebhookVerificationError

from alerting.deliveries import DeliveryStatus
from alerting.errors import ChannelError, DeliveryReason, JournalError
from alerting.notify.channel import Notice
from alerting.notify.delivery import DeliveryWorker
from alerting.notify.outbox import Outbox
from alerting.notify.retry import RetryPolicy
from alerting.notify.routing import Match, Route
from alerting.notify.webhook import WebhookChannel
from tests.support.alerting_parts import SECRET, T0, Clock, Mine, Post, Receiver

DAY_MS = 86_400_000
SOON = RetryPolicy(first_ms=10, longest_ms=50)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def wait_until(what: str, true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Poll with a deadline."""
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, f"waited {timeout_s} s for: {what}"
        time.sleep(0.002)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Mine]:
    mine = Mine(tmp_path)
    mine.limits()
    mine.settle()
    yield mine
    mine.crash()


Start = Callable[..., DeliveryWorker]


@pytest.fixture
def start(mine: Mine, receiver: Receiver) -> Iterator[Start]:
    """Start a worker for channel ``duty`` to the receiver; stopped after the test."""
    workers = []

    def start(channel: Any = None, clock_ms: Callable[[], int] = now_ms, policy: RetryPolicy = SOON) -> DeliveryWorker:
        channel = channel or WebhookChannel("duty", receiver.url, SECRET)
        worker = DeliveryWorker(mine.journal, channel, clock_ms, policy, jitter=lambda: 0.5)
        worker.start()
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.stop()


def test_what_a_receiver_gets(mine: Mine, receiver: Receiver, start: Start) -> None:
    start()
    mine.say("CH4-01", T0 + 1000, 1.62)
    (post,) = receiver.wait_for(1)
    alarm, (event,) = mine.alarm(), mine.journal.events_after(0)
    assert post.event == {
        "type": "alarm.raised",
        "timestamp": "2026-11-23T15:00:01.000Z",
        "data": {
            "id": alarm.id,
            "enterprise": "M001",
            "source": "face-1203",
            "point": "CH4-01",
            "kind": "ch4",
            "condition": "high_high",
            "severity": "red",
            "state": "unacknowledged",
            "value": 1.62,
            "limit": 1.5,
            "unit": "%CH4",
            "raised_at": "2026-11-23T15:00:01.000Z",
            "cleared_at": None,
            "standard": "AQ 1029-2019 table 1",
            "message": {"zh": alarm.message.zh, "en": alarm.message.en},
        },
    }
    assert post.headers["content-type"] == "application/json"
    (delivery,) = mine.journal.deliveries().items
    assert (post.headers["webhook-id"], delivery.event_seq) == (delivery.id, event.seq)
    assert Webhook(SECRET).verify(post.body, post.headers) == post.event
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(post.body.replace(b"1.62", b"0.62"), post.headers)


def test_a_kept_connection_and_no_polling_make_it_quick(mine: Mine, receiver: Receiver, start: Start) -> None:
    worker = start()
    for k in range(5):
        mine.say("CH4-01", T0 + 2000 * k, 1.62)
        mine.say("CH4-01", T0 + 2000 * k + 1000, 0.2)
        wait_until("delivered", lambda: worker.waiting == 0)
    assert receiver.connections <= 2
    assert [p.event["type"] for p in receiver.posts] == ["alarm.raised", "alarm.cleared"] * 5


def test_an_alarms_events_arrive_in_order_while_another_alarm_overtakes(
    mine: Mine, receiver: Receiver, start: Start
) -> None:
    refuse = threading.Event()
    refuse.set()
    receiver.answer = lambda post: (503 if refuse.is_set() and post.event["data"]["point"] == "CH4-01" else 200, {})
    worker = start()
    for k, value in enumerate([1.2, 1.6, 0.2]):
        mine.say("CH4-01", T0 + 1000 * k, value)
    mine.say("CH4-02", T0 + 3000, 1.2)
    wait_until("the second alarm", lambda: {p.event["data"]["point"] for p in receiver.posts} == {"CH4-01", "CH4-02"})
    assert {p.event["type"] for p in receiver.posts if p.status == 503} == {"alarm.raised"}
    refuse.clear()
    wait_until("all", lambda: worker.waiting == 0)
    accepted = [p.event["type"] for p in receiver.posts if p.status == 200 and p.event["data"]["point"] == "CH4-01"]
    assert accepted == ["alarm.raised", "alarm.escalated", "alarm.deescalated", "alarm.cleared"]


def test_every_attempt_has_the_same_id_and_body_and_its_own_time(mine: Mine, receiver: Receiver, start: Start) -> None:
    answers = iter([(500, {}), (429, {}), (302, {"location": "/elsewhere"}), (404, {}), (200, {})])
    receiver.answer = lambda post: next(answers)
    worker = start()
    mine.say("CH4-01", T0 + 1000, 1.62)
    wait_until("delivered", lambda: worker.delivered == 1)
    posts = receiver.posts
    assert len({(p.headers["webhook-id"], p.body) for p in posts}) == 1
    assert len(posts) == 5, "the redirect was not followed"
    (delivery,) = mine.journal.deliveries().items
    attempts = mine.journal.attempts([delivery.id])
    assert [(a.n, a.reason, a.http_status) for a in attempts] == [
        (1, "server_error", 500),
        (2, "rate_limited", 429),
        (3, "redirected", 302),
        (4, "refused", 404),
        (5, None, 200),
    ]
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 5)
    assert {r: n for r, n in worker.failed.items() if n} == {
        "server_error": 1,
        "rate_limited": 1,
        "redirected": 1,
        "refused": 1,
    }
    assert set(worker.failed) == set(DeliveryReason), "every reason is there, at zero too"


def test_a_day_of_refusals_and_then_it_is_dead(mine: Mine, receiver: Receiver, start: Start) -> None:
    receiver.answer = lambda post: (503, {})
    clock = Clock(T0 + 1000)
    worker = start(clock_ms=clock, policy=RetryPolicy())
    mine.say("CH4-01", T0 + 1000, 1.62)
    mine.say("CH4-01", T0 + 2000, 0.2)
    (first,) = (d for d in mine.journal.deliveries().items if d.event_seq == 1)
    due = []
    while first.status is DeliveryStatus.PENDING:
        if first.attempts == len(due) + 1:
            due.append(first.due_ms)
            clock.now_ms = first.due_ms
            worker.wake()
        time.sleep(0.001)
        (first,) = (d for d in mine.journal.deliveries().items if d.event_seq == 1)
    assert (first.status, first.last_reason, first.last_http_status) == (DeliveryStatus.DEAD, "server_error", 503)
    assert due[-1] == T0 + 1000 + DAY_MS
    pauses = [b - a for a, b in pairwise(due)]
    assert pauses[:8] == sorted(pauses[:8])
    assert {p.event["type"] for p in receiver.posts[: first.attempts]} == {"alarm.raised"}
    receiver.answer = lambda post: (200, {})
    clock.now_ms += 1000
    worker.wake()
    wait_until("the end, which had waited", lambda: worker.waiting == 0)
    assert receiver.posts[-1].event["type"] == "alarm.cleared"
    assert [d.status for d in mine.journal.deliveries(status="dead").items] == ["dead"]
    assert (worker.dead, worker.delivered) == (1, 1)


def test_retry_after_is_honoured(mine: Mine, receiver: Receiver, start: Start) -> None:
    receiver.answer = lambda post: (429, {"retry-after": "3600"})
    clock = Clock(T0 + 1000)
    start(clock_ms=clock, policy=RetryPolicy())
    mine.say("CH4-01", T0 + 1000, 1.62)
    wait_until("recorded", lambda: mine.journal.deliveries().items[0].attempts == 1)
    assert mine.journal.deliveries().items[0].due_ms == T0 + 1000 + 3_600_000


def test_a_receiver_that_hangs_delays_no_other_channel(tmp_path: Path, receiver: Receiver) -> None:
    mine = Mine(tmp_path, routes=(Route(Match(), ("duty", "slow")),))
    mine.limits()
    slow, release = Receiver(), threading.Event()
    slow.answer = lambda post: (release.wait(10), (200, {}))[1]  # type: ignore[func-returns-value]
    workers = [
        DeliveryWorker(mine.journal, WebhookChannel("slow", slow.url, SECRET), now_ms, SOON),
        DeliveryWorker(mine.journal, WebhookChannel("duty", receiver.url, SECRET), now_ms, SOON),
    ]
    for worker in workers:
        worker.start()
    for k in range(10):
        mine.say("CH4-01", T0 + 2000 * k, 1.62)
        mine.say("CH4-01", T0 + 2000 * k + 1000, 0.2)
    assert len(receiver.wait_for(20)) == 20
    assert slow.posts == []
    release.set()
    wait_until("the slow one", lambda: workers[0].waiting == 0)
    for worker in workers:
        worker.stop()
    mine.crash()
    slow.close()


def test_no_answer_in_time_is_a_failed_attempt(mine: Mine, receiver: Receiver, start: Start) -> None:
    release = threading.Event()
    receiver.answer = lambda post: (release.wait(10), (200, {}))[1]  # type: ignore[func-returns-value]
    worker = start(WebhookChannel("duty", receiver.url, SECRET, timeout_s=0.05))
    mine.say("CH4-01", T0 + 1000, 1.62)
    wait_until("two attempts", lambda: worker.failed[DeliveryReason.TIMEOUT] >= 2)
    release.set()
    wait_until("delivered", lambda: worker.delivered == 1)


def test_an_answer_that_drips_is_cut_off(mine: Mine, start: Start) -> None:
    """Each byte in time, the whole never: the deadline is for the attempt."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                while not stop.wait(0.01):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        worker = start(WebhookChannel("duty", url, SECRET, timeout_s=0.1), policy=RetryPolicy(first_ms=60_000))
        mine.say("CH4-01", T0 + 1000, 1.62)
        wait_until("cut off", lambda: sum(worker.failed.values()) == 1)
        stop.set()
        dripping.join()


def test_nobody_at_the_address(mine: Mine, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    worker = start(WebhookChannel("duty", f"http://127.0.0.1:{port}/hook", SECRET))
    mine.say("CH4-01", T0 + 1000, 1.62)
    wait_until("tried", lambda: worker.failed[DeliveryReason.CONNECT] >= 2)


def test_a_connection_that_was_closed_while_idle_costs_no_pause(mine: Mine, start: Start) -> None:
    """The peer closes after each answer without saying so; the next notice goes over a new connection at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        serving = threading.Thread(target=serve)
        serving.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        worker = start(WebhookChannel("duty", url, SECRET), policy=RetryPolicy(first_ms=60_000))
        mine.say("CH4-01", T0 + 1000, 1.62)
        wait_until("first", lambda: worker.delivered == 1)
        mine.say("CH4-01", T0 + 2000, 0.2)
        wait_until("second", lambda: worker.delivered == 2)
        serving.join()
    assert sum(worker.failed.values()) == 0


def test_what_was_not_delivered_is_delivered_after_the_next_start(mine: Mine, receiver: Receiver) -> None:
    receiver.answer = lambda post: (503, {})
    worker = DeliveryWorker(mine.journal, WebhookChannel("duty", receiver.url, SECRET), now_ms, RetryPolicy())
    worker.start()
    mine.say("CH4-01", T0 + 1000, 1.62)
    mine.say("CH4-01", T0 + 2000, 0.2)
    wait_until("tried", lambda: sum(worker.failed.values()) == 1)
    worker.stop()
    receiver.answer = lambda post: (200, {})
    tomorrow = Clock(now_ms() + 10_000)
    worker = DeliveryWorker(mine.journal, WebhookChannel("duty", receiver.url, SECRET), tomorrow, RetryPolicy())
    worker.start()
    wait_until("delivered", lambda: worker.delivered == 2)
    worker.stop()
    ids = [p.headers["webhook-id"] for p in receiver.posts]
    assert ids[0] == ids[1] != ids[2]
    assert [p.event["type"] for p in receiver.posts[1:]] == ["alarm.raised", "alarm.cleared"]


def test_attempts_under_way_at_a_stop_are_made_again(mine: Mine, receiver: Receiver) -> None:
    release = threading.Event()
    receiver.answer = lambda post: (release.wait(10), (200, {}))[1]  # type: ignore[func-returns-value]
    worker = DeliveryWorker(mine.journal, WebhookChannel("duty", receiver.url, SECRET), now_ms)
    worker.start()
    mine.say("CH4-01", T0 + 1000, 1.62)
    wait_until("under way", lambda: receiver.connections == 1)
    worker.stop()
    release.set()
    assert mine.journal.deliveries().items[0].status is DeliveryStatus.PENDING
    worker = DeliveryWorker(mine.journal, WebhookChannel("duty", receiver.url, SECRET), now_ms)
    worker.start()
    wait_until("delivered", lambda: worker.delivered == 1)
    worker.stop()
    assert len({p.headers["webhook-id"] for p in receiver.posts}) == 1


def test_a_burst_goes_side_by_side_and_each_alarm_in_order(mine: Mine, receiver: Receiver, start: Start) -> None:
    together, most = threading.Semaphore(0), [0]
    lock, inside = threading.Lock(), [0]

    def answer(post: Post) -> tuple[int, dict[str, str]]:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            if inside[0] >= 4:
                together.release(1000)
        together.acquire(timeout=2)
        with lock:
            inside[0] -= 1
        return 200, {}

    receiver.answer = answer
    for k in range(20):
        for point in ("CH4-01", "CH4-02", "O2-01"):
            mine.reading(point, T0 + 2000 * k, 1.6)
            mine.reading(point, T0 + 2000 * k + 1000, 0.2 if point != "O2-01" else 20.9)
    mine.settle()
    worker = start()
    wait_until("all", lambda: worker.waiting == 0 and worker.delivered > 0)
    assert 4 <= most[0] <= 8
    by_alarm: dict[str, list[str]] = {}
    for post in receiver.posts:
        by_alarm.setdefault(post.event["data"]["id"], []).append(post.event["type"])
    assert len(by_alarm) == 60
    assert set(map(tuple, by_alarm.values())) == {("alarm.raised", "alarm.cleared")}


class Broken:
    """A channel whose code is wrong."""

    name, concurrency, timeout_s = "duty", 1, 1.0
    closed = False

    async def send(self, notice: Notice, now_ms: int) -> int | None:
        raise KeyError("https://secret.example/token")

    async def close(self) -> None:
        self.closed = True


def test_a_channel_with_a_bug_is_an_attempt_that_failed(mine: Mine, start: Start) -> None:
    channel = Broken()
    with structlog.testing.capture_logs() as logs:
        worker = start(channel)
        mine.say("CH4-01", T0 + 1000, 1.62)
        wait_until("tried twice", lambda: worker.failed[DeliveryReason.INTERNAL] >= 2)
        worker.stop()
    assert channel.closed
    assert "secret.example" not in json.dumps(logs, default=str)
    assert {"event": "channel failed", "error": "KeyError"}.items() <= logs[0].items()


def test_neither_address_nor_secret_is_ever_shown(
    mine: Mine, receiver: Receiver, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer = lambda post: (503, {})
    channel = WebhookChannel("duty", receiver.url, SECRET)
    with structlog.testing.capture_logs() as logs:
        worker = start(channel)
        mine.say("CH4-01", T0 + 1000, 1.62)
        wait_until("tried twice", lambda: sum(worker.failed.values()) >= 2)
        worker.stop()
    shown = json.dumps(logs, default=str) + caplog.text + repr(channel)
    assert "delivery failed" in shown
    for hidden in ("hush", "/hook", SECRET.removeprefix("whsec_")):
        assert hidden not in shown


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_%%%", "whsec_QQQQQ", SECRET.removeprefix("whsec_"), "Pa55 phrase!"]
)
def test_a_secret_that_is_none_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ChannelError) as refusal:
        WebhookChannel("duty", "https://duty.example/hook", secret)
    assert str(refusal.value) == (
        "channel duty: its secret can't be used; give whsec_ followed by base64, of 24 to 64 random bytes"
    )
    assert refusal.value.__cause__ is None


def test_outcomes_wait_for_a_journal_that_cannot_be_written(
    mine: Mine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    record, failures = Outbox.record, [0]

    def sometimes(self: Outbox, outcomes: Any) -> None:
        failures[0] += 1
        if failures[0] == 1:
            raise JournalError("the journal can't be written: disk full")
        record(self, outcomes)

    monkeypatch.setattr(Outbox, "record", sometimes)
    monkeypatch.setattr("alerting.notify.delivery._JOURNAL_PAUSE_S", 0.01)
    worker = start()
    mine.say("CH4-01", T0 + 1000, 1.62)
    wait_until("delivered", lambda: worker.delivered == 1)
    assert len(receiver.posts) == 1, "told once, recorded at the second try"


def test_deliveries_of_a_removed_channel_are_given_up(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.62)
    assert Outbox.bury_others(mine.journal, ["duty"], T0 + 2000) == 0
    assert Outbox.bury_others(mine.journal, ["another"], T0 + 2000) == 1
    (delivery,) = mine.journal.deliveries(status="dead").items
    assert (delivery.last_reason, delivery.finished_ms) == ("channel_removed", T0 + 2000)
