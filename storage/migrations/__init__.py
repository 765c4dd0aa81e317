"""Brings a database of any earlier release to this one's tables: Alembic, one history for SQLite and PostgreSQL, expand then contract."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from bridge.errors import OperatorError

__all__ = ["LATEST", "upgrade"]

LATEST: Final = "0008"
"""The newest revision; a test holds it against the files."""


def upgrade(connection: Connection) -> None:
    """Nothing when it is up to date already. Raises OperatorError for a database made by a newer release."""
    before = _revision(connection)
    if before == LATEST:
        return
    from alembic import command  # noqa: PLC0415  an eighth of a second that most starts need not spend
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise OperatorError(
            f"storage: the database was made by a newer release (revision {before}, this one knows up to {LATEST})",
            remedy="Install that release again, or restore a backup from before the upgrade.",
        )
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
