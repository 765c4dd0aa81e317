"""Drives the foreign programs of `tests/programs` by JSON lines; every command has a deadline and a failure shows their words.

Threads do the reading and writing, so a program belongs to no event loop: start it in a session fixture, use it in any test.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import queue
import subprocess
import threading
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
NODE = PROGRAMS / "node_modules" / ".bin" / "node"
READY_WITHIN = 60.0
ANSWER_WITHIN = 30.0

Json = Any


class ProgramFailed(AssertionError):
    """A program refused a command, did not answer in time, or ended; the text holds the last it wrote to stderr."""


class Program:
    """One foreign program. `await Program.start("matrix.mjs", …)`; then `await program.ask("send", account="ana", …)`."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self.name = name
        self.ready: dict[str, Json] = {}
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Json]] = {}
        self._lock = threading.Lock()
        self._started: Future[dict[str, Json]] = Future()
        self._words: deque[str] = deque(maxlen=200)
        self._outgoing: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, name=f"{name}: {what}", daemon=True)
            for what, work in (("answers", self._read), ("words", self._listen), ("commands", self._write))
        ]

    @classmethod
    async def start(cls, script: str, *arguments: str) -> Self:
        """Starts a script of `tests/programs` and waits until it says that it is ready."""
        if not NODE.exists():
            raise ProgramFailed(f"the Node programs are not installed ({NODE} is missing): run deploy/install.py programs")
        program = cls(_launch(script, *arguments), script)
        for thread in program._threads:
            thread.start()
        try:
            program.ready = await asyncio.wait_for(asyncio.wrap_future(program._started), READY_WITHIN)
        except TimeoutError:
            program.stop()
            raise ProgramFailed(f"{script} was not ready within {READY_WITHIN:.0f} s\n{program.words()}") from None
        return program

    async def ask(self, do: str, /, *, within: float | None = None, **fields: Json) -> Json:
        """Runs one command and returns its result; `within` seconds, by default 30 beyond the command's own `seconds`."""
        number = next(self._numbers)
        answer: Future[Json] = Future()
        with self._lock:
            self._waiting[number] = answer
        self._outgoing.put(json.dumps({"id": number, "do": do, **fields}))
        if self._process.poll() is not None:
            self._give_up(f"{self.name} has ended")
        limit = ANSWER_WITHIN + float(fields.get("seconds", 0)) if within is None else within
        try:
            return await asyncio.wait_for(asyncio.wrap_future(answer), limit)
        except TimeoutError:
            raise ProgramFailed(f"{self.name}: no answer to {do} within {limit:.0f} s\n{self.words()}") from None

    def words(self, lines: int = 40) -> str:
        """The last lines it wrote to stderr."""
        return "\n".join(list(self._words)[-lines:])

    def stop(self) -> None:
        """Ends it and waits; safe to call twice."""
        self._outgoing.put(None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            if answer.get("ready"):
                self._started.set_result(answer)
                continue
            with self._lock:
                waiting = self._waiting.pop(answer["id"], None)
            if waiting is None:
                continue
            # The test may have stopped waiting meanwhile; then nobody wants the answer.
            if not waiting.set_running_or_notify_cancel():
                continue
            if answer["ok"]:
                waiting.set_result(answer["result"])
            else:
                waiting.set_exception(ProgramFailed(f"{self.name}: {answer['error']}"))
        self._give_up(f"{self.name} ended")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._words.append(line.rstrip("\n"))

    def _write(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            while (line := self._outgoing.get()) is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def _give_up(self, why: str) -> None:
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
        problem = ProgramFailed(f"{why}\n{self.words()}")
        for answer in [*waiting, *([] if self._started.done() else [self._started])]:
            if answer.set_running_or_notify_cancel():
                answer.set_exception(problem)


def _launch(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(NODE), str(PROGRAMS / script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=PROGRAMS,
    )


class MatrixProgram(Program):
    """The Matrix client on matrix-js-sdk; its commands are those of `tests/programs/matrix.mjs`."""

    @classmethod
    async def open(cls) -> Self:
        """Starts it with no account logged in."""
        return await cls.start("matrix.mjs")

    async def login(self, account: str, base: str, *, user: str = "", password: str = "") -> str:
        """Logs an account in under a name of the test's choosing; returns the Matrix user id."""
        user = user or account
        answer = await self.ask("login", account=account, base=base, user=user, password=password or user)
        return str(answer["user"])
