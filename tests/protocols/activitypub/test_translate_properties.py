"""Nothing a peer can send raises; what we write is read back as it was; what real servers sent has a known meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model.actor import Actor, ActorKind
from bridge.model.content import Edit, Message
from bridge.model.content.message import Attachment, ContentNote, Location, Mention
from bridge.model.ids import ChannelId, CommunityId, ObjectId, event_id
from bridge.model.place import Channel, Place, PlaceKind
from bridge.model.record import Follow, KnownObject
from bridge.ports import Node
from bridge.refs import Awaits, Ignored, Needs, Read, Refs
from protocols.activitypub.ids import native
from protocols.activitypub.translate.actor import actor_from_document
from protocols.activitypub.translate.read import read_activity, read_object
from protocols.activitypub.translate.write import document_of
from protocols.richtext import from_html
from tests.protocols.activitypub.world import (
    ANA_GHOST,
    ANSWER,
    FAR,
    FAR_GROUP,
    GROUP,
    GUILD_POST,
    KIM,
    MINE,
    NOW,
    POST,
    PUBLIC,
    ROOT,
    SAM,
    World,
    born,
    item,
    only,
    sent,
    url_of,
)

# ----------------------------------------------------------------------------------------------------------- any document

URLS = st.sampled_from(
    [SAM.native.id, KIM.native.id, FAR_GROUP.id, GROUP.id, ANA_GHOST.native.id, PUBLIC, "as:Public", SAM.followers, url_of(ROOT), url_of(MINE),
     ANSWER.native.id, POST.native.id, GUILD_POST.native.id, "https://a.example/o/new", "https://b.example/o/new", "https://far.example/a/1", "",
     "https://moot.example/a/f", "https://[::1", "https://a.example/o/new#x", "not a url", "https://moot.example/c/", "https://moot.example/o/x"]
)  # fmt: skip
TYPES = st.sampled_from(
    ["Create", "Update", "Delete", "Undo", "Announce", "Like", "EmojiReact", "Follow", "Accept", "Reject", "Block", "Flag", "Note", "Page",
     "Question", "Video", "Article", "Person", "Group", "Tombstone", "Mention", "Hashtag", "Link", "Document", "Image", "Collection",
     "as:Note", "Dislike", ""]
)  # fmt: skip
NAMES = [
    "id",
    "type",
    "actor",
    "object",
    "attributedTo",
    "to",
    "cc",
    "audience",
    "inReplyTo",
    "tag",
    "url",
    "href",
    "name",
    "summary",
    "content",
]
NAMES += [
    "contentMap",
    "published",
    "updated",
    "attachment",
    "oneOf",
    "origin",
    "icon",
    "endpoints",
    "sensitive",
    "focalPoint",
    "duration",
    "quote",
]
NUMBERS = st.one_of(st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))
LEAVES = st.one_of(URLS, TYPES, st.none(), st.booleans(), NUMBERS, st.text(max_size=12))
HTML = st.sampled_from(
    ["<p>hi</p>", "<a href='https://moot.example/@commons' class='mention'>@commons</a>", "<br>", "2026-11-24T12:00:00Z", "PT1S"]
)
VALUES = st.recursive(
    st.one_of(LEAVES, HTML),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=8)),
    max_leaves=24,
)
DOCUMENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12)


def activity(base: dict[str, Any], kind: str, actor: Actor, inner: object) -> dict[str, Any]:
    return {**base, "id": f"https://{actor.host}/a/1", "type": kind, "actor": actor.native.id, "object": inner}


SIGNED = st.builds(activity, DOCUMENTS, TYPES, st.sampled_from([SAM, KIM, FAR]), st.one_of(URLS, DOCUMENTS, VALUES))


class Obliging(World):
    """Everything that is fetched is there."""

    def __init__(self, served: dict[str, Any]) -> None:
        super().__init__()
        self.served = served
        self.follows = [Follow(GROUP, FAR_GROUP, "https://moot.example/a/f", NOW)]

    def answer(self, need: Any) -> Any:
        if need.kind == "document":
            return msgspec.json.encode({**self.served, "id": need.key[0]})
        return super().answer(need)


@settings(max_examples=400)
@given(st.one_of(SIGNED, DOCUMENTS), DOCUMENTS)
def test_no_document_a_peer_can_send_raises(document: dict[str, Any], served: dict[str, Any]) -> None:
    signer = document.get("actor")
    reading = Obliging(served).read(msgspec.json.encode(document), signer if isinstance(signer, str) else None)
    assert isinstance(reading, (Read, Ignored, Awaits))
    if isinstance(reading, Ignored):
        assert reading.why


@given(st.binary(max_size=200))
def test_no_bytes_raise(body: bytes) -> None:
    assert isinstance(read_activity(body, SAM.native.id, Refs(), World().me, NOW), (Ignored, Needs))


@given(DOCUMENTS)
def test_no_document_is_an_actor_by_accident(document: dict[str, Any]) -> None:
    actor = actor_from_document(document)
    assert actor is None or (actor.route and actor.host)


# ----------------------------------------------------------------------------------------------------------- there and back

FAR_NODE = Node(domain="far.node", origin="https://far.node", secret=b"another secret of sixteen bytes!")
ANA_THERE = Actor(
    native=ANA_GHOST.native,
    handle="@ana_hs.test@moot.example",
    host="moot.example",
    name="Ana",
    followers=f"{ANA_GHOST.native.id}/followers",
)
THERE = Channel(ChannelId("there"), CommunityId("there"), (Place(GROUP, PlaceKind.FOREIGN_GROUP, "Commons"),))


class There(World):
    """Another node, whose community follows our group."""

    def __init__(self) -> None:
        super().__init__()
        self.me = FAR_NODE
        self.channels = {GROUP: THERE}
        self.actors = {
            actor.native: actor for actor in (ANA_THERE, SAM, KIM, msgspec.structs.replace(FAR, native=GROUP, kind=ActorKind.GROUP))
        }
        self.ghosts = []
        self.known = []
        for known in (ROOT, MINE):
            far = native(url_of(known))
            self.known.append(
                KnownObject(
                    id=ObjectId(event_id(FAR_NODE.secret, far)),
                    community=THERE.community,
                    channel=THERE.id,
                    native=far,
                    place=GROUP,
                    author=ANA_THERE.native,
                    kind="message",
                    audience=known.audience,
                )
            )


bits = st.sampled_from(
    ["<p>", "</p>", "<b>", "</b>", "<em>", "</em>", "<ul><li>", "</li></ul>", "<blockquote>", "</blockquote>", "<code>", "</code>", "<br>", "word ",
     "<a href='https://a.example/x'>", "<a href='https://a.example/@sam'>@sam", "</a>", "&amp;<", "https://b.example/z ", "😀",
     "<span data-spoiler='w'>", "</span>", "<pre>\n a\n</pre>"]
)  # fmt: skip
texts = st.lists(bits, min_size=1, max_size=14).map(
    lambda parts: from_html("".join(parts), mention=lambda href, _s, _c: SAM.native if href == "https://a.example/@sam" else None)
)
files = st.builds(
    Attachment,
    url=st.sampled_from(["https://media.moot.example/1", "https://media.moot.example/2"]),
    media_type=st.sampled_from(["image/png", "video/mp4", "audio/ogg"]),
    description=st.sampled_from(["", "A heron", "<b>&"]),
    width=st.just(4),
    height=st.just(3),
    duration=st.one_of(st.none(), st.sampled_from([0.5, 61.0, 3_600.25])),
    focus=st.one_of(st.none(), st.just((0.5, -1.0))),
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    text, mentions = draw(texts)
    unworded = [] if "data-spoiler" in text.html else [ContentNote()]
    """What is hidden in part gets a note of its own there, which stands for one without words."""
    note = draw(st.sampled_from([None, ContentNote("spiders & co"), *unworded]))
    attached = tuple(draw(st.lists(files, max_size=2)))
    return Message(
        text=text,
        mentions=mentions,
        language=draw(st.sampled_from([None, "en", "pt-BR"])) if text.html else None,
        title=draw(st.sampled_from([None, "A title"])),
        note=note,
        location=draw(
            st.sampled_from([None, None, Location("The <old> mill", 51.5, -0.125), Location("The mill"), Location("", -33.0, 151.2)])
        ),
        attachments=tuple(msgspec.structs.replace(file, sensitive=note is not None or "data-spoiler" in text.html) for file in attached),
    )


@given(messages())
def test_a_message_written_here_is_read_the_same_on_another_node(message: Message) -> None:
    """Direct, and through our group's wrap: what is served at the id is what counts."""
    here, there = World(), There()
    outgoing = item(message, "direct")
    refs = here.settled(lambda refs: _settled(refs, outgoing))
    there.serve(refs)
    for form in ("wrap", "boost"):
        event = only(there.read(sent(here.write(item(message, form))), GROUP.id))
        assert event.content == message
        assert event.provenance.node == "moot.example"


@given(messages())
def test_an_edit_written_here_is_read_the_same_on_another_node(message: Message) -> None:
    here, there = World(), There()
    content = Edit(MINE.id, message)
    there.serve(here.settled(lambda refs: _settled(refs, item(content, "direct"))))
    event = only(there.read(sent(here.write(item(content, "wrap"))), GROUP.id))
    assert event.content == Edit(there.known[1].id, message)


def _settled(refs: Refs, outgoing: Any) -> Any:
    made = document_of(outgoing.event, GROUP, refs, World().me)
    return Needs(tuple(refs.missing)) if refs.missing else made


def test_an_answer_written_here_keeps_its_place_on_another_node() -> None:
    here, there = World(), There()
    message = Message(
        from_html("Yes.", mention=lambda *_: None)[0], reply_to=MINE.id, thread=MINE.id, mentions=(Mention(SAM.native, "@sam"),)
    )
    there.serve(here.settled(lambda refs: _settled(refs, item(message, "direct"))))
    content = only(there.read(sent(here.write(item(message, "wrap"))), GROUP.id)).content
    root = there.known[1].id
    assert content == msgspec.structs.replace(message, reply_to=root, thread=root, mentions=(Mention(SAM.native, "@sam@a.example"),))


# -------------------------------------------------------------------------------------------------------- captured traffic

PEERS = Path(__file__).resolve().parents[2] / "peers"
CAPTURES = sorted(PEERS.glob("*/post-*.json"))
ALICE = native("https://gts1.test/c/alice")
"""What stands here for the account all of them were sent to: a community of ours."""

MEANINGS = {
    "snac/post-accept-follow--follow-gts1-to-snac": "membership",
    "snac/post-create-note--cw-snac-to-gts1": "addresses no community",
    "snac/post-create-note--delete-snac-to-gts1": "addresses no community",
    "snac/post-create-note--poll-snac-to-gts1": "addresses no community",
    "snac/post-create-note--private-snac-to-gts1": "message",
    "snac/post-create-note--public-snac-to-gts1": "addresses no community",
    "snac/post-create-note--vote-snac-to-gts1": "a vote in a poll",
    "snac/post-delete-tombstone--delete-snac-to-gts1": "remembered",
    "snac/post-follow--follow-snac-to-gts1": "membership",
    "snac/post-undo-follow--block-snac-to-gts1": "membership",
    "snac/post-update-note--edit-snac-to-gts1": "addresses no community",
    "snac/post-update-person--profile-snac-to-gts1": "profile",
    "takahe/post-accept-follow--follow-gts1-to-takahe": "membership",
    "takahe/post-announce--announce-takahe-to-gts1": "boost",
    "takahe/post-block--block-takahe-to-gts1": "Block",
    "takahe/post-create-note--cw-takahe-to-gts1": "addresses no community",
    "takahe/post-create-note--delete-takahe-to-gts1": "addresses no community",
    "takahe/post-create-note--direct-takahe-to-gts1": "command",
    "takahe/post-create-note--mention-takahe-to-gts1": "message",
    "takahe/post-create-note--private-takahe-to-gts1": "addresses no community",
    "takahe/post-create-note--public-takahe-to-gts1": "addresses no community",
    "takahe/post-create-note--reply-takahe-to-gts1": "message",
    "takahe/post-create-note--vote-takahe-to-gts1": "a vote in a poll",
    "takahe/post-create-question--poll-takahe-to-gts1": "addresses no community",
    "takahe/post-delete-note--delete-takahe-to-gts1": "remembered",
    "takahe/post-follow--follow-takahe-to-gts1": "membership",
    "takahe/post-like--like-takahe-to-gts1": "reaction",
    "takahe/post-reject-follow--block-takahe-to-gts1": "membership",
    "takahe/post-undo-announce--undo-announce-takahe-to-gts1": "retraction",
    "takahe/post-undo-block--undo-block-takahe-to-gts1": "Block",
    "takahe/post-undo-follow--block-takahe-to-gts1": "membership",
    "takahe/post-undo-like--undo-like-takahe-to-gts1": "retraction",
    "takahe/post-update-note--edit-takahe-to-gts1": "addresses no community",
    "takahe/post-update-person--profile-takahe-to-gts1": "profile",
}


class Captured(World):
    """The node the traffic was sent to: everything on gts1.test is ours, and Alice is a group; her statuses are known."""

    def __init__(self) -> None:
        super().__init__()
        self.me = Node("gts1.test", "https://gts1.test", b"the secret of the captured node!")
        self.channel = Channel(ChannelId("alice"), CommunityId("alice"), (Place(ALICE, PlaceKind.GROUP, "Alice"),))

    def answer(self, need: Any) -> Any:
        match need.kind, need.key:
            case "channel", (_, url):
                foreign = "snac.test" in url or "takahe.test" in url
                place = Place(native(url), PlaceKind.FOREIGN_GROUP if foreign else PlaceKind.GROUP)
                return msgspec.structs.replace(self.channel, places=(place,)) if "gts1.test" in url or self.following else None
            case "actor", (_, url):
                return Actor(native(url), "@somebody", "somewhere", followers=f"{url.rstrip('/')}/followers")
            case "object_at", (_, url):
                return born(native(url), SAM, place=ALICE, channel=self.channel) if "/statuses/" in url else None
            case "follow", (_, actor, target):
                return Follow(native(actor), native(target), self.request, NOW) if actor == ALICE.id else None
            case "document", _:
                return None
            case _:
                return super().answer(need)

    following = False
    request = ""


def body_of(path: Path) -> dict[str, Any]:
    capture: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    found = capture["request"].get("body_raw") or msgspec.json.encode(capture["body"])
    text = found if isinstance(found, str) else found.decode()
    document: dict[str, Any] = msgspec.json.decode(text.replace('https://gts1.test/users/alice"', f'{ALICE.id}"'))
    return document


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_real_servers_sent_has_its_known_meaning(path: Path) -> None:
    world = Captured()
    document = body_of(path)
    if document["type"] in {"Accept", "Reject"}:
        world.following = True
        world.request = document["object"]["id"]
    reading = world.read(document)
    expected = MEANINGS[f"{path.parent.name}/{path.stem}"]
    match reading:
        case Read(events=()):
            meaning = "remembered"
        case Read(events=(event, *_)):
            meaning = str(event.content.__struct_config__.tag)
        case Ignored(why=why, refused=refused):
            assert not refused, why
            meaning = why
        case _:
            meaning = repr(reading)
    assert expected in meaning, meaning


def test_every_capture_has_a_meaning() -> None:
    assert {f"{path.parent.name}/{path.stem}" for path in CAPTURES} == set(MEANINGS)


SHOWN = sorted(PEERS.glob("*/get-*.json"))
NO_TYPE = "Create: a thing without a type is not something said"
COLLECTION = "Create: a OrderedCollection is not something said"
FACES = {
    "snac/get-collectionpage-x": "Create: a CollectionPage is not something said",
    "snac/get-nodeinfo": NO_TYPE,
    "snac/get-note": "addresses no community here",
    "snac/get-orderedcollection-featured": COLLECTION,
    "snac/get-orderedcollection-followers": COLLECTION,
    "snac/get-orderedcollection-following": COLLECTION,
    "snac/get-orderedcollection-outbox": COLLECTION,
    "snac/get-person": "@sam@snac.test",
    "snac/get-webfinger": NO_TYPE,
    "takahe/get-application": "@__system__@takahe.test",
    "takahe/get-nodeinfo": NO_TYPE,
    "takahe/get-note": "@alice replyping",
    "takahe/get-orderedcollection-featured": COLLECTION,
    "takahe/get-orderedcollection-outbox": COLLECTION,
    "takahe/get-person": "@taka@takahe.test",
    "takahe/get-webfinger": NO_TYPE,
}
"""What was served to a GET: somebody by their handle, words as they are read, or why nothing of it is said."""


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_real_servers_showed_is_read_or_refused_by_name(path: Path) -> None:
    capture: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    document = capture["answer"].get("body") or capture.get("body")
    body = document.encode() if isinstance(document, str) else msgspec.json.encode(document)
    world = Captured()
    actor = actor_from_document(msgspec.json.decode(body))
    if actor is not None:
        meaning = actor.handle
    else:
        reading = world.settled(lambda refs: read_object(body, refs, world.me, NOW))
        match reading:
            case Read(events=(event,)) if isinstance(event.content, Message):
                meaning = event.content.text.plain
            case Ignored(why=why):
                meaning = why
            case _:
                meaning = repr(reading)
    assert FACES.get(f"{path.parent.name}/{path.stem}", "?") == meaning


def test_every_document_has_a_meaning() -> None:
    assert {f"{path.parent.name}/{path.stem}" for path in SHOWN} == set(FACES)
