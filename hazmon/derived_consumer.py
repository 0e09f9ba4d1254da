"""From the log to the log: derived readings beside those they are computed from.

What is computed goes into the log as an entry of its own, so that the store, the engine, the API and every replay
treat it like any reading. A result waits up to two ticks while inputs of its moment may still come
(`alerting.derived.settling`). The state is kept in a file with the offset that it belongs to. After a crash the log is
read on from there, and some results are written a second time: the engine drops them as late, the store overwrites
them, so nothing changes.
"""

import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from alerting.derived import Derivations, Settling
from hazards.derivation import Derivation
from hazards.log import Damaged, Log, Readings, Tick
from hazards.plant import Plant, PointKey
from hazards.readings import ReadingBatch
from ingest.errors import LogUnavailable

__all__ = ["CONSUMER", "DerivedConsumer", "DerivedStateError", "numbers_of"]

log = structlog.get_logger(__name__)

CONSUMER = "derived"
"""Its name in the log."""

_MAGIC = b"hazmon derived 1\n"
_HEAD = struct.Struct("<QI")
"""Offset, and checksum of the state behind it."""
_BATCH_ENTRIES = 256
_SNAPSHOT_EVERY_S = 30.0
_STALLED_S = 60.0
_PAUSE_S = 1.0


class DerivedStateError(Exception):
    """The file is no state of derived points; the text says why."""


class DerivedConsumer:
    """The log's consumer ``derived``.

    Parameters
    ----------
    source : Log
        Where readings are read, and derived ones written.
    plant : Plant
        Has the derivations.
    file : Path
        Where the state is kept; its folder exists.
    clock_ms : callable
        The wall clock. [ms since 1970 UTC]
    snapshot_every_s : float
        Between two savings of the state. [s]
    """

    def __init__(
        self,
        source: Log,
        plant: Plant,
        file: Path,
        clock_ms: Callable[[], int],
        *,
        snapshot_every_s: float = _SNAPSHOT_EVERY_S,
    ) -> None:
        self._log = source
        self._file = file
        self._clock_ms = clock_ms
        self._snapshot_every_s = snapshot_every_s
        self._settling, self._offset = self._restored(plant.derivations, numbers_of(source, plant.derivations))
        self._derived = self._settling.derivations
        self._read = self._saved = self._offset
        self._made: list[Readings] = []
        """Computed from the entries up to ``_read``, and not in the log yet."""
        self._saved_s = self._beat_s = time.monotonic()
        self._problem = ""
        self.written = 0
        """Derived readings that went into the log since the start."""
        source.commit(CONSUMER, self._offset)  # known from now on, so that retention waits for it

    @property
    def offset(self) -> int:
        """What can be computed from the entries up to here is in the log."""
        return self._offset

    @property
    def late(self) -> int:
        """Readings of inputs that came later than newer ones, and were left out."""
        return self._derived.late

    def ready(self) -> tuple[bool, str]:
        """Whether derived readings are computed, and if not, why."""
        if self._problem:
            return False, f"derived points wait for the log: {self._problem}"
        if time.monotonic() - self._beat_s > _STALLED_S:
            return False, "derived points are not being computed"
        return True, f"{len(self._derived.derivations)} derived points"

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then compute what is in the log, and save the state."""
        while True:
            self._beat_s = time.monotonic()
            stopping = stop.is_set()
            try:
                worked = self.step()
                if self._problem:
                    log.info("derived points are computed again")
                    self._problem = ""
                if time.monotonic() - self._saved_s > self._snapshot_every_s:
                    self.save()
                if not worked:
                    if stopping:
                        self.save()
                        return
                    self._log.wait(self._offset, 0.5)
                continue
            except (LogUnavailable, OSError) as error:
                if str(error) != self._problem:
                    log.warning("derived points wait for the log", problem=str(error))
                self._problem = str(error)
            if stopping:
                return
            stop.wait(_PAUSE_S)

    def step(self) -> bool:
        """Compute from the next entries. False if there are none.

        Raises
        ------
        LogUnavailable
            Call again later; what is computed already is kept until the log takes it.
        """
        if not self._made:
            entries = self._log.read(self._read, _BATCH_ENTRIES)
            if not entries:
                return False
            for entry in entries:
                match entry.body:
                    case Readings(batch, received_ms):
                        self._make(*self._settling.feed(batch, received_ms))
                    case Tick():
                        self._make(*self._settling.tick())
                    case Damaged(detail):
                        log.error(
                            "log entry is damaged: nothing is derived from it", offset=entry.offset, problem=detail
                        )
            self._read = entries[-1].offset
        if self._made:
            self._log.append(self._made, self._clock_ms())
            self.written += sum(len(made.batch) for made in self._made)
            self._made = []
        self._offset = self._read
        return True

    def _make(self, batch: ReadingBatch, received_ms: int) -> None:
        if len(batch):
            self._made.append(Readings(batch, received_ms))

    # The state

    def save(self) -> None:
        """Keep the state and its offset, all or nothing.

        Raises
        ------
        OSError
            The file before stays.
        """
        self._saved_s = time.monotonic()
        if self._read != self._offset:
            return  # the state is ahead of the log
        if self._offset == self._saved and self._file.exists():
            return
        _write(self._file, self._offset, self._settling.snapshot())
        self._log.commit(CONSUMER, self._offset)
        self._saved = self._offset

    def _restored(self, derivations: Sequence[Derivation], number_of: Mapping[PointKey, int]) -> tuple[Settling, int]:
        """State and offset as they were saved; fresh at the log's beginning where there is nothing to go on from."""
        try:
            offset, state = _load(self._file)
            if offset > self._log.last_offset:
                raise DerivedStateError(f"it is of offset {offset}, and the log ends at {self._log.last_offset}")
            waiting, state = Settling.split(state)
            settling = Settling(Derivations.restore(derivations, number_of, state))
            settling.wait(waiting)
            return settling, offset
        except FileNotFoundError:
            pass
        except (DerivedStateError, ValueError) as error:
            log.error("state of derived points is of no use: beginning anew", file=str(self._file), problem=str(error))
        return Settling(Derivations(derivations, number_of)), 0


def numbers_of(source: Log, derivations: Sequence[Derivation]) -> dict[PointKey, int]:
    """Number in the log of every derived point and of every input."""
    keys = list(dict.fromkeys([d.key for d in derivations] + [i.point for d in derivations for i in d.inputs]))
    return dict(zip(keys, source.point_ids(keys).tolist(), strict=True))


def _write(file: Path, offset: int, state: bytes) -> None:
    """Write a file so that a power cut leaves the old one or the new one."""
    new = file.with_name(file.name + ".new")
    with new.open("wb") as out:
        out.write(_MAGIC + _HEAD.pack(offset, zlib.crc32(state)) + state)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _load(file: Path) -> tuple[int, bytes]:
    data = file.read_bytes()
    head = len(_MAGIC) + _HEAD.size
    if not data.startswith(_MAGIC) or len(data) < head:
        raise DerivedStateError("it is no state of derived points, or of another version")
    offset, checksum = _HEAD.unpack_from(data, len(_MAGIC))
    if zlib.crc32(data[head:]) != checksum:
        raise DerivedStateError("it is damaged")
    return offset, data[head:]
