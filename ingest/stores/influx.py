"""InfluxDB as the store: 1.x over its own ``/write``, 2.x with influxdb-client. Both are queried with InfluxQL."""

from collections.abc import Sequence
from typing import Any

import httpx
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from ingest.directory import Directory
from ingest.errors import PointRefused, StoreUnavailable
from ingest.stores.base import AlarmEventRow, Row
from ingest.stores.lines import LineEncoder, encode_events

__all__ = ["Influx1Store", "Influx2Store"]

_REFUSED = {400, 413, 422}
"""Statuses that mean the data: it will not be taken next time either. 413 goes away with smaller parts."""


class _InfluxStore:
    """What both versions share: line protocol in, InfluxQL out."""

    def __init__(
        self, url: str, database: str, directory: Directory, headers: dict[str, str], timeout_s: float
    ) -> None:
        self._database = database
        self._encoder = LineEncoder(directory)
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)

    def write(self, batch: ReadingBatch) -> None:
        """Store a batch; see `Store.write`."""
        if lines := self._encoder.encode(batch):
            self._write_lines(lines)

    def write_events(self, rows: Sequence[AlarmEventRow]) -> None:
        """Store alarm events; see `Store.write_events`."""
        if rows:
            self._write_lines(encode_events(rows))

    def readings(
        self, key: PointKey, start_ms: int, end_ms: int, every_ms: int | None = None, limit: int = 100_000
    ) -> list[Row]:
        """A point's readings or buckets; see `Store.readings`."""
        where = (
            f'"enterprise" = {_literal(key.enterprise)} AND "point" = {_literal(key.point)}'
            f" AND time >= {int(start_ms)}ms AND time < {int(end_ms)}ms"
        )
        if every_ms is None:
            series = self.query(f'SELECT "value", "quality" FROM "reading" WHERE {where} LIMIT {int(limit)}')  # noqa: S608
            return [Row(t=t, v=v, q=int(q or 0)) for s in series for t, v, q in s["values"]]
        series = self.query(
            'SELECT MEAN("value"), MAX("quality"), MIN("value"), MAX("value"), COUNT("value")'  # noqa: S608
            f' FROM "reading" WHERE {where} GROUP BY time({int(every_ms)}ms) fill(none) LIMIT {int(limit)}'
        )
        return [
            Row(t=t, v=v, q=int(q or 0), min=low, max=high, n=int(n or 0))
            for s in series
            for t, v, q, low, high, n in s["values"]
        ]

    def query(self, influxql: str) -> list[dict[str, Any]]:
        """The series of one InfluxQL statement's result, times in ms.

        Raises
        ------
        StoreUnavailable
            Also for a statement that the store does not accept, with its words.
        """
        parameters = {"db": self._database, "q": influxql, "epoch": "ms"}
        answer = self._request("GET", "/query", params=parameters)
        if answer.status_code != 200:
            raise StoreUnavailable(f"query: {answer.status_code} {_reason(answer)}")
        result = answer.json()["results"][0]
        if "error" in result:
            raise StoreUnavailable(f"query: {result['error']}")
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def ping(self) -> None:
        """Return if the store answers."""
        answer = self._request("GET", "/ping")
        if answer.status_code not in (200, 204):
            raise StoreUnavailable(f"ping: {answer.status_code} {_reason(answer)}")

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def _write_lines(self, lines: bytes) -> None:
        raise NotImplementedError

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except httpx.HTTPError as e:
            raise StoreUnavailable(f"{self._http.base_url}: {e or type(e).__name__}") from e


class Influx1Store(_InfluxStore):
    """InfluxDB 1.x; the database is created if it is missing.

    Parameters
    ----------
    url : str
        ``http://host:8086``.
    database : str
        Its default retention policy is used.
    directory : Directory
        Tells each point's tags.
    username, password : str
        Empty where the server asks for none.
    timeout_s : float
        For each request.
    """

    def __init__(
        self,
        url: str,
        database: str,
        directory: Directory,
        username: str = "",
        password: str = "",
        timeout_s: float = 10.0,
    ) -> None:
        super().__init__(url, database, directory, {}, timeout_s)
        if username:
            self._http.auth = httpx.BasicAuth(username, password)
        self._created = False

    def ping(self) -> None:
        """Return if the store answers and has the database."""
        super().ping()
        self._create_database()

    def _write_lines(self, lines: bytes) -> None:
        self._create_database()
        parameters = {"db": self._database, "precision": "ms"}
        answer = self._request("POST", "/write", params=parameters, content=lines)
        if answer.status_code == 404:  # dropped behind our back
            self._created = False
            self._create_database()
            answer = self._request("POST", "/write", params=parameters, content=lines)
        if answer.status_code in (200, 204):
            return
        reason = _reason(answer)
        if answer.status_code in _REFUSED:
            raise PointRefused(reason)
        raise StoreUnavailable(f"write: {answer.status_code} {reason}")

    def _create_database(self) -> None:
        if self._created:
            return
        # Not allowed to create it, but it may be there: writing will tell.
        answer = self._request("POST", "/query", params={"q": f'CREATE DATABASE "{_identifier(self._database)}"'})
        if answer.status_code >= 500:
            raise StoreUnavailable(f"create database: {answer.status_code} {_reason(answer)}")
        self._created = True


class Influx2Store(_InfluxStore):
    """InfluxDB 2.x; the bucket must exist, and its name serves as the database in InfluxQL.

    Parameters
    ----------
    url : str
        ``http://host:8086``.
    org, bucket, token : str
        As InfluxDB has them; the token may read and write the bucket.
    directory : Directory
        Tells each point's tags.
    timeout_s : float
        For each request.
    """

    def __init__(
        self, url: str, org: str, bucket: str, token: str, directory: Directory, timeout_s: float = 10.0
    ) -> None:
        super().__init__(url, bucket, directory, {"Authorization": f"Token {token}"}, timeout_s)
        self._bucket = bucket
        self._client = InfluxDBClient(url, token, org=org, timeout=int(timeout_s * 1000))
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    def close(self) -> None:
        """Release connections."""
        super().close()
        self._writer.close()  # type: ignore[no-untyped-call]
        self._client.close()  # type: ignore[no-untyped-call]

    def _write_lines(self, lines: bytes) -> None:
        try:
            self._writer.write(self._bucket, record=lines, write_precision="ms")  # type: ignore[arg-type]
        except ApiException as e:
            reason = (e.message or e.reason or "").strip() if hasattr(e, "message") else str(e.reason)
            if e.status in _REFUSED:
                raise PointRefused(reason) from e
            raise StoreUnavailable(f"write: {e.status} {reason}") from e
        except (urllib3.exceptions.HTTPError, OSError) as e:
            raise StoreUnavailable(f"write: {e}") from e


def _reason(answer: httpx.Response) -> str:
    """The server's words: ``error`` (1.x) or ``message`` (2.x) of its JSON, else the beginning of the body."""
    try:
        body = answer.json()
        return str(body.get("error") or body.get("message") or body)
    except (ValueError, AttributeError):
        return answer.text[:500]


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _identifier(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
