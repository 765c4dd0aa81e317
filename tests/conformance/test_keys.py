"""The `Keys` port: made once, never again; a peer's key as last fetched, even when it could not be had."""

from __future__ import annotations

import asyncio

from storage import SqlStore
from tests.conformance.homes import Home
from tests.conformance.samples import ANA, GROUP, NOW, later

PRIVATE = b"-----BEGIN PRIVATE KEY-----\nMIIEvQ"
KEY = "https://far.example/u/sam#main-key"


async def test_a_key_once_kept_is_in_force_for_ever(store: SqlStore, home: Home) -> None:
    assert await store.keys.private_key(GROUP, "rsa") is None
    assert await store.keys.keep(GROUP, "rsa", PRIVATE, b"public") == b"public"
    assert await store.keys.keep(GROUP, "rsa", b"another", b"other public") == b"public"
    store = await home.reopen()
    assert await store.keys.private_key(GROUP, "rsa") == PRIVATE
    assert await store.keys.public_key(GROUP, "rsa") == b"public"
    assert await store.keys.private_key(GROUP, "ed25519") is None
    assert await store.keys.private_key(ANA, "rsa") is None


async def test_of_several_makers_at_once_one_key_is_in_force_for_all(store: SqlStore) -> None:
    kept = await asyncio.gather(*(store.keys.keep(GROUP, "rsa", b"%d" % n, b"public %d" % n) for n in range(8)))
    assert len(set(kept)) == 1
    assert await store.keys.public_key(GROUP, "rsa") == kept[0]


async def test_a_key_of_a_peer_is_remembered_and_so_is_that_it_could_not_be_had(store: SqlStore) -> None:
    owner = "https://far.example/u/sam"
    assert await store.keys.recall(KEY) is None
    await store.keys.remember(KEY, owner, b"pem", NOW)
    assert await store.keys.recall(KEY) == (owner, b"pem", NOW)
    await store.keys.remember(KEY, owner, None, later(60))
    assert await store.keys.recall(KEY) == (owner, None, later(60))
    await store.keys.remember(KEY, owner, b"pem", later(30))
    assert await store.keys.recall(KEY) == (owner, None, later(60))
