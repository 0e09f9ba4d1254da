"""Steps as native MQTT messages: one a reading, or one a step with its columns."""

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from simulators.step import Step

__all__ = ["Form", "Message", "messages"]

_encode = msgspec.json.Encoder().encode
_ROOT = "hazmon/v1"


class Form(StrEnum):
    """How readings are put into messages."""

    READING = "reading"
    """One message a reading, on the topic of its point."""
    COLUMNS = "columns"
    """One message a step, on the topic of its enterprise."""


class Message(msgspec.Struct, frozen=True):
    """One message on its way to the broker."""

    topic: str
    payload: bytes
    n_readings: int


def messages(step: Step, form: Form) -> Iterator[Message]:
    """The messages of one step.

    Examples
    --------
    >>> import numpy as np
    >>> step = Step(1764000000123, 0.0, "M001", ["CH4-01"], np.array([0.42]), np.array([0], np.uint8))
    >>> [(m.topic, m.payload) for m in messages(step, Form.READING)]
    [('hazmon/v1/M001/CH4-01', b'{"t":1764000000123,"v":0.42}')]
    >>> [(m.topic, m.payload) for m in messages(step, Form.COLUMNS)]
    [('hazmon/v1/M001', b'{"p":["CH4-01"],"t":1764000000123,"v":[0.42]}')]
    """
    if form is Form.COLUMNS:
        body: dict[str, Any] = {
            "p": list(step.points),
            "t": step.time_ms,
            "v": [v if math.isfinite(v) else None for v in step.value.tolist()],
        }
        if step.quality.any():
            body["q"] = step.quality.tolist()
        yield Message(f"{_ROOT}/{step.enterprise}", _encode(body), len(step))
        return
    for key, value, quality in step.readings():
        body = {"t": step.time_ms, "v": value if math.isfinite(value) else None}
        if quality:
            body["q"] = quality
        yield Message(f"{_ROOT}/{key.enterprise}/{key.point}", _encode(body), 1)
