"""What goes next: order within an alarm, urgency between alarms, a free place for a first attempt."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from alerting.notify.backlog import Backlog, Pending
from alerting.notify.retry import RetryPolicy

DAY_MS = 86_400_000


def a_pending(seq: int, alarm: str = "a", severity: int = 3, attempts: int = 0, due_ms: int = 0) -> Pending:
    return Pending(
        id=f"d{seq}",
        event_seq=seq,
        alarm_id=alarm,
        severity=severity,
        attempts=attempts,
        created_ms=0,
        due_ms=due_ms,
    )


def taken(backlog: Backlog, now_ms: int = 0) -> list[int]:
    found = []
    while (item := backlog.take(now_ms)) is not None:
        found.append(item.event_seq)
    return found


def test_of_one_alarm_only_the_oldest_is_next() -> None:
    backlog = Backlog(8)
    first, second = a_pending(1), a_pending(2)
    backlog.add([first, second])
    assert taken(backlog) == [1]
    backlog.sent(first)
    assert taken(backlog) == [], "not before the outcome is on disk"
    backlog.settled(first)
    assert taken(backlog) == [2]


def test_a_retry_holds_up_its_own_alarm_only() -> None:
    backlog = Backlog(8)
    first = a_pending(1, "a")
    backlog.add([first, a_pending(2, "a")])
    assert backlog.take(0) == first
    backlog.sent(first)
    backlog.again(first, replace(first, attempts=1, due_ms=5000))
    backlog.add([a_pending(3, "b")])
    assert taken(backlog, 4999) == [3]
    assert backlog.next_due_ms() == 5000
    assert taken(backlog, 5000) == [1]


def test_the_worst_goes_first() -> None:
    backlog = Backlog(8)
    backlog.add([a_pending(1, "a", 1), a_pending(2, "b", 4), a_pending(3, "c", 4), a_pending(4, "d", 2)])
    assert taken(backlog) == [2, 3, 4, 1]


def test_first_attempts_find_a_place_while_retries_hang() -> None:
    backlog = Backlog(4)
    backlog.add(a_pending(n, f"old{n}", attempts=3) for n in range(1, 11))
    assert taken(backlog) == [1, 2]
    backlog.add([a_pending(11, "new", 4), a_pending(12, "newer", 4), a_pending(13, "newest", 4)])
    assert taken(backlog) == [11, 12]


def test_a_channel_with_one_place_still_retries() -> None:
    backlog = Backlog(1)
    backlog.add([a_pending(1, attempts=1)])
    assert taken(backlog) == [1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), max_size=30), st.integers(0, 2**32))
def test_every_notice_goes_once_and_in_order(events: list[tuple[str, int]], seed: int) -> None:
    chance = random.Random(seed)
    backlog, now_ms = Backlog(3), 0
    arrivals = [a_pending(n, alarm, severity) for n, (alarm, severity) in enumerate(events, 1)]
    sent: dict[str, list[int]] = {}
    under_way: list[Pending] = []
    while arrivals or len(backlog):
        if arrivals and chance.random() < 0.5:
            backlog.add([arrivals.pop(0)])
        while (item := backlog.take(now_ms)) is not None:
            assert item.alarm_id not in {p.alarm_id for p in under_way}
            under_way.append(item)
        assert len(under_way) <= 3
        if under_way:
            item = under_way.pop(chance.randrange(len(under_way)))
            backlog.sent(item)
            if item.attempts < 2 and chance.random() < 0.5:
                backlog.again(item, replace(item, attempts=item.attempts + 1, due_ms=now_ms + 1000))
            else:
                sent.setdefault(item.alarm_id, []).append(item.event_seq)
                backlog.settled(item)
        elif (due_ms := backlog.next_due_ms()) is not None:
            now_ms = max(now_ms, due_ms)
    for alarm in "abc":
        assert sent.get(alarm, []) == [n for n, (a, _) in enumerate(events, 1) if a == alarm]


@given(st.integers(0, 2**32))
def test_pauses_grow_and_end_after_a_day(seed: int) -> None:
    chance = random.Random(seed)
    policy, now_ms, pauses = RetryPolicy(), 0, []
    for attempts in range(1, 301):
        due_ms = policy.next_due_ms(attempts, 0, now_ms, chance.random())
        if due_ms is None:
            break
        pauses.append(due_ms - now_ms)
        now_ms = due_ms
    assert now_ms == DAY_MS, "the last attempt is made when the day is over"
    growing = pauses[:9]
    assert growing == sorted(growing)
    assert 750 <= pauses[0] <= 1250
    assert max(pauses) <= 750_000


def test_a_receiver_may_ask_for_a_longer_pause_but_not_beyond_the_budget() -> None:
    policy = RetryPolicy()
    assert policy.next_due_ms(1, 0, 0, 0.5, retry_after_s=90.0) == 90_000
    assert policy.next_due_ms(10, 0, 0, 0.5, retry_after_s=1.0) == 512_000, "never a shorter one"
    assert policy.next_due_ms(1, 0, 1000, 0.5, retry_after_s=1e12) == DAY_MS
