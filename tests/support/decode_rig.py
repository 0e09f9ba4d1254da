"""A plant of a few points, and routes decoded over it, for tests of payload formats."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hazards.checks import Checks
from hazards.plant import Name, Point, PointKey
from ingest.decode.decoder import Decoder
from ingest.decode.group import DecodedGroup, decode_group
from ingest.directory import Directory
from ingest.message import Message
from ingest.routes import RouteSpec, open_routes
from tests.support.ingest_parts import NOW_MS

__all__ = ["POINTS", "Route", "rows", "small_directory"]

POINTS = {
    "CH4-01": ("ch4", "%CH4"),
    "CO-07": ("co", "ppm"),
    "T-1": ("temperature", "°C"),
    "P-1": ("pressure", "kPa"),
    "H2S-1": ("h2s", "mg/m3"),
    "FAN-1": ("fan", ""),
}
"""Kind and unit of M001's points."""


class _Numbers:
    """Gives numbers as the log does."""

    def point_ids(self, keys: Sequence[PointKey]) -> Any:
        return np.arange(len(keys), dtype=np.int32)


def small_directory() -> Directory:
    """`POINTS` of enterprise M001, numbered in their order."""
    log: Any = _Numbers()
    return Directory(
        log, [Point("M001", "s", id, kind, "", Name(id, id), unit, Checks()) for id, (kind, unit) in POINTS.items()]
    )


class Route:
    """One route's decoder, with what it publishes."""

    def __init__(self, **keys: Any) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.directory = small_directory()
        self.decoder: Decoder = open_routes(
            [RouteSpec(**keys)], self.directory, 1 << 20, lambda topic, payload: self.published.append((topic, payload))
        )

    def group(
        self, topic: str, payload: bytes | str, retained: bool = False, received_ms: int = NOW_MS
    ) -> DecodedGroup:
        """One message decoded."""
        payload = payload.encode() if isinstance(payload, str) else payload
        return decode_group([Message(topic, payload, received_ms, retained)], self.decoder)

    def readings(self, topic: str, payload: bytes | str, **more: Any) -> list[tuple[str, int, float | None, int]]:
        """Point, time after `NOW_MS`, value and quality of a message of which nothing is rejected."""
        group = self.group(topic, payload, **more)
        assert group.rejects == () and group.unknown == (), group
        return rows(group)

    def reject(self, topic: str, payload: bytes | str, **more: Any) -> tuple[str, str]:
        """Reason and detail of a message's reject."""
        ((_, reject),) = self.group(topic, payload, **more).rejects
        return reject.reason.value, reject.detail


def rows(group: DecodedGroup) -> list[tuple[str, int, float | None, int]]:
    """Point, time after `NOW_MS`, value (None for none) and quality."""
    batch = group.batch
    names = list(POINTS)
    return [
        (names[p], t - NOW_MS, None if v != v else v, q)
        for p, t, v, q in zip(
            batch.point.tolist(), batch.time_ms.tolist(), batch.value.tolist(), batch.quality.tolist(), strict=True
        )
    ]
