"""A key is believed when it and its owner name each other, and nobody can make us ask, remember or wait without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bridge.errors import BridgeError, Gone, Malformed, Refused, TooLarge, Unreachable, Unverified
from protocols.activitypub.keyring import ASK_AGAIN, LOOK_AGAIN, MOST_FAILURES, MOST_PER_HOST, MOST_QUESTIONS, TRY_AGAIN, Keyring
from protocols.activitypub.keys import Signer, public_pem
from protocols.activitypub.signatures import Claimed, read_signature
from storage import SqlStore, open_memory
from tests.protocols.activitypub.correspondents import ORIGIN, SAMS, Library, ed25519, face, material, rsa, sent, shown
from tests.protocols.activitypub.house import Hand
from tests.protocols.activitypub.world import ME

KEY = f"{SAMS}#main-key"
ALONE = "https://a.example/keys/1"


def quick(actor: str) -> Signer:
    """A key of its own name; all of them are one, because each takes a tenth of a second to make."""
    return Signer(f"{actor}#main-key", rsa(SAMS).private)


class Desk:
    """A keyring, its store, its clock and the servers it asks."""

    def __init__(self) -> None:
        self.store: SqlStore = open_memory()
        self.clock = Hand()
        self.library = Library(face(SAMS))
        self.keyring = self.again()

    def again(self, **more: Any) -> Keyring:
        """A keyring over the same store, as after a restart."""
        self.keyring = Keyring(self.store.keys, self.library.document, self.clock, ME, **{"patience": 5.0, **more})
        return self.keyring

    async def refusal(self, key_id: str = KEY, **more: Any) -> BridgeError:
        with pytest.raises((Unverified, Gone, Unreachable)) as caught:
            await self.keyring.key(key_id, **more)
        return caught.value

    def claimed(self, signer: Signer | None = None, **more: Any) -> Claimed:
        return read_signature(sent({"a": 1}, signer, at=self.clock.now(), **more), ORIGIN, self.clock.now())

    def forward(self, by: timedelta) -> None:
        self.clock.forward(by.total_seconds())


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    opened = Desk()
    yield opened
    await opened.keyring.close()
    await opened.store.close()


# -------------------------------------------------------------------------------------------------------- whose it is


async def test_a_key_in_its_owners_document_is_believed(desk: Desk) -> None:
    key = await desk.keyring.key(KEY)
    assert (key.id, key.owner, key.material) == (KEY, SAMS, rsa(SAMS).private.public_key())
    assert desk.library.asked == [SAMS]


async def test_an_ed25519_key_is_found_in_the_assertion_methods(desk: Desk) -> None:
    signer = ed25519(SAMS)
    multikey = {"id": signer.id, "type": "Multikey", "controller": SAMS, **material(signer)}
    desk.library.show(face(SAMS, assertionMethod=[multikey]))
    assert (await desk.keyring.key(signer.id)).material == signer.private.public_key()


async def test_gotosocials_stub_is_not_the_last_word(desk: Desk) -> None:
    """peers-on-the-wire.md 1.1.2: a path-style key id, a stub of the actor there; the owner is asked as well."""
    key_id = f"{SAMS}/main-key"
    listed = shown(rsa(SAMS), SAMS, id=key_id)
    stub = {"id": SAMS, "type": "Person", "preferredUsername": "sam", "publicKey": listed}
    desk.library.show(stub, at=key_id)
    desk.library.show(face(SAMS) | {"publicKey": listed})
    assert (await desk.keyring.key(key_id)).owner == SAMS
    assert desk.library.asked == [key_id, SAMS]


async def test_a_stub_that_its_owner_does_not_know_is_refused(desk: Desk) -> None:
    """A file that somebody put on the same server says that it is Sam's key."""
    key_id = "https://a.example/media/note.json"
    desk.library.show({"id": SAMS, "type": "Person", "publicKey": shown(rsa("eve"), SAMS, id=key_id)}, at=key_id)
    assert "its owner does not list it" in (await desk.refusal(key_id)).public


@pytest.mark.parametrize("listed", ["an object", "an id", "a list"])
async def test_a_key_by_itself_is_believed_when_its_owner_lists_it(desk: Desk, listed: str) -> None:
    alone = shown(rsa(SAMS), SAMS, id=ALONE, type="CryptographicKey")
    desk.library.show(alone)
    value: object = {"an object": alone, "an id": ALONE, "a list": [f"{SAMS}#other", ALONE]}[listed]
    desk.library.show(face(SAMS) | {"publicKey": value})
    assert (await desk.keyring.key(ALONE)).owner == SAMS


async def test_an_address_with_a_slash_too_many_leads_to_the_owner(desk: Desk) -> None:
    """activitypub.md 3.1: BookWyrm's key ids end in `/#main-key`."""
    key_id = f"{SAMS}/#main-key"
    document = face(SAMS) | {"publicKey": shown(rsa(SAMS), SAMS, id=key_id)}
    desk.library.show(document)
    desk.library.show(document, at=f"{SAMS}/")
    assert (await desk.keyring.key(key_id)).owner == SAMS


OTHER = "https://a.example/u/another"
NOT_BELIEVED: dict[str, tuple[dict[str, dict[str, object]], str, str]] = {
    "no key at all": ({SAMS: {"id": SAMS, "type": "Person"}}, KEY, "not in the document"),
    "another key": ({SAMS: face(SAMS, rsa("other"))}, KEY, "not in the document"),
    "the same name in another fragment": ({SAMS: face(SAMS)}, f"{SAMS}#MAIN-KEY", "not in the document"),
    "an owner who does not list it": ({SAMS: face(OTHER, rsa(SAMS)), OTHER: face(OTHER)}, KEY, "does not list it"),
    "an owner elsewhere": ({SAMS: face(SAMS) | {"publicKey": shown(rsa(SAMS), "https://b.example/u/kim")}}, KEY, "not on the same server"),
    "an owner by the same name with a port": (
        {SAMS: face(SAMS) | {"publicKey": shown(rsa(SAMS), "https://a.example:8443/u/sam")}},
        KEY,
        "not on the same server",
    ),
    "an owner whose name begins the same": (
        {SAMS: face(SAMS) | {"publicKey": shown(rsa(SAMS), "https://a.example.evil.example/u/sam")}},
        KEY,
        "not on the same server",
    ),
    "an owner who is nobody": ({SAMS: {"id": "", "publicKey": shown(rsa(SAMS), "")}}, KEY, "not on the same server"),
    "an owner who says he is somebody else": (
        {SAMS: face(OTHER, rsa(SAMS)) | {"id": SAMS}, OTHER: face(SAMS, rsa(SAMS))},
        KEY,
        "does not list it",
    ),
    "an owner who calls it somebody else's": (
        {ALONE: shown(rsa(SAMS), SAMS, id=ALONE), SAMS: face(SAMS) | {"publicKey": shown(rsa(SAMS), OTHER, id=ALONE)}},
        ALONE,
        "does not list it",
    ),
    "only an id": ({SAMS: face(SAMS) | {"publicKey": KEY}}, KEY, "only its id"),
    "an empty key": ({SAMS: face(SAMS) | {"publicKey": shown(rsa(SAMS), SAMS, publicKeyPem="")}}, KEY, "only its id"),
    "a broken key": ({SAMS: face(SAMS) | {"publicKey": shown(rsa(SAMS), SAMS, publicKeyPem="x")}}, KEY, "not a readable PEM"),
}


@pytest.mark.parametrize("name", NOT_BELIEVED)
async def test_a_key_that_is_not_named_from_both_sides_is_not_believed(desk: Desk, name: str) -> None:
    documents, key_id, why = NOT_BELIEVED[name]
    for at, document in documents.items():
        desk.library.show(document, at=at)
    error = await desk.refusal(key_id)
    assert isinstance(error, Unverified)
    assert why in error.public
    assert await desk.store.keys.recall(key_id) is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Unreachable("a.example does not answer"), Unreachable),
        (Gone("a.example says that it is gone"), Gone),
        (Refused("10.0.0.1 is not an address on the public internet (private)"), Unverified),
        (Malformed("no ActivityPub"), Unverified),
        (TooLarge("more than a megabyte"), Unverified),
        (b"{}", Unverified),
        (b"[]", Unverified),
        (b"\xff", Unverified),
        (b'{"id":"x","id":"y"}', Unverified),
        (b'{"a":' * 10_000, Unverified),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, BridgeError) else str(each)[:20],
)
async def test_whatever_its_server_answers_it_is_one_of_three_refusals(
    desk: Desk, answer: bytes | BridgeError, kind: type[BridgeError]
) -> None:
    desk.library.answers[SAMS] = answer
    error = await desk.refusal()
    assert type(error) is kind
    assert SAMS in error.public
    assert SAMS not in error.private


async def test_our_own_address_is_never_asked_for_a_key(desk: Desk) -> None:
    """Rule O5: an unknown id of ours is a forgery."""
    for key_id in ("https://moot.example/u/ana#main-key", "https://MOOT.example/actor#main-key"):
        assert isinstance(await desk.refusal(key_id), Unverified)
    assert desk.library.asked == []


# ----------------------------------------------------------------------------------------------------- asked once, kept


async def test_a_key_is_fetched_once_and_survives_a_restart_once_it_was_used(desk: Desk) -> None:
    for _ in range(3):
        assert (await desk.keyring.verify(desk.claimed())).signer == SAMS
    desk.again()
    assert await desk.keyring.knows(KEY)
    assert (await desk.keyring.verify(desk.claimed())).signer == SAMS
    assert desk.library.asked == [SAMS]


async def test_a_key_that_proved_nothing_is_not_written_down(desk: Desk) -> None:
    with pytest.raises(Unverified):
        await desk.keyring.verify(desk.claimed(Signer(KEY, rsa("eve").private)))
    assert await desk.store.keys.recall(KEY) is None
    await desk.keyring.verify(desk.claimed())
    assert await desk.store.keys.recall(KEY) is not None


async def test_many_who_ask_at_once_make_one_question(desk: Desk) -> None:
    desk.library.open.clear()
    asking = [asyncio.create_task(desk.keyring.key(KEY)) for _ in range(50)]
    while not desk.library.asked:
        await asyncio.sleep(0)
    desk.library.open.set()
    assert len(set(map(id, await asyncio.gather(*asking)))) == 1
    assert desk.library.asked == [SAMS]


async def test_the_first_to_ask_may_hang_up_without_harm_to_the_others(desk: Desk) -> None:
    desk.library.open.clear()
    first, second = (asyncio.create_task(desk.keyring.key(KEY)) for _ in range(2))
    while not desk.library.asked:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    desk.library.open.set()
    assert (await second).owner == SAMS
    assert desk.library.asked == [SAMS]


async def test_who_does_not_answer_soon_is_not_waited_for_but_heard_in_the_end(desk: Desk) -> None:
    """Lemmy and Mastodon hang up after ten seconds; their next try finds the key."""
    desk.again(patience=0.01)
    desk.library.open.clear()
    error = await desk.refusal()
    assert isinstance(error, Unreachable)
    assert error.retry_after is not None
    desk.library.open.set()
    while not await desk.keyring.knows(KEY):
        await asyncio.sleep(0)
    assert desk.library.asked == [SAMS]


async def test_a_keyring_that_closes_tells_who_waits(desk: Desk) -> None:
    desk.library.open.clear()
    asking = asyncio.create_task(desk.keyring.key(KEY))
    while not desk.library.asked:
        await asyncio.sleep(0)
    await desk.keyring.close()
    with pytest.raises(Unreachable):
        await asking


# --------------------------------------------------------------------------------------------------- no amplifier of ours


async def test_a_failure_is_remembered_for_some_minutes(desk: Desk) -> None:
    """peers-on-the-wire.md 1.5.2: fedify 2.3 made 300 GETs of 300 bad requests."""
    desk.library.show({"id": SAMS})
    for _ in range(300):
        assert isinstance(await desk.refusal(), Unverified)
    assert desk.library.asked == [SAMS]
    desk.library.show(face(SAMS))
    desk.forward(ASK_AGAIN)
    assert (await desk.keyring.key(KEY)).owner == SAMS


async def test_a_server_that_was_down_is_asked_again_sooner(desk: Desk) -> None:
    desk.library.answers[SAMS] = Unreachable("a.example does not answer")
    error = await desk.refusal()
    assert isinstance(error, Unreachable)
    assert error.retry_after == TRY_AGAIN.total_seconds()
    desk.library.show(face(SAMS))
    assert isinstance(await desk.refusal(), Unreachable)
    desk.forward(TRY_AGAIN)
    assert (await desk.keyring.key(KEY)).owner == SAMS
    assert len(desk.library.asked) == 2


async def test_a_server_may_ask_for_more_patience_but_not_for_days(desk: Desk) -> None:
    desk.library.answers[SAMS] = Unreachable("busy", retry_after=86_400)
    error = await desk.refusal()
    assert isinstance(error, Unreachable)
    assert error.retry_after == ASK_AGAIN.total_seconds()


async def test_bad_signatures_cost_their_keys_server_at_most_one_question_in_five_minutes(desk: Desk) -> None:
    """The other half of 1.5.2: the key is known, the signatures are wrong."""
    await desk.keyring.verify(desk.claimed())
    forged = Signer(KEY, rsa("eve").private)
    for minute in range(11):
        for _ in range(30):
            with pytest.raises(Unverified):
                await desk.keyring.verify(desk.claimed(forged))
        assert len(desk.library.asked) == 1 + minute // 5
        desk.forward(timedelta(minutes=1))
    assert (await desk.keyring.verify(desk.claimed())).signer == SAMS


async def test_a_key_that_was_rotated_without_a_word_is_found_by_the_first_signature_that_does_not_fit(desk: Desk) -> None:
    """activitypub.md 2.4: blind rotation, same id."""
    await desk.keyring.verify(desk.claimed())
    desk.forward(ASK_AGAIN)
    new = Signer(KEY, rsa("sam's new key").private)
    desk.library.show(face(SAMS, new))
    assert (await desk.keyring.verify(desk.claimed(new))).signer == SAMS
    with pytest.raises(Unverified):
        await desk.keyring.verify(desk.claimed(rsa(SAMS)))
    desk.again()
    assert (await desk.keyring.verify(desk.claimed(new))).signer == SAMS
    assert len(desk.library.asked) == 2


async def test_a_key_that_was_taken_back_is_forgotten_when_that_is_seen(desk: Desk) -> None:
    await desk.keyring.verify(desk.claimed())
    desk.forward(ASK_AGAIN)
    desk.library.show(face(SAMS, rsa("other")))
    with pytest.raises(Unverified):
        await desk.keyring.verify(desk.claimed(Signer(KEY, rsa("eve").private)))
    for _ in range(2):
        assert isinstance(await desk.refusal(), Unverified)
        assert not await desk.keyring.knows(KEY)
        desk.again()


async def test_a_key_that_still_fits_is_looked_at_again_after_a_week_without_anybody_waiting(desk: Desk) -> None:
    await desk.keyring.verify(desk.claimed())
    desk.forward(LOOK_AGAIN)
    desk.library.show(face(SAMS, rsa("other")))
    desk.library.open.clear()
    assert (await desk.keyring.verify(desk.claimed())).signer == SAMS
    while len(desk.library.asked) < 2:
        await asyncio.sleep(0)
    desk.library.open.set()
    while await desk.keyring.knows(KEY):
        await asyncio.sleep(0)
    with pytest.raises(Unverified):
        await desk.keyring.verify(desk.claimed())


async def test_a_server_that_is_down_does_not_cost_its_people_their_keys(desk: Desk) -> None:
    await desk.keyring.verify(desk.claimed())
    desk.forward(LOOK_AGAIN)
    desk.library.answers[SAMS] = Unreachable("a.example does not answer")
    for _ in range(3):
        assert (await desk.keyring.verify(desk.claimed())).signer == SAMS
        await asyncio.sleep(0)
    assert desk.library.asked == [SAMS, SAMS]
    assert (await desk.keyring.verify(desk.claimed())).signer == SAMS


async def test_what_strangers_can_make_us_remember_is_bounded(desk: Desk) -> None:
    """Fedify CVE-2026-69132."""
    for number in range(MOST_FAILURES + 50):
        key_id = f"https://evil.example/{number}#main-key"
        desk.library.answers[key_id.partition("#")[0]] = b"{}"
        await desk.refusal(key_id)
    assert len(desk.keyring._failures) == MOST_FAILURES
    assert desk.keyring._questions == {}
    assert not desk.keyring._asking


async def test_one_server_cannot_take_all_the_questions(desk: Desk) -> None:
    desk.library.open.clear()
    for number in range(MOST_PER_HOST + 1):
        desk.library.show(face(name := f"https://slow.example/u/{number}", quick(name)))
    slow = [asyncio.create_task(desk.keyring.key(f"https://slow.example/u/{number}#main-key")) for number in range(MOST_PER_HOST)]
    while len(desk.library.asked) < MOST_PER_HOST:
        await asyncio.sleep(0)
    error = await desk.refusal(f"https://slow.example/u/{MOST_PER_HOST}#main-key")
    assert isinstance(error, Unreachable)
    assert error.retry_after is not None
    other = asyncio.create_task(desk.keyring.key(KEY))
    while SAMS not in desk.library.asked:
        await asyncio.sleep(0)
    desk.library.open.set()
    assert (await other).owner == SAMS
    assert len(await asyncio.gather(*slow)) == MOST_PER_HOST
    assert (await desk.keyring.key(f"https://slow.example/u/{MOST_PER_HOST}#main-key")).owner.endswith(str(MOST_PER_HOST))


async def test_all_servers_together_cannot_take_more_than_all_the_questions(desk: Desk) -> None:
    desk.library.open.clear()
    for number in range(MOST_QUESTIONS):
        desk.library.show(face(name := f"https://s{number}.example/u", quick(name)))
    slow = [asyncio.create_task(desk.keyring.key(f"https://s{number}.example/u#main-key")) for number in range(MOST_QUESTIONS)]
    while len(desk.library.asked) < MOST_QUESTIONS:
        await asyncio.sleep(0)
    assert isinstance(await desk.refusal(), Unreachable)
    desk.library.open.set()
    await asyncio.gather(*slow)
    assert (await desk.keyring.key(KEY)).owner == SAMS


async def test_the_keys_at_hand_are_bounded_and_the_others_come_from_the_store(desk: Desk) -> None:
    ring = desk.again(most_keys=2)
    names = [f"https://a.example/u/{number}" for number in range(4)]
    for name in names:
        desk.library.show(face(name, quick(name)))
        await ring.verify(desk.claimed(quick(name)))
    assert len(ring._held) == 2
    for name in names:
        assert (await ring.key(f"{name}#main-key")).owner == name
    assert desk.library.asked == names


# ------------------------------------------------------------------------------------------------------ those who are gone


async def test_an_actor_that_is_gone_says_goodbye_with_the_key_that_is_remembered(desk: Desk) -> None:
    """activitypub.md 6.4."""
    await desk.keyring.verify(desk.claimed())
    desk.library.answers[SAMS] = Gone("a.example says that it is gone")
    desk.forward(LOOK_AGAIN)
    for _ in range(2):
        assert (await desk.keyring.verify(desk.claimed())).signer == SAMS
        await asyncio.sleep(0)
    desk.again()
    assert (await desk.keyring.verify(desk.claimed())).signer == SAMS


async def test_gone_is_what_its_own_server_calls_gone(desk: Desk) -> None:
    """Rule O15: 410 proves it, anything else does not, and it is asked once."""
    desk.library.answers[SAMS] = Gone("a.example says that it is gone")
    for _ in range(2):
        await desk.keyring.require_gone(SAMS)
    assert desk.library.asked == [SAMS]
    for answer in (Refused("a.example does not have it"), Unreachable("a.example does not answer"), msgspec.json.encode(face(SAMS))):
        desk.forward(ASK_AGAIN)
        desk.library.answers[SAMS] = answer
        for _ in range(2):
            with pytest.raises((Unverified, Unreachable)):
                await desk.keyring.require_gone(SAMS)
    assert len(desk.library.asked) == 4


async def test_what_the_store_keeps_is_the_key_as_others_read_it(desk: Desk) -> None:
    await desk.keyring.verify(desk.claimed())
    owner, pem, at = await desk.store.keys.recall(KEY) or ("", b"", None)
    assert (owner, (pem or b"").decode(), at) == (SAMS, public_pem(rsa(SAMS).private), desk.clock.now())
