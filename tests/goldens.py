"""Golden files: `tests/golden/<content>/<case>.<what>.json`, compared word for word.

`FOLKMOOT_UPDATE_GOLDENS=1` rewrites what differs; review reads the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

__all__ = ["GOLDEN", "beside", "compare", "name_of", "pretty"]

GOLDEN = Path(__file__).resolve().parent / "golden"
_UPDATE = bool(os.environ.get("FOLKMOOT_UPDATE_GOLDENS"))


def pretty(value: object) -> str:
    """JSON as it stands in a golden: keys in order, so that a difference is one of content."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode() + "\n"


def compare(path: Path, made: str) -> None:
    if _UPDATE and (not path.exists() or path.read_text() != made):
        path.write_text(made)
    assert path.read_text() == made, f"{path.name} differs"


def name_of(path: Path) -> str:
    """`message/plain`: how a test calls its case."""
    return f"{path.parent.name}/{path.name.partition('.')[0]}"


def beside(path: Path, what: str) -> Path:
    """Another file of the same case."""
    return path.with_name(f"{path.name.partition('.')[0]}.{what}.json")
