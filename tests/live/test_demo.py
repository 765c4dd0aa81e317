"""`folkmoot demo` as a newcomer starts it: in a process of its own, read from its output and its exit status."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import psutil
import pytest

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

ENOUGH = 120.0
"""Seconds that the issue allows for the whole of it, the installs excluded."""

CROSSINGS = (
    "Lena and Tomas read it, by Ana, with her address",
    "a first post waits for a person: folkmoot holds list shows it",
    "let in, it stands in Ana's thread",
    "Lena and Tomas read it, in the same thread",
    "Lena and Tomas see the new words in its place",
    "the room shows them in its place",
    "Tomas sees it",
    "Bo sees it",
    "it is gone on the other side",
    "it is gone in the room",
    "nothing of Eli's is there",
)
"""A post, an answer, an edit, a reaction and a deletion each way, and the one that stays."""


class Demonstration:
    """One run; `said` is its output so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def until(self, text: str) -> str:
        """Reads on until this was said; returns the line."""
        assert self.process.stdout is not None
        async with asyncio.timeout(ENOUGH):
            while True:
                line = (await self.process.stdout.readline()).decode()
                assert line, f"it ended before it said {text!r}:\n{self.said}"
                self.said += line
                if text in line:
                    return line

    async def end(self) -> int:
        """Reads the rest; the exit status."""
        assert self.process.stdout is not None
        async with asyncio.timeout(ENOUGH):
            self.said += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, argument: str) -> psutil.Process:
        """The one child that was started with an argument ending so."""
        [found] = [child for child in self.children() if any(part.endswith(argument) for part in child.cmdline())]
        return found


Begin = Callable[..., Awaitable[Demonstration]]


@pytest.fixture
async def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Begin]:
    """Starts it with a temporary folder of its own; whatever is left of it ends with the test."""
    # The path of a control socket must be short, and pytest's own folders are not.
    room = Path(f"/tmp/demo-{tmp_path.parent.name[-8:]}-{tmp_path.name[-4:]}")
    room.mkdir()
    monkeypatch.setenv("TMPDIR", str(room))
    started: list[Demonstration] = []

    async def start(*arguments: str) -> Demonstration:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bridge", "demo", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        started.append(Demonstration(process))
        return started[-1]

    yield start
    for one in started:
        with contextlib.suppress(ProcessLookupError):
            one.process.kill()
        await one.end()
    shutil.rmtree(room)


def folders() -> list[Path]:
    """What demonstrations have left behind."""
    return list(Path(os.environ["TMPDIR"]).glob("folkmoot-*"))


async def test_everything_arrives_on_both_sides_and_nothing_is_left_behind(begin: Begin) -> None:
    demonstration = await begin()
    await demonstration.until("✓ node B")
    children = demonstration.children()
    assert len(children) == 2
    assert await demonstration.end() == 0, demonstration.said
    plain = re.sub(r"\s+", " ", demonstration.said)
    for crossing in CROSSINGS:
        assert f"✓ {crossing}" in plain, crossing
    assert "✗" not in plain
    assert "Everything arrived: 27 ticks" in plain
    assert float(re.findall(r"ticks in (\d+) seconds", plain)[0]) < ENOUGH
    assert not any(child.is_running() for child in children)
    assert folders() == []
    compare_sides(demonstration.said.partition("The same conversation")[2])


def compare_sides(shown: str) -> None:
    """Everything is on both sides, but for the words of the one who did not say yes."""
    matrix, _, far = re.sub(r"\s+", " ", shown).partition("on node B:")
    for words in ("radio hums since we moved", "all the way down", "hours, not minutes. (edited)", "10 kΩ resistor", "😂 Chi", "🙏 Lena"):
        assert words in matrix
        assert words in far
    assert "Eli: Mine hums as well" in matrix
    assert "Eli" not in far
    for gone in ("keys to the cellar", "bring milk"):
        assert gone not in matrix + far
    assert re.search(r"Lena \(@lena@127\.0\.0\.1:\d+\): Listen", matrix)
    assert re.search(r"Ana \(@ana@127\.0\.0\.1:\d+\): My grand", far)


async def test_it_stays_until_it_is_told_to_end(begin: Begin) -> None:
    demonstration = await begin("--stay")
    await demonstration.until("Ctrl-C ends it")
    async with aiohttp.ClientSession() as session:
        addresses = re.findall(r"http://127\.0\.0\.1:\d+/\S+", demonstration.said.partition("Look around")[2])
        assert len(addresses) == 4
        for address in addresses:
            async with session.get(address, headers={"Accept": "application/activity+json"}) as answer:
                assert answer.status == 200, address
    operator = re.findall(r"-m bridge (--settings \S+ events list)", demonstration.said)
    asked = await asyncio.create_subprocess_exec(sys.executable, "-m", "bridge", *operator[0].split(), stdout=asyncio.subprocess.PIPE)
    listed, _ = await asked.communicate()
    assert asked.returncode == 0
    assert b"kept local" in listed
    children = demonstration.children()
    demonstration.process.send_signal(signal.SIGINT)
    assert await demonstration.end() == 0, demonstration.said
    assert not any(child.is_running() for child in children)
    assert folders() == []


async def test_an_interruption_is_the_end_of_it(begin: Begin) -> None:
    demonstration = await begin()
    await demonstration.until("!cross on ana")
    children = demonstration.children()
    demonstration.process.send_signal(signal.SIGINT)
    assert await demonstration.end() == 130
    assert not any(child.is_running() for child in children)
    assert folders() == []


async def test_what_did_not_arrive_is_named_and_the_logs_are_kept(begin: Begin) -> None:
    demonstration = await begin()
    await demonstration.until("!cross on ana")
    demonstration.child("a.toml").kill()
    assert await demonstration.end() == 1
    plain = re.sub(r"\s+", " ", demonstration.said)
    assert "✗ node A has ended by itself" in plain
    assert "Everything arrived" not in plain
    [folder] = folders()
    assert str(folder) in plain
    assert (folder / "a.log").read_text()


async def test_a_killed_demonstration_leaves_no_servers_behind(begin: Begin) -> None:
    demonstration = await begin()
    await demonstration.until("✓ node B")
    children = demonstration.children()
    demonstration.process.kill()
    await demonstration.end()
    await asyncio.to_thread(psutil.wait_procs, children, 10)
    assert not any(child.is_running() for child in children)
