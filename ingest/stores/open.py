"""Which store a ``[store] url`` means."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ingest.directory import Directory
from ingest.stores.base import Store
from ingest.stores.duckdb import DuckdbStore
from ingest.stores.influx import Influx1Store, Influx2Store

__all__ = ["open_store"]

_FORMS = (
    "give duckdb, influxdb+http://host:8086?org=ORG&bucket=BUCKET (InfluxDB 2)"
    " or influxdb+http://host:8086?database=DATABASE (InfluxDB 1)"
)


def open_store(url: str, token: str, data_dir: Path, directory: Directory, timeout_s: float = 10.0) -> Store:
    """The store behind a URL. Touches neither network nor file; the first use does.

    Parameters
    ----------
    url : str
        ``duckdb``, or InfluxDB's as in docs/store.md; ``influxdb+https`` for TLS.
    token : str
        InfluxDB 2's token; InfluxDB 1's password if the URL has a user. Empty for neither.
    data_dir : Path
        Folder of the embedded store.
    directory : Directory
        The plant's points.
    timeout_s : float
        For each request.

    Raises
    ------
    ValueError
        If the URL is none of the forms; the text says which there are.
    """
    if url == "duckdb":
        return DuckdbStore(data_dir / "readings.duckdb", directory)
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme not in ("influxdb+http", "influxdb+https") or not parts.hostname:
        raise ValueError(f"{url!r} is not a store's URL; {_FORMS}")
    base = f"{parts.scheme.removeprefix('influxdb+')}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    if set(options) == {"database"}:
        user = unquote(parts.username or "")
        password = token or unquote(parts.password or "")
        return Influx1Store(base, options["database"], directory, user, password, timeout_s)
    if set(options) == {"org", "bucket"}:
        return Influx2Store(base, options["org"], options["bucket"], token, directory, timeout_s)
    raise ValueError(f"{url!r} names neither a database nor an org with a bucket; {_FORMS}")
