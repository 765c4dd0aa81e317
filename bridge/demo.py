"""Shows one conversation across a real Matrix homeserver and two nodes on this machine, and says with its exit status whether all arrived."""

from __future__ import annotations

import argparse
import asyncio
import io
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from bridge.demonstration.play import GROUP, MATRIX_PEOPLE, Play
from bridge.demonstration.stage import Stage
from bridge.demonstration.telling import Telling
from bridge.errors import BridgeError

__all__ = ["main"]

ARRIVED, MISSING, INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str]) -> int:
    """0 when everything arrived, 1 when something did not, 130 when it was interrupted before the end."""
    parser = argparse.ArgumentParser(
        prog="folkmoot demo",
        description="Show one conversation across a real Matrix homeserver and two nodes, on this machine alone.",
    )
    parser.add_argument("--stay", action="store_true", help="keep everything running afterwards, until Ctrl-C")
    chosen = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without these signs still gets the words.
        sys.stdout.reconfigure(errors="replace")
    return asyncio.run(_perform(Telling(sys.stdout), stay=chosen.stay))


async def _perform(telling: Telling, *, stay: bool) -> int:
    """In a folder of its own, which is kept only when something went wrong."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    # Directly below the system's temporary folder: the path of a control socket must be short.
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="folkmoot-"))
    stage = Stage(folder)
    status = MISSING
    try:
        play = Play(stage, telling)
        status = ARRIVED if await _unless(stopping, stage, _show(stage, play, telling)) else INTERRUPTED
        if status == ARRIVED and stay:
            _point_at(stage, play, telling)
            await _unless(stopping, stage, stopping.wait())
        if stopping.is_set():
            telling.line()
            telling.note("Ending: the nodes finish what they have begun, then the homeserver stops.")
    except BridgeError as error:
        status = MISSING
        telling.cross(error.public)
        telling.line()
        telling.note(f"That did not work. {error.remedy or ''}".strip())
        telling.note(f"Everything is kept in {folder} for you to look at.")
    finally:
        await stage.close()
    if status != MISSING:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return status


async def _unless(stopping: asyncio.Event, stage: Stage, doing: Coroutine[Any, Any, object]) -> bool:
    """Does it, unless it is interrupted before the end. Raises what went wrong in it, and StageFailed when the stage gives way."""
    done, interrupted, gone = (asyncio.ensure_future(one) for one in (doing, stopping.wait(), stage.watch()))
    try:
        await asyncio.wait({done, interrupted, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (done, gone):
            if task.done():
                await task
        return done.done()
    finally:
        for task in (done, interrupted, gone):
            task.cancel()
        await asyncio.gather(done, interrupted, gone, return_exceptions=True)


async def _show(stage: Stage, play: Play, telling: Telling) -> None:
    started = time.monotonic()
    telling.line("Folkmoot: one conversation, from a Matrix room and from the fediverse.")
    telling.note("Everything here is real and runs on this machine alone; afterwards it is thrown away.")
    telling.heading("Setting up")
    telling.doing("starting a Matrix homeserver")
    await stage.start_homeserver(MATRIX_PEOPLE)
    telling.tick(f"a Matrix homeserver (Synapse) at {stage.homeserver.url}, with accounts for Ana, Bo, Chi and Eli")
    telling.doing("starting node A")
    await stage.start_a()
    telling.tick(f"node A at {stage.origins[0]}, the homeserver's bridge")
    telling.doing("starting node B")
    await stage.start_b()
    telling.tick(f"node B at {stage.origins[1]}, another server of the fediverse, where Lena and Tomas live")
    await play.perform()
    telling.line()
    telling.note(f"Everything arrived: {telling.ticks} ticks in {time.monotonic() - started:.0f} seconds.")


def _point_at(stage: Stage, play: Play, telling: Telling) -> None:
    """The addresses to look at while everything runs."""
    telling.heading("Look around")
    for what, where in (
        ("Matrix client", f"homeserver {stage.homeserver.url}, account ana, password ana"),
        ("the room", play.alias),
        ("the group", f"{stage.origins[0]}/@{GROUP}"),
        ("Ana, from afar", f"{stage.origins[0]}/@ana"),
        ("Lena, on node B", f"{stage.origins[1]}/@lena"),
        ("node A's health", f"{stage.origins[0]}/health/ready"),
        ("as its operator", f"{sys.executable} -m bridge --settings {stage.folder / 'a.toml'} events list"),
    ):
        telling.line(f"  {what:<17} {where}")
    telling.line()
    telling.note("Ctrl-C ends it and throws everything away.")
