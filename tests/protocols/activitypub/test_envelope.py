"""An activity is known again by its outside: repeats have one key, everything else another, and nobody takes somebody else's place."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Malformed
from protocols.activitypub.envelope import Envelope, key_of, read_envelope
from tests.protocols.activitypub.correspondents import KIMS, NOW, SAMS
from tests.protocols.activitypub.world import GROUP, KIM, ME, SAM, create, deed, note

LATER = NOW + timedelta(minutes=5)


def envelope(activity: dict[str, Any]) -> Envelope:
    return read_envelope(msgspec.json.encode(activity))


def key(activity: dict[str, Any], signer: str = SAMS, at: datetime = NOW) -> str:
    return key_of(ME.secret, envelope(activity), signer, at)


def test_the_outside_is_read() -> None:
    found = envelope(create(note()))
    assert (found.id, found.type, found.actor, found.object) == (
        "https://a.example/o/new/activity",
        "Create",
        SAMS,
        "https://a.example/o/new",
    )


@pytest.mark.parametrize("actor", [SAMS, [SAMS], {"id": SAMS, "type": "Person"}, [{"id": SAMS}]], ids=str)
def test_an_actor_may_be_an_id_an_object_or_a_list(actor: object) -> None:
    """activitypub.md 3.1: Discourse puts the actor as an object."""
    assert envelope(create(note(), actor=actor)).actor == SAMS


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": None}, "$.id"),
        ({"id": ""}, "$.id"),
        ({"id": 5}, "$.id"),
        ({"id": "activity"}, "$.id"),
        ({"id": "https://a.example/" + "x" * 2_048}, "$.id"),
        ({"type": None}, "$.type"),
        ({"type": {}}, "$.type"),
        ({"actor": None}, "$.actor"),
        ({"actor": {}}, "$.actor"),
        ({"actor": "sam"}, "$.actor"),
        ({"actor": "https://[::1/u/sam"}, "$.actor"),
    ],
    ids=str,
)
def test_what_has_no_outside_is_malformed_and_the_member_is_named(change: dict[str, object], path: str) -> None:
    with pytest.raises(Malformed) as caught:
        envelope(create(note(), **change))
    assert caught.value.path == path


def test_a_repeat_has_the_same_key_whenever_it_was_signed() -> None:
    for activity in (
        create(note()),
        create(note(content="v2"), "Update"),
        deed("Like", "https://moot.example/o/x"),
        deed("Delete", note()["id"]),
    ):
        assert key(activity) == key(activity, at=LATER)


def test_a_post_is_known_by_itself_and_not_by_what_brings_it() -> None:
    """Design section 2: the same Create embedded, by id, or under another activity id."""
    first = key(create(note()))
    assert first == key(create(note(), id="https://a.example/other"))
    assert first == key(create(note()) | {"object": note()["id"]})
    assert first != key(create(note("another")))


def test_nobody_takes_the_place_of_what_somebody_else_is_going_to_say() -> None:
    """Kim signs a Create of Sam's post, which `translate/` will refuse; Sam's own must not look like a repeat of it."""
    assert key(create(note()), signer=KIMS) != key(create(note()))
    assert key(deed("Like", "https://moot.example/o/x"), signer=KIMS) != key(deed("Like", "https://moot.example/o/x"))


@pytest.mark.parametrize("id_", ["https://a.example/o/new/activity#Update", "https://a.example/o/new#update"])
def test_an_update_is_known_by_what_it_makes_of_its_object(id_: str) -> None:
    """peers-on-the-wire.md section 2: GoToSocial 0.20 and Takahe 0.11 give every Update of a post the same id."""
    first, second = (create(note(content=text), "Update", id=id_) for text in ("<p>one</p>", "<p>two</p>"))
    assert key(first) == key(first, at=LATER)
    assert key(first) != key(second)
    assert key(first) != key(create(note(content="<p>one</p>")))
    reordered = dict(reversed(first.items())) | {"object": dict(reversed(first["object"].items()))}
    assert key(first) == key(reordered)


def test_an_update_back_to_what_it_was_is_another_update() -> None:
    """Mastodon counts its Updates; a profile that returns to an old name is new."""
    there, back = (create(note(), "Update", id=f"https://a.example/u/sam#updates/{number}") for number in (1, 2))
    assert key(there) != key(back)


def test_an_update_by_id_alone_is_known_by_the_whole() -> None:
    one, two = (
        create(note(), "Update", updated=when) | {"object": note()["id"]} for when in ("2026-11-24T12:00:00Z", "2026-11-24T12:01:00Z")
    )
    assert key(one) != key(two)


def test_a_vote_whose_create_has_its_own_id_is_known() -> None:
    """peers-on-the-wire.md 1.2.3: Takahe 0.11."""
    vote = note(name="yes")
    assert key(create(vote, id=vote["id"])) != key(deed("Like", vote["id"]) | {"id": vote["id"]})


@pytest.mark.parametrize("kind", ["Follow", "Undo", "Accept", "Reject", "Block"])
def test_what_brings_a_standing_about_may_do_so_again_with_the_same_bytes(kind: str) -> None:
    """Misskey's Follow of one account by another has one id for ever, and Takahe 0.11 keeps a Follow's id when it begins again."""
    activity = deed(kind, GROUP.id) | {"id": f"https://{SAM.host}/follows/1/2"}
    assert key(activity) == key(activity)
    assert key(activity) != key(activity, at=LATER)


def test_whether_an_actor_speaks_of_itself_is_seen() -> None:
    ends, changes, takes_back = deed("Delete", SAMS), deed("Update", {"id": SAMS, "type": "Person"}), deed("Delete", note()["id"])
    assert [(e.is_about_itself, e.is_farewell) for e in map(envelope, (ends, changes, takes_back))] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert not envelope(deed("Delete", KIM.native.id)).is_farewell


CAPTURED = sorted((Path(__file__).parents[2] / "peers").glob("*/post-*.json"))


def test_all_real_activities_have_an_outside_and_a_key_of_their_own() -> None:
    keys: dict[str, str] = {}
    for path in CAPTURED:
        body = json.loads(path.read_text(encoding="utf-8"))["request"]["body_raw"].encode()
        found = read_envelope(body)
        keys[key_of(ME.secret, found, found.actor, NOW)] = path.name
    assert len(keys) == len(CAPTURED) > 30


members = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", SAMS, "Create", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "actor", "object", "href"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["id", "type", "actor", "object", "to"]), members))
def test_no_activity_raises_anything_but_malformed(activity: dict[str, Any]) -> None:
    with suppress(Malformed):
        assert len(key_of(ME.secret, envelope(activity), SAMS, NOW)) == 26
