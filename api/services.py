"""What the API needs of the rest, handed in by `hazmon.service`. Nothing in this folder builds any of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alerting.desk import Desk
from alerting.errors import DeliveryReason
from alerting.journal import Journal
from api.keys import Keys
from hazards.catalogue import Catalogue
from hazards.checks import Checks
from hazards.log import Log
from hazards.plant import Plant, PointKey
from ingest.rejects import Rejects
from ingest.stats import IngestStats
from ingest.stores.base import Store

__all__ = ["Services", "SetLimits"]

SetLimits = Callable[[PointKey, Mapping[str, float], str, str], Checks]
"""(point, changed fields of `Checks`, who, why) -> the point's checks from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts behind the API. All of them may be called from several threads at once."""

    journal: Journal
    desk: Desk
    keys: Keys
    plant: Plant
    """With limits that were changed over the API already in it."""
    catalogue: Catalogue
    log: Log
    store: Store
    rejects: Rejects
    stats: IngestStats
    clock_ms: Callable[[], int]
    set_limits: SetLimits
    """Writes the journal's override, the audit row and the log's LimitsChanged; the API has validated the values."""
    readiness: Callable[[], Mapping[str, tuple[bool, str]]]
    """Each part by name: whether it works, and a word on why not. Answers at once, from memory."""
    consumer_offsets: Callable[[], Mapping[str, int]]
    """How far each consumer of the log has read, by name: ``alerting``, ``store``."""
    version: str
    delivery_failures: Callable[[], Mapping[str, Mapping[DeliveryReason, int]]] = dict
    """Attempts that failed since the start, by channel and reason; every reason is there."""
    engine_late: Callable[[], int] = lambda: 0
    """Readings that the engine dropped as late."""
    session_secret: bytes | None = None
    """Signs the console's sessions: 32 random bytes from the data folder. None: no console."""
    login_code: str | None = None
    """Lets one browser into the console without a key, once, as `login_code_role`; the demo prints it."""
    login_code_role: str = "engineer"
    language: str = "zh"
    """Of the console, where a browser prefers neither language."""
    time_zone: str = "Asia/Shanghai"
    """Of the console's clocks and axes."""
