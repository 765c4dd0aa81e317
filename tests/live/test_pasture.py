"""What the fediverse pasture finds of us: its six actors reach a group, and each of its examples is read or refused by name.

The list of readings is `pasture-readings.json`; `FOLKMOOT_UPDATE_GOLDENS=1` rewrites it, and review reads the difference.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.model.actor import Actor
from bridge.model.content import Edit, Message
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import native
from tests.goldens import compare, pretty
from tests.live.node import FolkmootNode
from tests.live.pasture import ACTORS, Pasture, examples
from tests.protocols.activitypub.world import GROUP, PUBLIC, World

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

READINGS = Path(__file__).parent / "pasture-readings.json"
SENDER = "http://pasture-one-actor/actor"


async def test_all_six_actors_of_the_pasture_can_speak_with_a_group_or_must_not(tmp_path: Path) -> None:
    """alice and dean do not sign: they may read and must not post. claire and frank show themselves only to those who sign."""
    async with Pasture(tmp_path / "pasture") as pasture:
        node = await asyncio.to_thread(FolkmootNode.found, tmp_path / "node", peers=[pasture.origin])
        async with node:
            async with node.operations() as operations:
                await operations.community_create(handle="commons", name="The Commons")
            result, words = await pasture.verdict(node.handle("commons"))
    assert result == {
        **{name: {"get_actor": True, "post_inbox": name not in {"alice", "dean"}} for name in ACTORS},
        "webfinger": True,
    }, words


class Meadow(World):
    """The pasture's actor is known; nothing else can be fetched."""

    def answer(self, need: Any) -> Any:
        if need.kind == "actor" and need.key[1].startswith("http"):
            url = need.key[1]
            return Actor(native(url), f"@{url.rpartition('/')[2]}@pasture-one-actor", "pasture-one-actor", route=f"{url}/inbox")
        if need.kind == "object_at" and need.key[1].startswith("http://pasture"):
            return None
        return super().answer(need)


def activity(example: dict[str, Any], number: int) -> dict[str, Any]:
    """As the pasture sends it: a public Note that mentions whoever it is sent to, under the members of the example."""
    note: dict[str, Any] = {
        "type": "Note",
        "attributedTo": SENDER,
        "to": [PUBLIC],
        "id": f"{SENDER}/object/{number}",
        "published": "2026-11-24T11:59:00Z",
        **example,
    }
    note = {name: value for name, value in note.items() if value is not None}
    note["to"] = [*(note["to"] if isinstance(note.get("to"), list) else [note["to"]] if "to" in note else []), GROUP.id]
    context = note.get("@context", ["https://www.w3.org/ns/activitystreams", {"Hashtag": "as:Hashtag", "sensitive": "as:sensitive"}])
    made = {"@context": context, "type": "Create", "actor": SENDER, "id": f"{SENDER}/activity/{number}", "object": note}
    return {**made, "to": note["to"], "published": "2026-11-24T11:59:00Z"}


def shown(reading: Reading) -> object:
    """What people would see, or why there is nothing."""
    if isinstance(reading, Ignored):
        return {"refused" if reading.refused else "left out": reading.why}
    assert isinstance(reading, Read), reading
    content = reading.events[-1].content
    message = content.message if isinstance(content, Edit) else content
    if not isinstance(message, Message):
        return {str(content.__struct_config__.tag): msgspec.to_builtins(content)}
    seen: dict[str, object] = {"words": message.text.plain}
    if message.text.html != f"<p>{message.text.plain}</p>":
        seen["html"] = message.text.html
    if message.title:
        seen["title"] = message.title
    if message.note is not None:
        seen["behind"] = message.note.text
    if message.language:
        seen["language"] = message.language
    if message.mentions:
        seen["mentions"] = [mention.actor.id for mention in message.mentions]
    if message.attachments:
        seen["files"] = [
            f"{one.media_type} {one.description} {'(covered)' if one.sensitive else ''}".strip() for one in message.attachments
        ]
    return seen


def test_every_example_of_the_pasture_is_read_or_refused_by_name() -> None:
    """fediverse-pasture-inputs 0.3.0: 22 families, 262 examples."""
    readings: dict[str, list[object]] = {}
    for family, members in examples().items():
        readings[family] = [shown(Meadow().read(activity(example, number))) for number, example in enumerate(members, 1)]
    assert (len(readings), sum(map(len, readings.values()))) == (22, 262)
    compare(READINGS, pretty(readings))
