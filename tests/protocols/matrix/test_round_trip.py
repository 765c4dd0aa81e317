"""What a room can carry comes back as it was: read(write(content)) == content."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.content import Content
from bridge.model.content.edit import Edit
from bridge.model.content.message import ContentNote, Manner, Mention, Message
from bridge.model.content.reaction import Reaction
from bridge.model.content.retraction import Retraction
from bridge.model.ids import Native
from bridge.refs import Wire
from protocols.matrix.capabilities import MOST_CONTENT
from protocols.matrix.wire import MARK
from protocols.richtext import from_html
from tests.protocols.matrix.world import ELI, SAM, World, item, matrix_event, only

WORLD = World()
PEOPLE = (SAM.native, ELI.native)
_TAGS = ("b", "em", "code", "u", "del", "p", "blockquote", "ul", "li", "h2", "pre", "span data-mx-spoiler='x'", "table", "tr", "td")


def _wrap(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag.split()[0]}>", st.sampled_from(_TAGS), st.lists(inside, min_size=1, max_size=3)
    )


_leaf = st.one_of(
    st.text(min_size=1, max_size=40),
    st.sampled_from(("<br>", "<hr>", "https://example.org/a?b=c&d", "<a href='https://example.org/x'>there</a>")),
    st.sampled_from([f"<a href='{person.id}'>{name}</a>" for person, name in zip(PEOPLE, ("Sam", "Eli"), strict=True)]),
)
_html = st.lists(st.recursive(_leaf, _wrap, max_leaves=8), min_size=1, max_size=4).map("".join)


def _named(href: str, _shown: str, _classes: str) -> Native | None:
    return next((person for person in PEOPLE if person.id == href), None)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    text, mentions = from_html(draw(_html), mention=_named)
    if not text:
        text, mentions = from_html("something", mention=_named)
    root, answer = WORLD.id_of("$root"), WORLD.id_of("$answer")
    thread, reply_to = draw(st.sampled_from(((None, None), (root, root), (root, answer))))
    reason = " ".join(draw(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=60)).split())
    note = draw(st.sampled_from((None, ContentNote(text=reason))))
    manner = draw(st.sampled_from(Manner))
    return Message(text=text, mentions=mentions, thread=thread, reply_to=reply_to, note=note, manner=manner)


def back(content: Content) -> Content:
    """What a person's client would have had to send for us to read what we wrote."""
    wire = WORLD.write(item(content))
    assert isinstance(wire, Wire)
    sent: dict[str, Any] = msgspec.json.decode(wire.body)
    assert len(wire.body) <= MOST_CONTENT + 2_000
    del sent[MARK]
    if wire.method == "redact":
        return only(WORLD.read(matrix_event("m.room.redaction", {**sent, "redacts": wire.path}))).content
    return only(WORLD.read(matrix_event(wire.path, sent))).content


def shown(message: Message) -> bool:
    """Is it words for people? `!who` is read as a command, a reply that opens with a quotation is not told from a client's own, and a
    message that is all spoiler is one with a content note."""
    if message.text.html.startswith("<p><span data-spoiler") and message.text.html.endswith("</span></p>") and message.note is None:
        return False
    return not message.text.plain.lstrip().startswith(("!", "@", ">", "moot"))


@given(messages().filter(shown))
def test_a_message_comes_back_whole(message: Message) -> None:
    assert back(message) == message


@given(messages().filter(shown))
def test_an_edit_comes_back_whole(message: Message) -> None:
    place = WORLD.known["$mine"]
    new = msgspec.structs.replace(message, reply_to=place.reply_to, thread=place.thread)
    assert back(Edit(target=place.id, message=new)) == Edit(target=place.id, message=new)


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn")), min_size=1, max_size=20))
def test_a_reaction_comes_back_whole(key: str) -> None:
    reaction = Reaction(target=WORLD.id_of("$post"), key=key)
    if not key.startswith("mxc://") and key.strip("\ufeff\ufffe") == key and "\ufeff" not in key:
        assert back(reaction) == reaction


@pytest.mark.parametrize("copy", ["$mine", "$post"])
def test_a_retraction_comes_back_whole(copy: str) -> None:
    content = Retraction(target=WORLD.id_of(copy), reason="a slip", moderator=copy == "$post")
    assert back(content) == content


def test_the_longest_words_fit_into_an_edit_that_carries_them_twice() -> None:
    for letter in ('"', "\\", "x", "é", "🎉"):
        text, _ = from_html(letter * (12_000 // len(letter.encode())), mention=_named)
        wire = WORLD.write(item(Edit(target=WORLD.id_of("$mine"), message=Message(text=text))))
        assert isinstance(wire, Wire)
        assert len(wire.body) < 64_000
        wire = WORLD.write(item(Message(text=text, mentions=(Mention(SAM.native, "Sam"),))))
        assert isinstance(wire, Wire)
        assert len(wire.body) < 64_000
