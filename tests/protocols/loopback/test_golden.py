"""Every content type, both ways, against files that people can read: `tests/golden/<content>/<case>.…json`.

`case.loopback.json` is what happened in a hall; `case.event.json` the content it is for us, shared with the other protocols;
`case.loopback-sent.json` what we ask the hall for. `case.event-from-loopback.json` stands where reading loses something.
`FOLKMOOT_UPDATE_GOLDENS=1` rewrites what differs; review reads the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from bridge.model.content import CONTENT_TYPES, Content
from bridge.model.item import Omission
from bridge.ports import Wire
from tests.protocols.loopback.world import World, item, only

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
UPDATE = bool(os.environ.get("FOLKMOOT_UPDATE_GOLDENS"))
READ = sorted(GOLDEN.glob("*/*.loopback.json"))
SENT = sorted(GOLDEN.glob("*/*.loopback-sent.json"))
NEVER_READ = {"notice", "release", "sighting"}
"""Nothing a person does in a hall means one of these."""


def pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode() + "\n"


def compare(path: Path, made: str) -> None:
    if UPDATE and (not path.exists() or path.read_text() != made):
        path.write_text(made)
    assert path.read_text() == made, f"{path.name} differs"


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name.partition('.')[0]}"


def beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name.partition('.')[0]}.{ending}.json")


@pytest.mark.parametrize("path", READ, ids=name_of)
def test_a_deed_is_read_as_its_golden(path: Path) -> None:
    event = only(World().read(path.read_bytes()))
    lossy = beside(path, "event-from-loopback")
    compare(lossy if lossy.exists() else beside(path, "event"), pretty(event.content))


@pytest.mark.parametrize("path", SENT, ids=name_of)
def test_content_is_sent_as_its_golden(path: Path) -> None:
    content = msgspec.json.decode(beside(path, "event").read_bytes(), type=Content)
    match World().write(item(content)):
        case Wire(method=method, path=where, body=body, speaker=speaker):
            made = {"do": method, "at": where, "by": speaker.id if speaker else None, "draft": msgspec.json.decode(body)}
        case Omission(code=code, text=told):
            made = {"omitted": code, "why": told}
        case other:
            raise AssertionError(other)
    compare(path, pretty(made))


def test_every_content_type_has_a_golden_case() -> None:
    for kind in CONTENT_TYPES:
        tag = str(kind.__struct_config__.tag)  # type: ignore[attr-defined]
        sent, read = list((GOLDEN / tag).glob("*.loopback-sent.json")), list((GOLDEN / tag).glob("*.loopback.json"))
        assert sent, f"add tests/golden/{tag}/….loopback-sent.json"
        assert tag in NEVER_READ or read, f"add tests/golden/{tag}/….loopback.json"
