"""Whether the system itself is well, worked out once every two seconds for all pages: silence must be seen."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from anyio.to_thread import run_sync

from api.state import ApiState
from ingest.errors import IngestError

__all__ = ["EVERY_S", "Pulse"]

EVERY_S = 2.0
_SILENT_AFTER_MS = 10_000
_LAG_WARNS_ENTRIES = 200


class Pulse:
    """The strip's contents, and those who want to know of each beat."""

    def __init__(self, at: ApiState) -> None:
        self._at = at
        self._watchers: list[Callable[[], None]] = []
        self._received = 0.0
        self._rejected = 0
        self._received_at_ms = at.services.clock_ms()
        self._beat_ms = 0
        self._task: asyncio.Task[None] | None = None
        self.content: dict[str, Any] = {
            "now_ms": at.services.clock_ms(), "parts": [], "readings_per_s": 0.0, "silent_s": 0, "lag": 0,
            "rejects": 0, "rejecting": False, "well": True, "beat": 0,
        }  # fmt: skip

    def start(self) -> None:
        """Begin to beat, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this at each beat, in the event loop; what is returned ends it."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    async def _run(self) -> None:
        while True:
            self.content = await run_sync(self._measure)
            for watcher in list(self._watchers):
                watcher()
            await asyncio.sleep(EVERY_S)

    def _measure(self) -> dict[str, Any]:
        services = self._at.services
        now_ms = services.clock_ms()
        received = services.stats.snapshot()["received_readings"]
        rejected = sum(services.stats.rejected().values())
        span_s = max((now_ms - self._beat_ms) / 1000, 0.001)
        per_s = 0.0 if self._beat_ms == 0 else max(received - self._received, 0.0) / span_s
        rejecting = self._beat_ms != 0 and rejected > self._rejected
        if received != self._received:
            self._received_at_ms = now_ms
        self._received, self._rejected, self._beat_ms = received, rejected, now_ms
        try:
            last = services.log.last_offset
            lags = [max(last - offset, 0) for offset in services.consumer_offsets().values()]
        except IngestError:
            lags = []  # the log's own chip says that it is away
        silent_ms = now_ms - self._received_at_ms
        parts = [{"name": n, "ok": ok, "detail": d} for n, (ok, d) in services.readiness().items()]
        lag = max(lags, default=0)
        return {
            "now_ms": now_ms,
            "parts": parts,
            "readings_per_s": round(per_s, 1),
            "silent_s": silent_ms // 1000 if silent_ms > _SILENT_AFTER_MS else 0,
            "lag": lag,
            "lagging": lag > _LAG_WARNS_ENTRIES,
            "rejects": rejected,
            "rejecting": rejecting,
            "well": all(p["ok"] for p in parts) and silent_ms <= _SILENT_AFTER_MS and lag <= _LAG_WARNS_ENTRIES,
            "beat": self.content["beat"] + 1,
        }
