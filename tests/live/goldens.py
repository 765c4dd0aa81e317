"""The goldens beside what really arrived: addresses, ids and times are numbered in the order they stand, all else must be the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

GOLDEN: Final = Path(__file__).resolve().parents[1] / "golden"
NODE: Final = "moot.example"
NEIGHBOUR: Final = "a.example"
"""The node, and the server of the person on the fediverse, as the goldens call them."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_NAMED: Final = re.compile(
    rf"(?P<own>https://{re.escape(NODE)}/[a-z]/)(?P<id>[^/\"\\#?]+)"
    rf"|(?P<file>https://(?:media\.)?{re.escape(NODE)}/media/[A-Za-z0-9_-]+|mxc://[^\s\"\\<]+)"
    rf"|(?P<theirs>https://(?:media\.)?{re.escape(NEIGHBOUR)}/[^\s\"\\<]+)"
    r"|(?P<event>\$[A-Za-z0-9_-]+)"
    r"|(?P<key>(?<=\")[a-z2-7]{26}(?=\"))"
)


def golden(case: str, ending: str) -> Any:
    """`golden("message/plain", "matrix")` reads `tests/golden/message/plain.matrix.json`."""
    return json.loads((GOLDEN / f"{case}.{ending}.json").read_text("utf-8"))


def cases(given: str, expected: str, kind: str = "message") -> list[str]:
    """The cases of one content type that have both forms."""
    names = sorted(path.name.removesuffix(f".{given}.json") for path in (GOLDEN / kind).glob(f"*.{given}.json"))
    return [f"{kind}/{name}" for name in names if (GOLDEN / kind / f"{name}.{expected}.json").exists()]


def leveled(document: Any, hosts: Mapping[str, str] | None = None) -> str:
    """The document as indented text that only says what a golden says. `hosts`: a real `127.0.0.1:40123` → its name in the goldens."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1)
    for host, name in (hosts or {}).items():
        text = text.replace(f"http://{host}", f"https://{name}").replace(host, name).replace(host.replace(":", "=3a"), name)
    text = _TIME.sub("(time)", text)
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        named = found["id"] or found[0]
        return f"{found['own'] or ''}({numbers.setdefault(named, len(numbers) + 1)})"

    return _NAMED.sub(number, text)
