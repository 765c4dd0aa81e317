"""What is in the repository, as git sees it: what is committed and what would be, never what is ignored."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def names() -> tuple[str, ...]:
    """Every file, as a path from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return tuple(sorted({name for name in listed if (ROOT / name).is_file()}))


@functools.cache
def modes() -> dict[str, str]:
    """Committed files and their modes, as `100644`."""
    listed = subprocess.run(["git", "ls-files", "--stage"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.partition("\t")[2]: line[:6] for line in listed}


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def texts() -> Iterator[tuple[str, str]]:
    """Every file that people wrote, with what is in it."""
    for name in names():
        try:
            yield name, text(name)
        except UnicodeDecodeError:
            continue


def modules(*rooms: str) -> list[str]:
    """Python files below these folders, scripts without an ending included."""
    scripts = {"deploy/demo", "tests/run"}
    return [name for name in names() if name.startswith(tuple(f"{room}/" for room in rooms)) and (name.endswith(".py") or name in scripts)]
