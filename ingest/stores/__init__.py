"""Stores for readings: InfluxDB 1.x and 2.x, DuckDB. `open_store` picks one by its URL."""

from ingest.stores.base import AlarmEventRow, Row, Store
from ingest.stores.open import open_store

__all__ = ["AlarmEventRow", "Row", "Store", "open_store"]
