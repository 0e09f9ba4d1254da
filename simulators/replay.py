"""Replays recordings through a broker: at their own pace, faster, or as fast as the broker takes them.

Stamps are shifted, since a recording of last year would be evaluated as a year late:

- at a finite speed a reading is stamped with the time at which it is sent, so that the service sees live data; a
  recording played sixty times faster is sixty times shorter, its stamps included (rates and delays see that too);
- at ``max`` stamps keep their distances and the recording ends now;
- ``start_ms`` keeps the distances and puts the first reading there; ``keep_times`` leaves every stamp as it is.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hazards.plant import PointKey
from simulators.address import parse_broker_url
from simulators.errors import SimulatorError
from simulators.payload import Form
from simulators.publisher import Counts, Progress, Speed, send
from simulators.recording import Recording, read_recording
from simulators.step import Step

__all__ = ["replay", "replay_steps"]


async def replay(
    paths: Sequence[Path],
    url: str,
    *,
    mapping: Mapping[str, PointKey] | None = None,
    enterprise: str | None = None,
    password: str | None = None,
    ca_file: Path | None = None,
    speed: Speed = 1.0,
    start_ms: int | None = None,
    keep_times: bool = False,
    form: Form = Form.READING,
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    connect_within_s: float = 30.0,
) -> Counts:
    """Replay files against a broker.

    Parameters
    ----------
    paths, mapping, enterprise
        See `simulators.recording.read_recording`.
    url, password, ca_file, form, stop, progress, clock_ms, connect_within_s
        See `simulators.publisher.publish`.
    speed
        1 is the recording's own pace.
    start_ms
        Stamp of the first reading. [ms since 1970-01-01 UTC]
    keep_times
        Leave the stamps as recorded.

    Returns
    -------
    Counts

    Raises
    ------
    SimulatorError
        If a file, an option or the broker is wrong.
    """
    address = parse_broker_url(url, password, ca_file)
    recording = read_recording(paths, mapping=mapping, enterprise=enterprise)
    steps = replay_steps(recording, now_ms=clock_ms(), speed=speed, start_ms=start_ms, keep_times=keep_times)
    return await send(
        steps,
        address,
        paced=speed != "max",
        when_full="wait",
        form=form,
        stop=stop,
        progress=progress,
        connect_within_s=connect_within_s,
    )


def replay_steps(
    recording: Recording,
    *,
    now_ms: int,
    speed: Speed = 1.0,
    start_ms: int | None = None,
    keep_times: bool = False,
) -> Iterator[Step]:
    """The readings of a recording with their new stamps, in order.

    Raises
    ------
    SimulatorError
        If the options exclude each other, the speed is not a positive number, or it would press readings of
        different times into one millisecond.
    """
    if speed != "max" and not (np.isfinite(speed) and speed > 0):
        raise SimulatorError(f"speed {speed}: give a number above 0, or max")
    if start_ms is not None and keep_times:
        raise SimulatorError("a start and kept times exclude each other; give one")
    if keep_times and not recording.dated:
        raise SimulatorError("the recording has no dates to keep, only seconds; give a start")
    first, last = int(recording.time_ms[0]), int(recording.time_ms[-1])
    rate = 1.0 if speed == "max" else float(speed)
    due_s = (recording.time_ms - first) / 1000.0 / rate
    if keep_times:
        stamps = recording.time_ms
    elif start_ms is not None:
        stamps = recording.time_ms - first + start_ms
    elif speed == "max":
        stamps = recording.time_ms - last + now_ms
    else:
        stamps = now_ms + np.floor(due_s * 1000.0).astype(np.int64)
        apart_ms = np.diff(np.unique(recording.time_ms))
        if len(apart_ms) and apart_ms.min() < rate:
            raise SimulatorError(
                f"speed {rate:g} presses readings {apart_ms.min()} ms apart into one millisecond; give at most"
                f" {apart_ms.min()}, or max"
            )
    return _steps(recording, stamps, due_s)


def _steps(recording: Recording, stamps: NDArray[np.int64], due_s: NDArray[np.float64]) -> Iterator[Step]:
    names = sorted({key.enterprise for key in recording.keys})
    enterprise = np.array([names.index(key.enterprise) for key in recording.keys], np.int64)[recording.point]
    # Runs of equal time and enterprise; within one time the order of the files stays.
    changes = (np.diff(recording.time_ms) != 0) | (np.diff(enterprise) != 0)
    begins = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(recording)]])
    points = [key.point for key in recording.keys]
    for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        yield Step(
            int(stamps[begin]),
            float(due_s[begin]),
            names[int(enterprise[begin])],
            [points[i] for i in recording.point[begin:end].tolist()],
            recording.value[begin:end],
            recording.quality[begin:end],
        )
