"""Records what a broker carries, as a file that `simulators.replay` and backtests read: long CSV, or Parquet.

It subscribes to the native topics beside the service, takes nothing away from it, and writes readings as they were
sent: stamps, values and qualities untouched. What it cannot read is counted and left out; the service lists that.
"""

import asyncio
import csv
import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import aiomqtt
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from hazards.plant import PointKey
from hazards.quality import Quality
from ingest.decode.native import parse_time_ms
from simulators.address import parse_broker_url
from simulators.errors import SimulatorError

__all__ = ["RecordCounts", "record"]

log = structlog.get_logger(__name__)

_GROUP_ROWS = 50_000
_PAUSE_S = 1.0
_SCHEMA = pa.schema([
    ("time", pa.timestamp("ms", tz="UTC")),
    ("enterprise", pa.string()),
    ("point", pa.string()),
    ("value", pa.float64()),
    ("quality", pa.uint8()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """What a recording has so far."""

    readings: int = 0
    unreadable: int = 0
    """Messages that were no native readings."""
    connections: int = 0
    """How often the broker was reached and subscribed to."""


@dataclass(frozen=True, slots=True)
class _Row:
    time_ms: int
    key: PointKey
    value: float
    quality: int


class _Writer(Protocol):
    def write(self, rows: list[_Row]) -> None: ...

    def close(self) -> None: ...


async def record(
    url: str,
    out: Path,
    *,
    password: str | None = None,
    ca_file: Path | None = None,
    enterprise: str | None = None,
    for_s: float | None = None,
    flush_every_s: float = 1.0,
    stop: asyncio.Event | None = None,
    progress: Callable[[RecordCounts], None] | None = None,
    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> RecordCounts:
    """Write every native reading that comes by to a file.

    Parameters
    ----------
    url, password, ca_file
        The broker; see `simulators.address.parse_broker_url`.
    out
        A new file; ``.csv`` or ``.parquet`` says what it becomes. A CSV is complete up to the last second at any time,
        a Parquet file only when the recording has ended.
    enterprise
        Only this one's readings.
    for_s
        How long; None is until stopped. [s]
    flush_every_s
        How often what has come is written. [s]
    stop
        Set it to end; cancelling the task closes the file as well.
    progress
        Called after each writing.
    clock_ms
        The time of receipt, for readings without a time of their own.

    Returns
    -------
    RecordCounts

    Raises
    ------
    SimulatorError
        If the file is there already or cannot be written, the broker refuses us or cannot be reached at the start.
    """
    address = parse_broker_url(url, password, ca_file)
    writer = _open(out)
    stop = stop or asyncio.Event()
    rows: list[_Row] = []
    counts = RecordCounts()
    topics = f"hazmon/v1/{enterprise or '+'}"

    async def listen() -> None:
        nonlocal counts
        while True:
            try:
                async with aiomqtt.Client(
                    address.host,
                    address.port,
                    username=address.username,
                    password=address.password,
                    tls_context=address.tls,
                ) as client:
                    await client.subscribe([(topics, 1), (f"{topics}/+", 1)])
                    counts = replace(counts, connections=counts.connections + 1)
                    async for message in client.messages:
                        if message.retain:  # sent on subscribing, so it was not measured just now
                            continue
                        got = _decode(str(message.topic), message.payload, clock_ms())
                        if got is None:
                            counts = replace(counts, unreadable=counts.unreadable + 1)
                        else:
                            rows.extend(got)
            except aiomqtt.MqttError as error:
                if not counts.connections:
                    raise SimulatorError(f"broker {address}: cannot be listened to ({error})") from error
                log.warning("broker is away", broker=str(address), reason=str(error))
                await asyncio.sleep(_PAUSE_S)

    def flush() -> None:
        nonlocal counts
        writer.write(rows)
        counts = replace(counts, readings=counts.readings + len(rows))
        rows.clear()
        if progress is not None:
            progress(counts)

    listener = asyncio.create_task(listen())
    stopped = asyncio.create_task(stop.wait())
    loop = asyncio.get_running_loop()
    end_s = math.inf if for_s is None else loop.time() + for_s
    try:
        while not (listener.done() or stopped.done()) and loop.time() < end_s:
            await asyncio.wait(
                (asyncio.ensure_future(listener), asyncio.ensure_future(stopped)),
                timeout=min(flush_every_s, end_s - loop.time()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            flush()
    finally:
        for task in (listener, stopped):
            task.cancel()
        await asyncio.gather(listener, stopped, return_exceptions=True)
        try:
            flush()
        finally:
            writer.close()
    if not listener.cancelled() and (error := listener.exception()) is not None:
        if not counts.readings:
            out.unlink(missing_ok=True)
        raise error
    return counts


class _Reading(msgspec.Struct):
    v: float | bool | None
    t: int | float | str | None = None
    q: int = 0


class _Columns(msgspec.Struct):
    p: list[str]
    v: list[float | bool | None]
    t: int | float | str | list[int | float | str] | None = None
    q: int | list[int] = 0


_reading, _columns = msgspec.json.Decoder(_Reading), msgspec.json.Decoder(_Columns)


def _decode(topic: str, payload: Any, now_ms: int) -> list[_Row] | None:
    """Rows of a native message; None if it is none."""
    levels = topic.split("/")
    try:
        if len(levels) == 4:
            one = _reading.decode(payload)
            return [_row(now_ms, levels[2], levels[3], one.v, one.t, one.q)]
        many = _columns.decode(payload)
        n = len(many.p)
        times = many.t if isinstance(many.t, list) else [many.t] * n
        qualities = many.q if isinstance(many.q, list) else [many.q] * n
        return [
            _row(now_ms, levels[2], p, v, t, q) for p, v, t, q in zip(many.p, many.v, times, qualities, strict=True)
        ]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _row(now_ms: int, enterprise: str, point: str, value: float | None, time_: Any, quality: int) -> _Row:
    if not 0 <= quality <= 3:
        raise ValueError(f"q is {quality}")
    if time_ is None:
        time_ms, quality = now_ms, max(quality, Quality.UNCERTAIN) if quality < Quality.BAD else quality
    else:
        time_ms = parse_time_ms(time_)
    if value is None:
        value, quality = math.nan, max(quality, Quality.BAD)
    return _Row(time_ms, PointKey(enterprise, point), float(value), int(quality))


def _open(out: Path) -> _Writer:
    if out.suffix not in (".csv", ".parquet"):
        raise SimulatorError(f"{out}: give a name that ends in .csv or .parquet")
    try:
        out.touch(exist_ok=False)
        return _CsvFile(out) if out.suffix == ".csv" else _ParquetFile(out)
    except FileExistsError as error:
        raise SimulatorError(f"{out}: is there already; give a new name, recordings are not overwritten") from error
    except OSError as error:
        raise SimulatorError(f"{out}: cannot be written ({error.strerror})") from error


class _CsvFile:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._lines("time", "enterprise", "point", "value", "quality")
        self._file.flush()

    def write(self, rows: list[_Row]) -> None:
        for row in rows:
            stamp = datetime.fromtimestamp(row.time_ms / 1000.0, UTC).isoformat(timespec="milliseconds")
            value = "" if math.isnan(row.value) else repr(row.value)
            self._lines(stamp.replace("+00:00", "Z"), row.key.enterprise, row.key.point, value, row.quality)
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _lines(self, *cells: object) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        self._file.write(line.getvalue())


class _ParquetFile:
    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetWriter(path, _SCHEMA, compression="zstd")
        self._rows: list[_Row] = []

    def write(self, rows: list[_Row]) -> None:
        self._rows += rows
        if len(self._rows) >= _GROUP_ROWS:
            self._put()

    def close(self) -> None:
        self._put()
        self._file.close()

    def _put(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._file.write_table(pa.table(_columns_of(rows), schema=_SCHEMA))


def _columns_of(rows: list[_Row]) -> dict[str, list[Any]]:
    return {
        "time": [r.time_ms for r in rows],
        "enterprise": [r.key.enterprise for r in rows],
        "point": [r.key.point for r in rows],
        "value": [None if math.isnan(r.value) else r.value for r in rows],
        "quality": [r.quality for r in rows],
    }
