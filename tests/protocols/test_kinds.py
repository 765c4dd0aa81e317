"""Everything that people say and show every day has a golden in each direction; the live tests send these very files between real servers."""

from __future__ import annotations

import pytest

from tests.goldens import GOLDEN

KINDS = {
    "words": ("message/plain", "message/plain"),
    "formatted words": ("message/rich", "message/rich"),
    "an action": ("message/emote", None),
    "a hidden part": ("message/spoiler", "message/spoiler"),
    "a picture with its size, focal point and description": ("message/focused", "message/silent"),
    "a picture behind a content note": ("message/hidden_picture", "message/spider"),
    "a sensitive picture": ("message/hidden_picture", "message/sensitive"),
    "a film with its size and duration": ("message/film_from_room", "message/film"),
    "a recording": ("message/recording", "message/talk"),
    "a document": ("message/file", "message/plan"),
    "a sticker": ("message/sticker", None),
    "several files": (None, "message/attached"),
    "a custom emoji": ("message/blobcat_from_room", "message/blobcat"),
    "a hashtag": ("message/hashtags_from_room", "message/hashtags"),
    "a link": ("message/linked_from_room", "message/linked"),
    "a mention": ("message/mention", "message/mention"),
    "a name typed by hand": ("message/typed_name", None),
    "a language": ("message/german", "message/german"),
    "a place": ("message/place", "message/meeting"),
    "a poll": ("message/poll_from_room", "message/poll"),
    "a quotation of another post": (None, "message/quote"),
    "a post of a film": (None, "message/video"),
    "a post with a title": (None, "message/titled"),
    "an answer": ("message/reply", "message/reply"),
    "a thread": ("message/thread", "message/thread_reply"),
    "new words": ("edit/plain", "edit/theirs"),
    "a sign": ("reaction/emoji", "reaction/emoji"),
    "a sign with a picture": ("reaction/custom", "reaction/picture"),
    "taking back": ("retraction/own", "retraction/ghosts"),
    "a face": ("profile/name", "profile/ghost"),
}
"""What it is: the case that begins in the room, and the one that begins on the fediverse; None where only the other side has such a thing."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_content_has_a_golden_in_each_direction(kind: str) -> None:
    from_room, from_elsewhere = KINDS[kind]
    for case, endings in ((from_room, ("matrix", "event", "activity-sent")), (from_elsewhere, ("activity", "event", "matrix-sent"))):
        if case is not None:
            assert [ending for ending in endings if not (GOLDEN / f"{case}.{ending}.json").exists()] == []


def test_whatever_a_client_or_server_sent_here_is_also_passed_on() -> None:
    """A golden that is only read shows half of the way."""
    read = {path.with_suffix("").with_suffix("") for ending in ("matrix", "activity") for path in GOLDEN.glob(f"message/*.{ending}.json")}
    assert sorted(path.name for path in read if not list(path.parent.glob(f"{path.name}.*-sent.json"))) == []
