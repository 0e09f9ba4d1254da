"""The journal's schema, revision by revision (Alembic), and how a journal is brought to the newest one.

There is no ``env.py``: a journal is migrated when it is opened, on the connection that opens it.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

__all__ = ["current_revision", "newest_revision", "upgrade"]


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))


def newest_revision() -> str | None:
    """The revision that this code was written for."""
    return _scripts().get_current_head()


def current_revision(connection: sa.Connection) -> str | None:
    """The revision that a journal has; None before the first."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: sa.Connection) -> None:
    """Bring the journal to the newest revision, in the connection's transaction."""
    scripts = _scripts()
    with EnvironmentContext(
        Config(), scripts, fn=lambda revision, _: scripts._upgrade_revs("head", revision)
    ) as environment:
        environment.configure(connection=connection, transaction_per_migration=False)
        environment.run_migrations()
