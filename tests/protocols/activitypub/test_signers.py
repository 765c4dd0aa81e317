"""A key is made once for each actor, whoever asks first and however often, and is the same after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocols.activitypub.ids import native
from protocols.activitypub.keys import PublicKey, load_public_key, new_rsa, read_multikey
from protocols.activitypub.knocking import signing
from protocols.activitypub.signatures import Request, read_signature, verify
from protocols.activitypub.signers import Signers
from storage import SqlStore, open_memory, open_store
from tests.protocols.activitypub.house import Hand

ANA = native("https://moot.example/u/ana")
SECRET = b"a key that only tests ever use!!"


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    opened = open_memory()
    yield opened
    await opened.close()


async def test_many_who_ask_at_once_get_one_key(store: SqlStore) -> None:
    """GoToSocial 0.20 keeps public keys: a second one for the same actor is refused for ever."""
    signers, others = Signers(store.keys), Signers(store.keys)
    shown = await asyncio.gather(*(each.public(ANA) for each in (signers, others, signers, others)))
    assert len(set(shown)) == 1
    assert (await signers.signer(ANA)).id == "https://moot.example/u/ana#main-key"


async def test_a_key_is_not_made_twice_to_be_thrown_away(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted() -> str:
        made.append(new_rsa())
        return made[-1]

    monkeypatch.setattr("protocols.activitypub.signers.new_rsa", counted)
    signers = Signers(store.keys)
    await asyncio.gather(*(signers.public(ANA) for _ in range(5)))
    assert len(made) == 1


async def test_a_key_outlives_the_process(tmp_path: Path) -> None:
    store = open_store(tmp_path / "keys.sqlite", SECRET)
    before = await Signers(store.keys).public(ANA)
    await store.close()
    store = open_store(tmp_path / "keys.sqlite", SECRET)
    after = Signers(store.keys)
    assert await after.public(ANA) == before
    await store.close()


async def test_memory_for_keys_is_bounded_and_what_fell_out_is_the_same_again(store: SqlStore) -> None:
    signers = Signers(store.keys, most=2)
    first = await signers.public(ANA)
    for name in ("bo", "cy"):
        await signers.public(native(f"https://moot.example/u/{name}"))
    assert len(signers._at_hand) == 2
    assert await signers.public(ANA) == first


async def test_what_is_published_belongs_to_what_signs(store: SqlStore) -> None:
    signers, clock = Signers(store.keys), Hand()
    shown = await signers.public(ANA)
    assert shown.ed25519 is not None
    read_multikey(shown.ed25519)
    signer = await signers.signer(ANA)
    for method, body in (("GET", b""), ("POST", b'{"type":"Like"}'), ("POST", b"")):
        headers = signing(signer, clock)(method, "https://peer.example/inbox?page=1", {}, body)
        sent = Request(method, "/inbox?page=1", "peer.example", tuple(headers.items()), body if method == "POST" else None)
        claimed = read_signature(sent, "https://peer.example", clock.now())
        assert verify(claimed, PublicKey(signer.id, ANA.id, load_public_key(shown.rsa))).signer == ANA.id


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://peer.example/inbox", "peer.example", "/inbox"),
        ("https://peer.example:443/inbox?x=1", "peer.example", "/inbox?x=1"),
        ("http://127.0.0.1:8420/", "127.0.0.1:8420", "/"),
        ("http://peer.example:80/a", "peer.example", "/a"),
    ],
)
async def test_host_and_path_are_signed_as_they_are_sent(store: SqlStore, url: str, host: str, target: str) -> None:
    clock = Hand()
    signer = await Signers(store.keys).signer(ANA)
    headers = signing(signer, clock)("GET", url, {}, b"")
    assert headers["Host"] == host
    claimed = read_signature(Request("GET", target, host, tuple(headers.items())), f"{url.partition('://')[0]}://{host}", clock.now())
    verify(claimed, PublicKey(signer.id, ANA.id, load_public_key((await Signers(store.keys).public(ANA)).rsa)))


async def test_making_keys_leaves_the_loop_free(store: SqlStore) -> None:
    """A community of a hundred that joins at once must not stop the inbox: nothing waits for a whole key to be made."""
    loop, worst = asyncio.get_running_loop(), 0.0
    making = asyncio.gather(*(Signers(store.keys).public(native(f"https://moot.example/u/{number}")) for number in range(4)))
    while not making.done():
        before = loop.time()
        await asyncio.sleep(0)
        worst = max(worst, loop.time() - before)
    assert len({shown.rsa for shown in await making}) == 4
    assert worst < 0.5
