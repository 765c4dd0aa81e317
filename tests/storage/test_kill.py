"""kill -9 in mid-stream: everything acknowledged is there, in order, once (engine.md section 12)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bridge.streams import Stream
from storage import open_store
from tests.conformance.homes import SECRET

WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from bridge.streams import Intake
from storage import open_store

async def main():
    store = open_store(sys.argv[1], bytes.fromhex(sys.argv[2]))
    async def write(lane):
        for n in range(100000):
            await store.journal.accept([Intake(f"{lane}-{sys.argv[3]}-{n}", str(lane), "matrix", "event", b"x" * 500, datetime.now(UTC))])
            sys.stdout.write(f"{lane}-{sys.argv[3]}-{n}\\n")
            sys.stdout.flush()
    await asyncio.gather(*(write(lane) for lane in range(4)))

asyncio.run(main())
"""


@pytest.mark.faults
async def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "folkmoot.sqlite"
    acknowledged: list[str] = []
    for life in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), SECRET.hex(), str(life)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        acknowledged += [writer.stdout.readline().strip() for _ in range(300 * (life + 1))]
        writer.kill()
        acknowledged += [line.strip() for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()

    store = open_store(path, SECRET)
    found: list[str] = []
    for lane in await store.journal.pending(Stream.INTAKE):
        keys = [entry.intake.key for entry in await store.journal.read_intake(lane, 10**6)]
        for life in range(3):
            mine = [int(key.rsplit("-", 1)[1]) for key in keys if key.startswith(f"{lane}-{life}-")]
            assert mine == list(range(len(mine))), "in order, without a hole"
        found += keys
    await store.close()
    assert len(acknowledged) > 1500
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
