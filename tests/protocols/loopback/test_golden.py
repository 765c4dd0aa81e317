"""Every content type, both ways, against files that people can read: `tests/golden/<content>/<case>.…json`.

`case.loopback.json` is what happened in a hall; `case.event.json` the content it is for us, shared with the other protocols;
`case.loopback-sent.json` what we ask the hall for. `case.event-from-loopback.json` stands where reading loses something.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bridge.model.content import CONTENT_TYPES, Content
from bridge.model.item import Omission
from bridge.refs import Wire
from tests.goldens import GOLDEN, beside, compare, name_of, pretty
from tests.protocols.loopback.world import World, item, only

READ = sorted(GOLDEN.glob("*/*.loopback.json"))
SENT = sorted(GOLDEN.glob("*/*.loopback-sent.json"))
NEVER_READ = {"appointment", "restoration", "notice", "release", "report", "sighting"}
"""Nothing a person does in a hall means one of these."""


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
