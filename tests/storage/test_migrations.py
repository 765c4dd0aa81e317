"""All migrations together give the tables of schema.py, and a database of another release is never half opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

import storage.migrations
from bridge.errors import OperatorError
from storage import open_store
from storage.engine import open_engine
from storage.migrations import LATEST, upgrade
from storage.schema import metadata
from tests.conformance.homes import SECRET


def shape(connection: Connection) -> dict[str, object]:
    """Columns, keys and indexes of every table, as the database itself tells them."""
    look = inspect(connection)
    found: dict[str, object] = {}
    for table in sorted(look.get_table_names()):
        if table == "alembic_version":
            continue
        found[table] = {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], str(column["default"]).strip("'()"))
                for column in look.get_columns(table)
            ],
            "key": look.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted((key["constrained_columns"], key["referred_table"]) for key in look.get_foreign_keys(table)),
            "indexes": sorted(
                (str(index["name"]), tuple(index["column_names"]), bool(index["unique"])) for index in look.get_indexes(table)
            ),
            "partial": sorted(
                row[0]
                for row in connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE tbl_name = '{table}' AND sql LIKE '%WHERE%'")
            ),
        }
    return found


def test_all_migrations_give_the_schema_from_scratch() -> None:
    migrated, scratch = open_engine(None), open_engine(None)
    with migrated.begin() as one, scratch.begin() as other:
        upgrade(one)
        metadata.create_all(other)
        assert shape(one) == shape(other)
        assert len(shape(one)) == len(metadata.tables) > 30
        assert compare_metadata(MigrationContext.configure(one), metadata) == []
    migrated.dispose()
    scratch.dispose()


def test_the_newest_revision_is_the_one_this_release_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(storage.migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [LATEST]


def test_every_table_and_column_says_what_it_is() -> None:
    for table in metadata.tables.values():
        assert table.comment, table.name
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name}"


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "folkmoot.sqlite"
    await open_store(path, SECRET).close()
    raw = sqlite3.connect(path)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()
    with pytest.raises(OperatorError, match="newer release") as refused:
        open_store(path, SECRET)
    assert "backup" in (refused.value.remedy or "")
