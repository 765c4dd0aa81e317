"""Every content type that crosses, both ways, against files that people can read: `tests/golden/<content>/<case>.…json`.

`case.activity.json` is what another server sends (with `documents` that its server would serve, where it has to be asked);
`case.event.json` the content it is for us, shared with the other protocols; `case.activity-sent.json` what we send for that content, in
every form the group's capabilities name. `case.event-from-activity.json` stands where reading loses something, so the list of such files is
the list of losses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.media.inspection import ENDINGS, SHOWN
from bridge.model.content import CONTENT_TYPES, Content, Profile, Report, Retraction, tag_of
from bridge.model.content.membership import Membership
from bridge.model.content.notice import Notice
from bridge.model.item import Omission
from bridge.refs import Wire
from bridge.relay.degrade import degrade, is_web, pictured
from protocols.activitypub.capabilities import FOREIGN, OURS
from tests.goldens import GOLDEN, beside, compare, name_of, pretty
from tests.protocols.activitypub.world import FAR_GROUP, GROUP, SAM, World, item, only

READ = sorted(GOLDEN.glob("*/*.activity.json"))
SENT = sorted(GOLDEN.glob("*/*.activity-sent.json"))
NEVER_READ = {"notice", "release", "setting", "sighting"}
"""Nothing a peer sends means one of these."""
NEVER_SENT = {"boost", "command", "release", "setting", "sighting"}
"""No form of ours: nobody hears our people's boosts, the rest never leaves the house."""


def kept(content: Content) -> Content:
    """As the relay hands it over: pictures, films and recordings of the room have addresses that others can fetch."""
    files = {}
    for file in pictured(content):
        kind = file.media_type or "image/png"
        if not is_web(file.url) and kind in SHOWN:
            url = f"https://media.moot.example/media/{file.url.rpartition('/')[2]}.{ENDINGS[kind]}"
            files[file.url] = msgspec.structs.replace(file, url=url, media_type=kind)
    return degrade(content, OURS, "https://matrix.to/#/!commons/$new?via=hs.test", files)


@pytest.mark.parametrize("path", READ, ids=name_of)
def test_an_activity_is_read_as_its_golden(path: Path) -> None:
    world = World()
    golden: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    for document in golden.pop("documents", []):
        world.serve(document)
    event = only(world.read(golden))
    lossy = beside(path, "event-from-activity")
    compare(lossy if lossy.exists() else beside(path, "event"), pretty(event.content))


@pytest.mark.parametrize("path", SENT, ids=name_of)
def test_content_is_sent_as_its_golden(path: Path) -> None:
    content = kept(msgspec.json.decode(beside(path, "event").read_bytes(), type=Content))
    far = isinstance(content, Membership) and content.target == FAR_GROUP
    ends = isinstance(content, Profile) and content.ended
    removes = isinstance(content, Retraction) and content.moderator
    carries = (FOREIGN if far else OURS).carries.get(tag_of(content), ())
    forms = (
        ["report"] if isinstance(content, Report) else [carry.form for carry in carries if carry.ends is ends and carry.removes <= removes]
    )
    made: dict[str, object] = {}
    for form in forms:
        asked = isinstance(content, (Membership, Notice)) and not far
        writing = World().write(item(content, form, **({"author": SAM} if asked else {}), place=FAR_GROUP if far else GROUP))
        match writing:
            case Wire(body=body, speaker=speaker):
                made[form] = {"by": speaker.id if speaker else None, "activity": msgspec.json.decode(body)}
            case Omission(code=code, text=told):
                made[form] = {"omitted": code, "why": told}
            case _:
                raise AssertionError(writing)
    compare(path, pretty(made))


def test_every_content_type_that_crosses_has_a_golden_case() -> None:
    for kind in CONTENT_TYPES:
        tag = str(kind.__struct_config__.tag)  # type: ignore[attr-defined]
        read, sent = list((GOLDEN / tag).glob("*.activity.json")), list((GOLDEN / tag).glob("*.activity-sent.json"))
        assert tag in NEVER_READ or read, f"add tests/golden/{tag}/….activity.json"
        assert tag in NEVER_SENT or sent, f"add tests/golden/{tag}/….activity-sent.json"
