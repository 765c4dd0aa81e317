"""Each program that is measured, or that measures, has a process and a core of its own, and ends when we end.

A program says one JSON line when it is ready (or done). Some then answer questions, a line each; all of them end when their input closes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import psutil

__all__ = ["MEASURED", "OTHERS", "Failed", "Program", "Usage", "answering", "say", "until_closed"]

_CORES = sorted(os.sched_getaffinity(0))
MEASURED = {_CORES[0]}
"""The core on which only the measured program runs."""
OTHERS = set(_CORES[1:]) or MEASURED
"""Where everything else runs: clients, sinks and ourselves."""

READY_WITHIN = 60.0
LAST_WORDS = 20.0
"""Seconds for a program to stop by itself: a node drains for ten."""


class Failed(Exception):
    """A program did not start, ended by itself, or something did not arrive; with its last words."""


class Usage(msgspec.Struct, frozen=True):
    """Since the program started: CPU seconds of all its threads, bytes it made dirty on disks. `rss` in bytes, now."""

    cpu: float
    written: int
    rss: int

    def since(self, before: Usage) -> Usage:
        return Usage(self.cpu - before.cpu, self.written - before.written, self.rss - before.rss)


class Program:
    """`async with Program("tests.bench.sink", "10") as sink`: `sink.ready` is its first line."""

    def __init__(self, module: str, *arguments: str, cores: set[int] | None = None, within: float = READY_WITHIN) -> None:
        """`cores`: where it may run, `OTHERS` unless it is what is measured; `within`: seconds until its first line."""
        self._command = [sys.executable, "-m", module, *arguments]
        self._cores = cores or OTHERS
        self._within = within
        self.ready: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
            limit=2**24,
        )
        os.sched_setaffinity(self._process.pid, self._cores)
        self._seen = psutil.Process(self._process.pid)
        self._words = bytearray()
        self._listening = asyncio.create_task(self._listen())
        try:
            self.ready = await self._line(self._within)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if problem is not None and self._words:
            problem.add_note(f"{self._command[2]} said last:\n{self._last()}")
        await self.stop()

    async def ask(self, *, within: float = READY_WITHIN, **question: object) -> dict[str, Any]:
        """What it answers to one line. Raises Failed."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(question) + b"\n")
        return await self._line(within)

    def usage(self) -> Usage:
        """Exact to a hundredth of a second of CPU."""
        with self._seen.oneshot():
            times = self._seen.cpu_times()
            return Usage(times.user + times.system, self._seen.io_counters().write_bytes, self._seen.memory_info().rss)

    async def stop(self) -> None:
        """Closes its input and waits until it has ended; what does not end is killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(65_536):
            self._words += piece
            del self._words[:-4_000]

    async def _line(self, within: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(within):
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            raise Failed(f"{self._command[2]} has said nothing for {within:g} s; its last words:\n{self._last()}") from error
        if not line:
            await self._process.wait()
            raise Failed(f"{self._command[2]} has ended by itself; its last words:\n{self._last()}")
        return msgspec.json.decode(line, type=dict[str, Any])

    def _last(self) -> str:
        return self._words.decode("utf-8", "replace")


# ------------------------------------------------------------------------------------------------------ inside a program


def say(**found: object) -> None:
    """One line to whoever started this program."""
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    sys.stdout.flush()


async def until_closed() -> None:
    """Returns when whoever started this program closes its input, or has gone."""
    await answering(_nothing)


async def answering(answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """Answers each line, one after the other, until the input closes."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    while line := await reader.readline():
        say(**await answer(msgspec.json.decode(line, type=dict[str, Any])))


async def _nothing(_question: dict[str, Any]) -> dict[str, Any]:
    return {}
