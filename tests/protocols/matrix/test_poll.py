"""A poll of the room arrives elsewhere as what is asked, what can be answered, and where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridge.model.content import Edit, Message
from bridge.model.place import History, Join, Openness, Place, PlaceKind
from bridge.refs import Ignored
from tests.protocols.matrix.world import CHANNEL, ROOM, World, matrix_event, only

STABLE = {
    "m.poll": {
        "question": {"m.text": [{"body": "<b>When?</b>", "mimetype": "text/html"}, {"body": "When?"}]},
        "answers": [
            {"m.id": "a", "m.text": [{"body": "Friday"}]},
            {"m.id": "b", "m.text": [{"body": ""}]},
            {"m.id": "c", "m.text": "Sunday"},
        ],
    }
}


def read(content: dict[str, Any], world: World | None = None, kind: str = "m.poll.start", **more: Any) -> Any:
    return (world or World()).read(matrix_event(kind, content, **more))


def test_both_forms_of_a_poll_are_read() -> None:
    message = only(read(STABLE)).content
    assert isinstance(message, Message)
    assert message.text.plain.startswith("When?\n\n- Friday\n- Sunday\n\nVote in the room (https://matrix.to/#/")


def test_a_poll_in_a_thread_is_in_the_thread() -> None:
    world = World()
    event = only(read({**STABLE, "m.relates_to": {"rel_type": "m.thread", "event_id": "$root"}}, world))
    assert isinstance(event.content, Message)
    assert event.content.thread == world.id_of("$root")


def test_the_way_to_a_poll_in_a_closed_room_is_told_to_nobody() -> None:
    world = World()
    closed = Place(ROOM, PlaceKind.ROOM, "Commons", Openness(Join.INVITE, History.SHARED))
    world.channels[ROOM] = msgspec.structs.replace(CHANNEL, places=(closed,))
    message = only(read(STABLE, world)).content
    assert isinstance(message, Message)
    assert message.text.plain.endswith("The vote is in the room.")


def test_a_poll_that_is_asked_anew_is_an_edit_by_its_author_alone() -> None:
    changed = {"m.relates_to": {"rel_type": "m.replace", "event_id": "$mine"}, "m.new_content": STABLE}
    edit = only(read(changed)).content
    assert isinstance(edit, Edit)
    assert "Friday" in edit.message.text.plain
    refused = read(changed, sender="@eli:hs.test")
    assert isinstance(refused, Ignored)
    assert refused.refused


@pytest.mark.parametrize(
    "content", [{}, {"m.poll": "x"}, {"m.poll": {"question": 1, "answers": {}}}, {"m.poll": {"question": {"body": " "}}}]
)
def test_a_poll_that_asks_nothing_is_passed_over(content: dict[str, Any]) -> None:
    assert isinstance(read(content), Ignored)
