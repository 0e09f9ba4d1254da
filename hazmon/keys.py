"""Makes API keys from the command line, beside a service that may be running."""

import time
from pathlib import Path

from alerting.journal import Journal
from api.keys import Keys, Role

__all__ = ["create_key", "journal_url"]


def journal_url(data: Path) -> str:
    """The journal in a data folder, as `Journal` takes it."""
    return f"sqlite:///{data / 'journal.db'}"


def create_key(data: Path, role: Role, name: str, enterprise: str | None) -> str:
    """Make a key and hand it out; it can't be seen again.

    Raises
    ------
    OSError
        If the data folder can't be made.
    JournalError
        If the journal in it can't be written.
    """
    data.mkdir(parents=True, exist_ok=True)
    journal = Journal(journal_url(data))
    try:
        return Keys(journal, lambda: time.time_ns() // 1_000_000).create(role, name, enterprise)
    finally:
        journal.close()
