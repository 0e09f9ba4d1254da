"""The journal: what was decided about every alarm, on disk before anybody hears of it.

One transaction holds what a group of log entries led to: alarms, events, the outbox and how far the log has been
read. So after a crash either all of it stands or none, and reading the log on from there loses and doubles nothing.
A person's action is a transaction of its own.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from alerting import deliveries, journal_reads, migrations
from alerting.alarm import Alarm, AlarmEvent, AlarmState, Decision
from alerting.deliveries import Attempt, Delivery, DeliveryStatus
from alerting.errors import JournalError
from alerting.ids import delivery_id, event_id
from alerting.journal_reads import AlarmFilter
from alerting.journal_rows import alarm_row, event_row
from alerting.journal_schema import alarm, alarm_event, delivery, engine_limits, engine_snapshot, meta
from alerting.pages import Page
from hazards.condition import Severity

__all__ = ["Journal"]

_BUSY_MS = 10_000
_LOG_OFFSET = "log_offset"


class Journal:
    """Opens the journal, making or migrating its tables. Safe to use from several threads.

    Parameters
    ----------
    url : str
        SQLAlchemy URL, e.g. ``sqlite:////var/lib/hazmon/journal.db``.

    Attributes
    ----------
    engine : sqlalchemy.Engine
        For tables that others keep here (`journal_schema.api_key`).

    Raises
    ------
    JournalError
        If it can't be opened.
    """

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        # Writers take turns here: SQLite would let them sleep and try again, and that costs milliseconds.
        self._writing = threading.Lock()
        self._news = threading.Condition()
        self._listeners: list[Callable[[], None]] = []
        with self.transaction() as connection:
            migrations.upgrade(connection)
            self._last_seq: int = connection.scalar(sa.select(sa.func.max(alarm_event.c.seq))) or 0

    def close(self) -> None:
        """Release the database; waiting readers are let go."""
        with self._news:
            self._news.notify_all()
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection that may write; committed at the end, rolled back on an error.

        Raises
        ------
        JournalError
            In place of any error of the database.
        """
        with self._writing:
            try:
                with self.engine.connect().execution_options(hazmon_write=True) as connection, connection.begin():
                    yield connection
            except sa.exc.SQLAlchemyError as error:
                raise JournalError(f"the journal can't be written: {_what(error)}") from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the journal.

        Raises
        ------
        JournalError
            In place of any error of the database.
        """
        try:
            with self.engine.connect() as connection, connection.begin():
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise JournalError(f"the journal can't be read: {_what(error)}") from error

    # Writing

    def write(self, decisions: Sequence[Decision], log_offset: int | None = None) -> list[AlarmEvent]:
        """Write decisions, their events and their deliveries in one transaction.

        Parameters
        ----------
        decisions : sequence of Decision
            In the order in which they were made; the last one of an alarm is what the alarm is now.
        log_offset : int, optional
            How far the log has been read, where the decisions came from it.

        Returns
        -------
        list of AlarmEvent
            One for each decision that has a type.
        """
        with self.transaction() as connection:
            events = self._with_ids(connection, [d for d in decisions if d.type is not None])
            _put_alarms(connection, {d.alarm.id: d.alarm for d in decisions})
            if events:
                connection.execute(sa.insert(alarm_event), [event_row(e) for e in events])
            told = [d for d in decisions if d.type is not None]
            outbox = [_delivery_row(e, c) for e, d in zip(events, told, strict=True) for c in d.channels]
            if outbox:
                connection.execute(sa.insert(delivery), outbox)
            if log_offset is not None:
                _set_number(connection, _LOG_OFFSET, log_offset)
        if events:
            self._announce(events[-1].seq)
        return events

    def _with_ids(self, connection: sa.Connection, decisions: Sequence[Decision]) -> list[AlarmEvent]:
        firsts = [event_id(d.alarm.id, str(d.type), d.time_ms) for d in decisions]
        taken = set[str]()
        for some in _chunks(firsts):
            taken.update(connection.scalars(sa.select(alarm_event.c.id).where(alarm_event.c.id.in_(some))))
        seq = connection.scalar(sa.select(sa.func.max(alarm_event.c.seq))) or 0
        events = []
        for id_, d in zip(firsts, decisions, strict=True):
            assert d.type is not None
            ordinal = 0
            while id_ in taken:  # twice the same at the same millisecond, such as two comments
                ordinal += 1
                id_ = event_id(d.alarm.id, str(d.type), d.time_ms, ordinal)
                if connection.scalar(sa.select(alarm_event.c.seq).where(alarm_event.c.id == id_)) is not None:
                    taken.add(id_)
            taken.add(id_)
            seq += 1
            events.append(
                AlarmEvent(
                    seq=seq,
                    id=id_,
                    alarm_id=d.alarm.id,
                    type=d.type,
                    time_ms=d.time_ms,
                    at_ms=d.at_ms,
                    by=d.by,
                    comment=d.comment,
                    cause=d.cause,
                    received_ms=d.received_ms,
                    alarm=d.alarm,
                )
            )
        return events

    def save_snapshot(self, log_offset: int, state: bytes, limits: bytes | None) -> None:
        """Keep the engine's state at a log offset, in place of the one before.

        Parameters
        ----------
        log_offset : int
            The last entry that the state has seen. It becomes the journal's offset as well.
        state : bytes
            `Engine.snapshot`.
        limits : bytes or None
            The limits at that offset; None if they have not changed since the last snapshot.
        """
        with self.transaction() as connection:
            _put(connection, engine_snapshot, {"id": 1}, {"log_offset": log_offset, "state": state})
            if limits is not None:
                _put(connection, engine_limits, {"id": 1}, {"limits": limits})
            _set_number(connection, _LOG_OFFSET, log_offset)

    def snapshot(self) -> tuple[int, bytes, bytes] | None:
        """Log offset, state and limits of the last snapshot; None before the first."""
        with self.reading() as connection:
            query = sa.select(engine_snapshot.c.log_offset, engine_snapshot.c.state, engine_limits.c.limits)
            row = connection.execute(query.join(engine_limits, engine_limits.c.id == engine_snapshot.c.id)).first()
        return None if row is None else (row.log_offset, row.state, row.limits)

    # News

    def _announce(self, seq: int) -> None:
        with self._news:
            self._last_seq = max(self._last_seq, seq)
            self._news.notify_all()
        for listener in tuple(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this after every commit that brought events, in the committing thread; it must be quick."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    @property
    def last_seq(self) -> int:
        """The newest event's seq; 0 before the first."""
        return self._last_seq

    def wait_for_event(self, seq: int, timeout_s: float) -> bool:
        """Block until there is an event behind ``seq``, or the timeout. True if there is one."""
        with self._news:
            return self._news.wait_for(lambda: self._last_seq > seq, timeout_s)

    # Reading

    @property
    def log_offset(self) -> int:
        """How far the log has been read, with everything that came of it on disk."""
        return self.number(_LOG_OFFSET)

    def number(self, name: str) -> int:
        """A number kept under a name (other consumers' offsets); 0 if it was never set."""
        with self.reading() as connection:
            return connection.scalar(sa.select(meta.c.number).where(meta.c.name == name)) or 0

    def keep_number(self, name: str, number: int) -> None:
        """Keep a number under a name."""
        with self.transaction() as connection:
            _set_number(connection, name, number)

    def alarms(
        self,
        *,
        state: str | None = None,
        enterprise: str | Iterable[str] | None = None,
        severity: Severity | Iterable[Severity] | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Alarm]:
        """Alarms, the last raised first.

        Parameters
        ----------
        state : {"open", "unacknowledged", "acknowledged", "shelved", "closed"}, optional
            ``open`` is everything but closed; ``unacknowledged`` includes those that have returned to normal.
        enterprise : str or iterable of str, optional
        severity : Severity or iterable of Severity, optional
            The current one.
        since_ms, until_ms : int, optional
            Raised at or after, and before. [ms since 1970 UTC]
        limit : int
            Items a page, at most.
        cursor : str, optional
            ``next`` of the page before. A page stays the same when alarms are added meanwhile.

        Raises
        ------
        JournalError
            With reason ``bad_cursor``.
        ValueError
            If there is no such state.
        """
        wanted = AlarmFilter(
            state=state, enterprise=enterprise, severity=severity, since_ms=since_ms, until_ms=until_ms
        )
        with self.reading() as connection:
            return journal_reads.alarms(connection, wanted, limit, cursor)

    def alarm(self, id_: str) -> Alarm | None:
        """One alarm by its id."""
        return self.alarms_by_id([id_]).get(id_)

    def alarms_by_id(self, ids: Sequence[str]) -> dict[str, Alarm]:
        """Those of these alarms that exist."""
        with self.reading() as connection:
            return journal_reads.alarms_by_id(connection, ids)

    def open_alarms(self) -> list[Alarm]:
        """Everything that somebody still has to deal with, in the order raised."""
        with self.reading() as connection:
            return journal_reads.open_alarms(connection)

    def open_alarms_of(self, enterprise: str, point: str) -> list[Alarm]:
        """The open alarms of one point, in the order raised."""
        with self.reading() as connection:
            return journal_reads.open_alarms(connection, alarm.c.enterprise == enterprise, alarm.c.point == point)

    def history(self, alarm_id: str) -> list[AlarmEvent]:
        """Everything that happened to an alarm, in order."""
        with self.reading() as connection:
            return journal_reads.events(connection, alarm_event.c.alarm_id == alarm_id)

    def events_after(self, seq: int, limit: int = 1000) -> list[AlarmEvent]:
        """Events behind ``seq``, in order."""
        with self.reading() as connection:
            return journal_reads.events(connection, alarm_event.c.seq > seq, limit=limit)

    def deliveries(
        self,
        *,
        status: str | None = None,
        channel: str | None = None,
        alarm_id: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Delivery]:
        """Deliveries, newest first.

        Parameters
        ----------
        status : {"pending", "delivered", "dead"}, optional
        channel, alarm_id : str, optional
        limit : int
            Items a page, at most.
        cursor : str, optional
            ``next`` of the page before.

        Raises
        ------
        JournalError
            With reason ``bad_cursor``.
        """
        with self.reading() as connection:
            return deliveries.deliveries(
                connection, status=status, channel=channel, alarm_id=alarm_id, limit=limit, cursor=cursor
            )

    def attempts(self, delivery_ids: Sequence[str]) -> list[Attempt]:
        """Every attempt of these deliveries, in order."""
        with self.reading() as connection:
            return deliveries.attempts(connection, delivery_ids)

    def count_deliveries(self) -> dict[DeliveryStatus, int]:
        """How many deliveries there are in each status."""
        query = sa.select(delivery.c.status, sa.func.count()).group_by(delivery.c.status)
        with self.reading() as connection:
            counts = {row[0]: row[1] for row in connection.execute(query)}
        return {status: counts.get(str(status), 0) for status in DeliveryStatus}

    def count_by_state(self) -> dict[AlarmState, int]:
        """How many alarms there are in each state."""
        query = sa.select(alarm.c.state, sa.func.count()).group_by(alarm.c.state)
        with self.reading() as connection:
            counts = {row[0]: row[1] for row in connection.execute(query)}
        return {state: counts.get(str(state), 0) for state in AlarmState}


def _set_number(connection: sa.Connection, name: str, number: int) -> None:
    """`Journal.keep_number` within a transaction."""
    _put(connection, meta, {"name": name}, {"number": number})


def _put(connection: sa.Connection, table: sa.Table, key: dict[str, object], values: dict[str, object]) -> None:
    where = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(sa.update(table).where(where).values(values)).rowcount == 0:
        connection.execute(sa.insert(table).values(key | values))


def _put_alarms(connection: sa.Connection, alarms: dict[str, Alarm]) -> None:
    known = set[str]()
    for some in _chunks(list(alarms)):
        known.update(connection.scalars(sa.select(alarm.c.id).where(alarm.c.id.in_(some))))
    fresh = [alarm_row(a) for a in alarms.values() if a.id not in known]
    changed = [alarm_row(a) for a in alarms.values() if a.id in known]
    if fresh:
        connection.execute(sa.insert(alarm), fresh)
    if changed:
        statement = sa.update(alarm).where(alarm.c.id == sa.bindparam("id_"))
        connection.execute(statement, [{"id_": row.pop("id"), **row} for row in changed])


def _delivery_row(event: AlarmEvent, channel: str) -> dict[str, object]:
    return {
        "id": delivery_id(event.alarm_id, event.id, channel),
        "event_seq": event.seq,
        "alarm_id": event.alarm_id,
        "channel": channel,
        "severity": int(event.alarm.severity),
        "status": "pending",
        "attempts": 0,
        "created_ms": event.at_ms,
        "due_ms": event.at_ms,
    }


def _chunks(ids: list[str], size: int = 500) -> Iterator[list[str]]:
    for k in range(0, len(ids), size):
        yield ids[k : k + size]


def _what(error: sa.exc.SQLAlchemyError) -> str:
    """The database's own words, without the statement and its values."""
    return str(error.orig) if isinstance(error, sa.exc.DBAPIError) else type(error).__name__


def _prepare_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    # Transactions begin where `_begin_sqlite` says, not where the driver guesses.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A reader that becomes a writer could be refused at once; a writer says so from the beginning.
    write = connection.get_execution_options().get("hazmon_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
