"""Everything a hall can carry comes back as it was: read(write(content)) == content; and nothing a hall could tell makes reading fail."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.content import Content, Message
from bridge.model.content.boost import Boost
from bridge.model.content.edit import Edit
from bridge.model.content.membership import Change, Membership
from bridge.model.content.message import Attachment, ContentNote, Emoji, Location, Manner
from bridge.model.content.profile import Profile
from bridge.model.content.reaction import Reaction
from bridge.model.content.retraction import Retraction
from bridge.model.ids import Native
from bridge.refs import Ignored, Read, Wire
from protocols.loopback.wire import Account, Deed, decode
from protocols.loopback.wire import Draft as _Draft
from protocols.richtext import from_html
from tests.protocols.loopback.world import ELI, GROUP, HALL, LENA, ME, NOW, SAM, World, item, only

WORLD = World()
PEOPLE = (SAM.native, ELI.native, LENA.native)
_TAGS = ("b", "em", "code", "u", "del", "p", "blockquote", "ul", "li", "h2", "pre", "span data-spoiler='x'", "table", "tr", "td")


def _wrap(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(_TAGS), st.lists(inside, min_size=1, max_size=3)).map(
        lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0].split()[0]}>"
    )


_leaf = st.one_of(
    st.text(min_size=1, max_size=30),
    st.sampled_from(("<br>", "<hr>", "https://example.org/a?b=c&d", "<a href='https://example.org/x'>there</a>")),
    st.sampled_from([f"<a href='{person.id}'>{name}</a>" for person, name in zip(PEOPLE, ("Sam", "Eli", "Lena"), strict=True)]),
)
_html = st.lists(st.recursive(_leaf, _wrap, max_leaves=8), min_size=1, max_size=4).map("".join)
_lines = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Cn")), max_size=40).map(lambda text: " ".join(text.split()))
_files = st.builds(
    Attachment,
    url=st.sampled_from(("https://media.example/1.png", "https://media.example/a%20b")),
    media_type=st.sampled_from(("image/png", "video/mp4")),
    description=st.text(max_size=20),
    width=st.none() | st.integers(0, 9000),
    focus=st.none() | st.just((0.25, -0.5)),
)

_emojis = st.builds(
    Emoji, name=st.sampled_from(("blob", "cat_2")), url=st.just("https://media.example/e.png"), media_type=st.just("image/png")
)


def _named(href: str, _shown: str, _classes: str) -> Native | None:
    return next((person for person in PEOPLE if person.id == href), None)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    text, mentions = from_html(draw(_html), mention=_named)
    if not text or text.plain.lstrip().startswith(("!", "@moot", "moot")):
        text, mentions = from_html("something", mention=_named)
    root, answer = WORLD.ids["root"], WORLD.ids["answer"]
    thread, reply_to = draw(st.sampled_from(((None, None), (root, root), (root, answer))))
    return Message(
        text=text,
        mentions=mentions,
        thread=thread,
        reply_to=reply_to,
        language=draw(st.sampled_from((None, "en", "pt-BR"))),
        title=draw(st.none() | _lines.filter(bool)),
        note=draw(st.none() | st.builds(ContentNote, text=_lines, sensitive=st.booleans())),
        attachments=draw(st.lists(_files, max_size=3).map(tuple)),
        manner=draw(st.sampled_from(Manner)),
        emojis=draw(st.lists(_emojis, max_size=3).map(tuple)),
        location=draw(
            st.none() | st.builds(Location, name=_lines, latitude=st.none() | st.floats(-90, 90), longitude=st.none() | st.just(0.5))
        ),
        poll=draw(st.booleans()),
    )


def back(content: Content) -> Content:
    """What a person here would have had to do for us to read what we wrote."""
    wire = WORLD.write(item(content))
    assert isinstance(wire, Wire), wire
    act = decode(wire.body, _Draft).act
    return only(WORLD.read(Deed("new", wire.path, Account("lena", "Lena"), NOW, act))).content


@given(messages())
def test_a_message_comes_back_whole(message: Message) -> None:
    assert back(message) == message


@given(messages())
def test_an_edit_comes_back_whole(message: Message) -> None:
    new = Edit(target=WORLD.ids["mine"], message=msgspec.structs.replace(message, reply_to=None, thread=None))
    assert back(new) == new


@given(_lines.filter(bool), st.none() | _emojis)
def test_a_reaction_comes_back_whole(key: str, emoji: Emoji | None) -> None:
    reaction = Reaction(target=WORLD.ids["post"], key=key, emoji=emoji)
    if len(key.encode()) <= 100:
        assert back(reaction) == reaction


@given(_lines, st.sampled_from(("mine", "post", "sign")))
def test_a_retraction_comes_back_whole(reason: str, of: str) -> None:
    content = Retraction(target=WORLD.ids[of], reason=reason, moderator=of == "post")
    assert back(content) == content


@given(st.sampled_from(("root", "post", "answer")))
def test_a_boost_comes_back_whole(of: str) -> None:
    assert back(Boost(WORLD.ids[of])) == Boost(WORLD.ids[of])


@given(st.sampled_from((Change.FOLLOW, Change.JOIN, Change.LEAVE)), st.sampled_from((GROUP, HALL)))
def test_coming_and_going_comes_back_whole(change: Change, target: Native) -> None:
    content = Membership(change, subject=SAM.native, target=target)
    assert back(content) == content


@given(_lines.filter(bool), st.booleans())
def test_a_face_keeps_its_name(name: str, ended: bool) -> None:
    wire = WORLD.write(item(Profile(msgspec.structs.replace(SAM, name=name), ended)))
    assert isinstance(wire, Wire)
    act = decode(wire.body, _Draft).act
    seen = only(WORLD.read(Deed("new", HALL.id, Account("lena"), NOW, msgspec.structs.replace(act, account=Account("lena", name))))).content
    assert seen == Profile(msgspec.structs.replace(LENA, name=name), ended)


_deeds = st.builds(Deed, at=st.datetimes(timezones=st.timezones()))


@given(_deeds)
def test_whatever_a_hall_tells_is_read_or_ignored_with_a_reason(deed: Deed) -> None:
    reading = WORLD.read(msgspec.structs.replace(deed, room=HALL.id, by=msgspec.structs.replace(deed.by, id="lena")))
    assert isinstance(reading, Read) or (isinstance(reading, Ignored) and reading.why)


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_refused_and_not_raised(body: bytes) -> None:
    reading = WORLD.read(body)
    assert isinstance(reading, Ignored)
    assert reading.refused


def test_the_same_item_gives_the_same_bytes() -> None:
    text, mentions = from_html(f"<p>Hello <a href='{SAM.native.id}'>Sam</a></p>", mention=_named)
    one, other = (WORLD.write(item(Message(text=text, mentions=mentions))) for _ in range(2))
    assert one == other
    assert ME.domain.encode() in one.body  # type: ignore[union-attr]
