"""The kinds of column that our tables are made of, each with the comment that says what stands in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table
from sqlalchemy import text as sql

from storage.dialect import TEXT

__all__ = ["bytes_", "flag", "number", "partial", "text"]

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""INTEGER PRIMARY KEY is the row id on SQLite; BIGINT would need a second tree."""


def _to(ref: str | None) -> list[ForeignKey]:
    return [] if ref is None else [ForeignKey(ref)]


def text(name: str, comment: str, *, key: bool = False, null: bool = False, to: str | None = None) -> Column[Any]:
    return Column(name, TEXT, *_to(to), primary_key=key, nullable=null and not key, comment=comment)


def number(
    name: str, comment: str, *, key: bool = False, null: bool = False, default: int | None = None, to: str | None = None
) -> Column[Any]:
    start = None if default is None else str(default)
    kind = NUMBER if key else BigInteger()
    return Column(
        name, kind, *_to(to), primary_key=key, autoincrement=False, nullable=null and not key, server_default=start, comment=comment
    )


def flag(name: str, comment: str, *, key: bool = False) -> Column[Any]:
    return Column(name, Boolean, primary_key=key, nullable=False, server_default=None if key else sql("false"), comment=comment)


def bytes_(name: str, comment: str, *, null: bool = False) -> Column[Any]:
    return Column(name, LargeBinary, nullable=null, comment=comment)


def partial(table: Table, name: str, *columns: str, where: str, unique: bool = False) -> None:
    Index(f"ix_{table.name}_{name}", *(table.c[c] for c in columns), unique=unique, sqlite_where=sql(where), postgresql_where=sql(where))
