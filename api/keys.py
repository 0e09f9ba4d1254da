"""API keys: made, hashed, checked, revoked. The table is the journal's.

A key is ``hz_<id>_<secret>``: the id finds the row, the secret is compared with a scrypt hash, and the key itself is
shown once and never stored.
"""

import hashlib
import hmac
import re
import secrets
import threading
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from alerting.journal import Journal
from alerting.journal_schema import api_key

__all__ = ["Identity", "Keys", "Role", "StoredKey", "hash_secret", "secret_matches"]

_FORM = re.compile(r"hz_([a-z0-9]{12})_([A-Za-z0-9]{43})", re.ASCII)
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # no l, o, 0, 1: ids are read aloud and typed
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# OWASP's minimum for scrypt is N=2^17 for passwords that people choose; these secrets have 256 random bits,
# which no amount of hashing makes safer, so a cost that a small box bears is enough.
_N, _R, _P = 2**14, 8, 1


class Role(IntEnum):
    """What a key may do; each role may do all that the lower ones may."""

    VIEWER = 1
    """See."""
    OPERATOR = 2
    """Acknowledge, comment, shelve."""
    ENGINEER = 3
    """Change limits; see rejects, unknown points and the audit trail."""
    ADMIN = 4
    """Everything."""

    @property
    def word(self) -> str:
        """The name used on the command line and in the API."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "Role":
        """The role with this word.

        >>> Role.of("operator")
        <Role.OPERATOR: 2>
        """
        return cls[word.upper()]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, as a key says it."""

    key_id: str
    name: str
    role: Role
    enterprise: str | None
    """The only enterprise this key may see, None for all."""

    def sees(self, enterprise: str) -> bool:
        """Whether this enterprise is within the key's scope."""
        return self.enterprise is None or self.enterprise == enterprise


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as the table has it; nothing here lets anybody in."""

    identity: Identity
    created_ms: int
    revoked_ms: int | None


def hash_secret(secret: str, salt: bytes | None = None) -> str:
    """Salted scrypt hash as text, its cost in it, so that the cost can grow later.

    >>> secret_matches("s3cret", hash_secret("s3cret"))
    True
    """
    salt = secrets.token_bytes(16) if salt is None else salt
    digest = hashlib.scrypt(secret.encode(), salt=salt, n=_N, r=_R, p=_P, dklen=32)
    return f"scrypt${_N}${_R}${_P}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def secret_matches(secret: str, stored: str) -> bool:
    """Whether this secret has that hash; False for a hash that is not of our form."""
    parts = stored.split("$")
    if len(parts) != 6 or parts[0] != "scrypt":
        return False
    n, r, p = (int(x) for x in parts[1:4])
    digest = hashlib.scrypt(secret.encode(), salt=b64decode(parts[4]), n=n, r=r, p=p, dklen=32, maxmem=256 << 20)
    return hmac.compare_digest(digest, b64decode(parts[5]))


class Keys:
    """The keys in the journal's database. Safe to call from several threads.

    The row is read at every check, so that a revoked key stops at once; the costly hash is computed once per key and
    remembered by a digest that a memory dump could not turn back into the key.
    """

    _REMEMBERED = 1024

    def __init__(self, journal: Journal, clock_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._clock_ms = clock_ms
        self._pepper = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._hashing = threading.Semaphore(2)  # 16 MiB and a core each
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def create(self, role: Role, name: str, enterprise: str | None = None) -> str:
        """Make a key and return it; this is the only time that it can be seen."""
        id_ = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        secret = "".join(secrets.choice(_SIGNS) for _ in range(43))
        with self._journal.transaction() as connection:
            connection.execute(
                sa.insert(api_key).values(
                    id=id_,
                    name=name,
                    role=role.word,
                    enterprise=enterprise,
                    hash=hash_secret(secret),
                    created_ms=self._clock_ms(),
                    revoked_ms=None,
                )
            )
        return f"hz_{id_}_{secret}"

    def check(self, text: str) -> Identity | None:
        """Who this key is; None if it is none of ours, or revoked."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        row = self._row(form[1])
        if row is None or row.revoked_ms is not None:
            return None
        seen = hmac.digest(self._pepper, f"{text} {row.hash}".encode(), "sha256")
        with self._lock:
            if seen in self._good:
                self._good.move_to_end(seen)
                return _identity(row)
        with self._hashing:
            if not secret_matches(form[2], row.hash):
                return None
        with self._lock:
            self._good[seen] = None
            while len(self._good) > self._REMEMBERED:
                self._good.popitem(last=False)
        return _identity(row)

    def by_id(self, key_id: str) -> Identity | None:
        """The key with this id, for a session that was begun with it; None once it is revoked."""
        row = self._row(key_id)
        return None if row is None or row.revoked_ms is not None else _identity(row)

    def all(self) -> list[StoredKey]:
        """Every key there ever was, the oldest first."""
        with self._journal.reading() as connection:
            rows = connection.execute(sa.select(api_key).order_by(api_key.c.created_ms, api_key.c.id)).all()
        return [StoredKey(_identity(r), r.created_ms, r.revoked_ms) for r in rows]

    def revoke(self, key_id: str) -> bool:
        """End a key, at once. False if there is none of this id that still works."""
        with self._journal.transaction() as connection:
            done = connection.execute(
                sa.update(api_key)
                .where(api_key.c.id == key_id, api_key.c.revoked_ms.is_(None))
                .values(revoked_ms=self._clock_ms())
            )
            return bool(done.rowcount)

    def _row(self, key_id: str) -> Any:
        with self._journal.reading() as connection:
            return connection.execute(sa.select(api_key).where(api_key.c.id == key_id)).one_or_none()


def _identity(row: Any) -> Identity:
    return Identity(row.id, row.name, Role.of(row.role), row.enterprise)
