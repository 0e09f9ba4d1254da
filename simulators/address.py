"""Where the broker is: ``mqtt://user@host:port`` or ``mqtts://…``, as the command line takes it."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from simulators.errors import SimulatorError

__all__ = ["BrokerAddress", "parse_broker_url"]

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker and how to enter it."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_broker_url(url: str, password: str | None = None, ca_file: Path | None = None) -> BrokerAddress:
    """Read a broker's URL.

    Parameters
    ----------
    url
        ``mqtt://[user@]host[:port]``, or ``mqtts://`` with TLS. The password is not part of it, because a URL shows in
        process lists and logs.
    password
        Of the user in the URL; without one it is not used (it may come from the environment and be meant for another).
    ca_file
        Certificates to trust instead of the system's, for ``mqtts``.

    Raises
    ------
    SimulatorError
        Which part is wrong and what would be right.

    Examples
    --------
    >>> str(parse_broker_url("mqtt://127.0.0.1")), parse_broker_url("mqtt://sim@broker:1884").username
    ('mqtt://127.0.0.1:1883', 'sim')
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise SimulatorError(f"broker {url!r}: give mqtt://host:port, or mqtts://host:port with TLS")
    if parts.password is not None:
        raise SimulatorError(f"broker {parts.scheme}://{parts.hostname}: give the password apart from the URL")
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SimulatorError(f"broker {url!r}: give a host, and nothing behind the port")
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise SimulatorError(f"broker {url!r}: the port is not a number from 1 to 65535") from error
    tls = None
    if parts.scheme == "mqtts":
        try:
            tls = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        except OSError as error:  # ssl.SSLError is one
            raise SimulatorError(f"broker {url!r}: CA file {ca_file} cannot be used ({error})") from error
    elif ca_file is not None:
        raise SimulatorError(f"broker {url!r}: a CA file is for mqtts://")
    if not parts.username:
        return BrokerAddress(parts.hostname, port, tls=tls)
    return BrokerAddress(parts.hostname, port, unquote(parts.username), password, tls)
