"""Everything the bridge answers with: complete, used, short and kind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge import logs, moderation
from bridge.model.place import History, Join, Openness, Place, PlaceKind
from bridge.moderation.wording import NOTICES, counted, room_words
from tests.bridge.norms.test_wording import UNKIND, emoji
from tests.bridge.norms.town import CELLAR, COMMONS, PORCH, STUDIO

CODES = re.compile(
    r'"((?:cross|this|forget|leave|look|export|handle|grace|file|poll|unknown|hold|decide|room|which|report|case|appeal|why|knock|act)\.\w+|who|status|help)"'
)


def test_every_code_is_said_somewhere_and_every_said_code_has_words() -> None:
    said = set()
    room = Path(moderation.__file__).parent
    speaks = [
        *room.glob("*.py"),
        room.parent / "relay" / "orders.py",
        room.parent / "relay" / "knocks.py",
        room.parent / "relay" / "crossing.py",
        room.parent / "relay" / "losses.py",
        *(room.parent / "relay").glob("*case*.py"),
        room.parent / "relay" / "acts.py",
        room.parent / "relay" / "appeals.py",
        room.parent / "relay" / "moderationroom.py",
        room.parent / "administration.py",
    ]
    for file in speaks:
        if file.name not in {"wording.py", "act_wording.py", "case_wording.py"}:
            said |= set(CODES.findall(file.read_text()))
    assert said >= set(NOTICES)
    assert {code for code in said if "." in code} - set(logs.EVENTS) <= set(NOTICES)


@pytest.mark.parametrize("code", NOTICES)
def test_answers_are_short_kind_and_carry_one_emoji_at_most(code: str) -> None:
    text = NOTICES[code]
    assert len(text.split()) <= 60
    assert emoji(text) <= 1
    assert not UNKIND.search(text)


def test_who_can_read_a_room_is_said_in_words() -> None:
    assert room_words(COMMONS) == "Anyone on the web can read “Commons”, also what was said before."
    assert room_words(PORCH) == "Anyone can join “Porch” and read from then on."
    assert room_words(STUDIO) == "Only people who were let in read “Studio”."
    assert "encrypted" in room_words(CELLAR)
    nameless = Place(COMMONS.native, PlaceKind.ROOM, "", Openness(Join.PUBLIC, History.WORLD))
    assert room_words(nameless).startswith("Anyone on the web can read this room")


def test_one_is_not_many() -> None:
    assert (counted(1, "server", "servers"), counted(0, "server", "servers")) == ("1 server", "0 servers")
