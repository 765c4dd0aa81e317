"""What this node says about itself is what every peer can parse, and says no more of a person than they agreed to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.model.actor import Mark
from bridge.model.ids import LOOPBACK, Native
from protocols.activitypub.capabilities import federation_table
from protocols.activitypub.documents import (
    PublicKeys,
    ResourceKind,
    Usage,
    context_collection,
    featured,
    followers,
    group_actor,
    host_meta,
    instance_actor,
    jrd,
    moderators,
    node_jrd,
    nodeinfo,
    nodeinfo_links,
    outbox,
    person_actor,
    read_resource,
    replies,
    tombstone,
)
from protocols.activitypub.translate.actor import actor_from_document
from protocols.activitypub.wire import clamped, encode, moment_of, stamp
from tests.protocols.activitypub.world import ANA_GHOST, COMMUNITY, GROUP, GROUP_GHOST, ME, NOW

KEYS = PublicKeys("-----BEGIN PUBLIC KEY-----\n…", "z6Mkabc")
INSTANCE = instance_actor(ME, KEYS)
CHAT = "https://matrix.to/#/#commons:hs.test"
COMMONS = group_actor(ME, GROUP_GHOST, COMMUNITY, KEYS, chat=CHAT, updated=NOW)
PERSON = person_actor(ME, ANA_GHOST, KEYS, address="@ana:hs.test", group=GROUP_GHOST)
ACTORS = [INSTANCE, COMMONS, PERSON]


@pytest.mark.parametrize("actor", ACTORS, ids=["instance", "group", "person"])
def test_every_actor_has_what_every_peer_needs(actor: dict[str, Any]) -> None:
    for name in ("id", "type", "preferredUsername", "inbox", "outbox", "url", "name", "summary"):
        assert isinstance(actor[name], str), name
    assert actor["publicKey"] == {"id": f"{actor['id']}#main-key", "owner": actor["id"], "publicKeyPem": KEYS.rsa}, (
        "snac compares it with the actor"
    )
    assert actor["assertionMethod"][0]["id"] == f"{actor['id']}#ed25519-key"
    assert actor["endpoints"] == {"sharedInbox": "https://moot.example/inbox"}, "PieFed sends group traffic there"
    assert all(str(actor[name]).startswith("https://moot.example/") for name in ("id", "inbox", "outbox", "url"))
    assert actor["id"] == str(actor["id"]).lower()
    assert "#" not in actor["id"]
    read = actor_from_document(actor)
    assert read is not None
    assert read.shared_route == "https://moot.example/inbox"


def test_trap_10_webfinger_names_the_actor_byte_for_byte() -> None:
    for ghost, actor in ((GROUP_GHOST, COMMONS), (ANA_GHOST, PERSON)):
        links = [link for link in jrd(ME, ghost)["links"] if link["rel"] == "self"]  # type: ignore[attr-defined]
        assert links == [{"rel": "self", "type": "application/activity+json", "href": actor["id"]}]
        assert jrd(ME, ghost)["subject"] == f"acct:{actor['preferredUsername']}@moot.example" == f"acct:{actor['webfinger']}"


def test_trap_17_a_group_lets_everybody_follow() -> None:
    assert COMMONS["manuallyApprovesFollowers"] is False


def test_a_group_names_its_moderators_from_the_first_contact() -> None:
    """PieFed 1.6 ignored a community's moderation for ever when this was missing."""
    assert COMMONS["attributedTo"] == COMMONS["moderators"] == f"{GROUP.id}/moderators"
    collection = moderators(GROUP.id, ["https://moot.example/u/ana"])
    assert (collection["type"], collection["orderedItems"]) == ("OrderedCollection", ["https://moot.example/u/ana"])


def test_the_room_is_named_only_when_it_is_public() -> None:
    assert {"type": "Link", "rel": "discussion", "href": CHAT, "name": "Matrix room"} in COMMONS["attachment"]  # type: ignore[operator]
    assert "matrix.to" not in encode(group_actor(ME, GROUP_GHOST, COMMUNITY, KEYS)).decode()


def test_a_person_says_that_they_are_bridged_by_whom_and_how_to_object() -> None:
    summary = str(PERSON["summary"])
    for word in ("@ana:hs.test", "Matrix", "bridge of @commons@moot.example", "hashtag “nobridge”"):
        assert word in summary
    assert {"type": "PropertyValue", "name": "Matrix", "value": "@ana:hs.test"} in PERSON["attachment"]  # type: ignore[operator]
    assert (PERSON["indexable"], PERSON["discoverable"]) == (False, False)
    local = person_actor(ME, msgspec.structs.replace(ANA_GHOST, of=Native(LOOPBACK, "cy")), KEYS, address="cy")
    assert "Matrix" not in encode(local).decode()


def test_our_own_profiles_are_not_read_as_a_wish_not_to_be_bridged() -> None:
    """The hint how to object once said the hashtag itself, and another node kept every answer of that person at home."""
    for document in (PERSON, COMMONS):
        actor = actor_from_document(msgspec.json.decode(encode(document)))
        assert actor is not None
        assert not actor.marks & {Mark.NOBRIDGE, Mark.NOBOT}


def test_names_cannot_carry_markup() -> None:
    evil = msgspec.structs.replace(COMMUNITY, about='<script>alert(1)</script><p onclick="x">tools</p>')
    assert "script" not in str(group_actor(ME, GROUP_GHOST, evil, KEYS)["summary"])
    shown = person_actor(ME, ANA_GHOST, KEYS, address="@<b>:hs.test")
    assert "<b>" not in str(shown["summary"]) + str(shown["attachment"])


@pytest.mark.parametrize(
    ("resource", "kind", "value"),
    [
        ("acct:commons@moot.example", ResourceKind.HANDLE, "commons"),
        ("acct:Commons@MOOT.example", ResourceKind.HANDLE, "commons"),
        ("commons@moot.example", ResourceKind.HANDLE, "commons"),
        ("@commons@moot.example", ResourceKind.HANDLE, "commons"),
        ("acct:%40commons@moot.example", ResourceKind.HANDLE, "commons"),
        ("https://moot.example/@commons", ResourceKind.HANDLE, "commons"),
        ("https://moot.example/c/commons", ResourceKind.ACTOR, "https://moot.example/c/commons"),
        ("https://moot.example/", ResourceKind.NODE, ""),
        ("https://moot.example", ResourceKind.NODE, ""),
        ("acct:moot.example@moot.example", ResourceKind.NODE, ""),
        ("acct:commons@a.example", ResourceKind.ELSEWHERE, ""),
        ("https://a.example/u/sam", ResourceKind.ELSEWHERE, ""),
        ("", ResourceKind.MALFORMED, ""),
        (None, ResourceKind.MALFORMED, ""),
        ("acct:commons", ResourceKind.MALFORMED, ""),
        ("https://", ResourceKind.MALFORMED, ""),
        ("https://[::1", ResourceKind.MALFORMED, ""),
    ],
)
def test_webfinger_understands_every_form_of_a_name(resource: str | None, kind: ResourceKind, value: str) -> None:
    asked = read_resource(ME, resource)
    assert asked.kind is kind
    assert asked.value.lstrip("@") == value


def test_webfinger_gives_only_the_relations_that_were_asked_for() -> None:
    links = jrd(ME, GROUP_GHOST, ["self"])["links"]
    assert [link["rel"] for link in links] == ["self"]  # type: ignore[attr-defined]
    assert node_jrd(ME)["subject"] == "acct:moot.example@moot.example"


def test_nodeinfo_counts_and_names_the_instance_actor() -> None:
    links = {link["rel"]: link["href"] for link in nodeinfo_links(ME)["links"]}  # type: ignore[attr-defined]
    assert links["https://www.w3.org/ns/activitystreams#Application"] == INSTANCE["id"]
    two, one = (
        nodeinfo(ME, "2.0", "0.1.0", Usage(3, 2, 2, 10)),
        nodeinfo(ME, "2.1", "0.1.0", Usage(3, 2, 2, 10), name="Moot", contact="ops"),
    )
    assert two["usage"] == {"users": {"total": 3, "activeMonth": 2, "activeHalfyear": 2}, "localPosts": 10}
    assert isinstance(two["metadata"], dict)
    assert "homepage" not in two["software"]  # type: ignore[operator]
    assert one["version"] == "2.1"
    assert 'template="https://moot.example/.well-known/webfinger?resource={uri}"' in host_meta(ME)


def test_collections_have_the_shapes_lemmy_and_mastodon_read() -> None:
    announces = [b'{"type":"Announce","n":1}'] * 25
    box: dict[str, Any] = msgspec.json.decode(encode(outbox(GROUP.id, 25, announces)))
    assert (box["type"], box["totalItems"], len(box["orderedItems"])) == ("OrderedCollection", 25, 20)
    crowd = followers(GROUP.id, 7)
    assert (crowd["type"], crowd["totalItems"], crowd["items"]) == ("Collection", 7, [])
    assert "first" not in crowd
    answers = replies("abc", ME, ["https://a.example/o/1"])
    assert answers["first"]["items"] == ["https://a.example/o/1"]  # type: ignore[index]
    thread = context_collection(ME, GROUP.id, "abc", ["https://moot.example/o/abc", "https://a.example/o/1"])
    assert (thread["id"], thread["attributedTo"]) == ("https://moot.example/t/abc", GROUP.id)
    assert featured(GROUP.id, [{"type": "Note"}])["orderedItems"] == [{"type": "Note"}]
    assert tombstone("https://moot.example/o/abc", "Note", NOW)["deleted"] == "2026-11-24T12:00:00Z"


def test_the_same_document_is_always_the_same_bytes() -> None:
    again = group_actor(ME, GROUP_GHOST, COMMUNITY, KEYS, chat=CHAT, updated=NOW)
    assert encode(again) == encode(COMMONS)
    assert b'": ' not in encode(COMMONS)


def test_a_date_survives_being_written() -> None:
    moment = NOW.replace(microsecond=18_000)
    assert stamp(moment) == "2026-11-24T12:00:00.018Z"
    assert moment_of(stamp(moment)) == moment
    assert [moment_of(text) for text in ("", "tomorrow", "2026-13-01T00:00:00Z", "2026-11-24")] == [None] * 4
    assert clamped("0001-01-01T00:00:00+23:59", NOW) == NOW


def test_federation_md_says_what_the_code_sends() -> None:
    page = (Path(__file__).resolve().parents[3] / "FEDERATION.md").read_text()
    assert federation_table() in page, "run: python -c 'from protocols.activitypub.capabilities import federation_table as t; print(t())'"
