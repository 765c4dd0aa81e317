"""Promises that a command reaches the node's operations, running or not, and that what it prints suits people and scripts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from bridge import settingsfile
from bridge.control import connect, is_running
from bridge.operations import Operations
from bridge.settings import Settings

__all__ = ["as_json", "ask", "print_json", "settings_of"]

T = TypeVar("T")

as_json = click.option("--json", "json", is_flag=True, help="Print JSON, for scripts.")


def settings_of(context: click.Context) -> Settings:
    """The settings in the file that --settings names. Raises BadSetting."""
    path: Path = context.find_root().params["settings"]
    return settingsfile.read(path)


def ask(context: click.Context, question: Callable[[Operations], Awaitable[T]]) -> T:
    """What the node answers: the running one through its control socket, else its store opened here for this one command."""
    return asyncio.run(_ask(settings_of(context), question))


async def _ask(settings: Settings, question: Callable[[Operations], Awaitable[T]]) -> T:
    async with _operations(settings) as operations:
        return await question(operations)


@contextlib.asynccontextmanager
async def _operations(settings: Settings) -> AsyncIterator[Operations]:
    if await is_running(settings.control):
        async with connect(settings.control) as operations:
            yield operations
        return
    # The composition root loads every adapter: only when nobody else can answer.
    from bridge import app  # noqa: PLC0415

    async with app.operate(settings) as operations:
        yield operations


def print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
