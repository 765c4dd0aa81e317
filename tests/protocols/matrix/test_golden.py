"""Every content type, both ways, against files that people can read: `tests/golden/<content>/<case>.…json`.

`case.matrix.json` is what a person's client sent; `case.event.json` the content it is for us, shared with the other protocols;
`case.matrix-sent.json` what we send for that content. `case.event-from-matrix.json` stands where reading loses something, so the list of
such files is the list of losses.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bridge.model.content import CONTENT_TYPES, Content
from bridge.model.item import Omission
from bridge.refs import Wire
from bridge.relay.degrade import is_web, pictured
from protocols.matrix.translate.emoji import FILE
from tests.goldens import GOLDEN, beside, compare, name_of, pretty
from tests.protocols.matrix.world import World, item, only

READ = sorted(GOLDEN.glob("*/*.matrix.json"))
SENT = sorted(GOLDEN.glob("*/*.matrix-sent.json"))
INTERNAL = {"appointment", "lock", "report", "restoration", "release", "notice", "sighting", "boost"}
"""Nothing a person sends on Matrix is read as one of these."""


@pytest.mark.parametrize("path", READ, ids=name_of)
def test_a_matrix_event_is_read_as_its_golden(path: Path) -> None:
    event = only(World().read(path.read_bytes()))
    lossy = beside(path, "event-from-matrix")
    compare(lossy if lossy.exists() else beside(path, "event"), pretty(event.content))


@pytest.mark.parametrize("path", SENT, ids=name_of)
def test_content_is_sent_as_its_golden(path: Path) -> None:
    content = msgspec.json.decode(beside(path, "event").read_bytes(), type=Content)
    world = World()
    world.documents |= {f"{FILE}{file.url}": f"mxc://hs.test/{file.name}".encode() for file in pictured(content) if is_web(file.url)}
    writing = world.write(item(content))
    match writing:
        case Wire(method=method, path=where, body=body, speaker=speaker):
            made = {"act": method, "at": where, "by": speaker.id if speaker else None, "content": msgspec.json.decode(body)}
        case Omission(code=code, text=told):
            made = {"omitted": code, "why": told}
        case _:
            raise AssertionError(writing)
    compare(path, pretty(made))


def test_every_content_type_has_a_golden_case() -> None:
    for kind in CONTENT_TYPES:
        tag = str(kind.__struct_config__.tag)  # type: ignore[attr-defined]
        sent, read = list((GOLDEN / tag).glob("*.matrix-sent.json")), list((GOLDEN / tag).glob("*.matrix.json"))
        assert sent, f"add tests/golden/{tag}/…matrix-sent.json"
        assert tag in INTERNAL or read, f"add tests/golden/{tag}/…matrix.json"
