"""A custom emoji is a tag of the type `Emoji` with a picture, called `:name:` in the text; so it is here.

FEP-9098, activitypub.md 3.4. GoToSocial 0.20 reads none without an id, so ours have the address of their picture, which is theirs alone.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.model.content.message import Emoji
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import Document

__all__ = ["MOST_EMOJIS", "read_emojis", "write_emoji"]

MOST_EMOJIS: Final = 20
"""Of one message; further ones are their names."""

_NAME = re.compile(r":?([A-Za-z0-9_]{1,100}):?")
_MEDIA_TYPE = re.compile(r"image/[a-z0-9.+-]{1,80}")


def read_emojis(said: Thing, *texts: str) -> tuple[Emoji, ...]:
    """Those that are called in one of the texts: servers send tags for others too."""
    found: dict[str, Emoji] = {}
    for tag in said.tagged("Emoji"):
        named, icon = _NAME.fullmatch(tag.text("name").strip()), tag.thing("icon")
        url = (icon.one_id("url") or icon.text("href")) if icon else ""
        if named is None or icon is None or not url.startswith(("https://", "http://")) or len(url) > 2_048:
            continue
        if named[1] in found or not any(f":{named[1]}:" in text for text in texts):
            continue
        media_type = icon.text("mediaType").lower()
        found[named[1]] = Emoji(named[1], url, media_type if _MEDIA_TYPE.fullmatch(media_type) else "")
        if len(found) == MOST_EMOJIS:
            break
    return tuple(found.values())


def write_emoji(emoji: Emoji) -> Document | None:
    """None where others cannot fetch its picture: they see its name."""
    if not emoji.url.startswith(("https://", "http://")):
        return None
    icon: Document = {"type": "Image", "url": emoji.url}
    if emoji.media_type:
        icon["mediaType"] = emoji.media_type
    return {"type": "Emoji", "id": emoji.url, "name": f":{emoji.name}:", "icon": icon}
