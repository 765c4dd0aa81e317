"""The media door: whole files and ranges, headers that keep a browser from running anything, and no other word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bridge.changes import PutObject, RemoveMedia, Retract
from bridge.web.media import MediaDoor
from storage import open_memory
from tests.bridge.relay.house import Hand
from tests.bridge.relay.test_keeping import OWNER, PHOTO, SAID, Cupboard
from tests.conformance.samples import known

Door = tuple[Cupboard, TestClient[web.Request, web.Application]]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    clock = Hand()
    clock.at = datetime.now(UTC)
    store = open_memory(clock=clock)
    await store.journal.commit([PutObject(known(SAID), SAID)])
    cupboard = Cupboard(store, tmp_path, clock)
    async with TestClient(TestServer(MediaDoor(cupboard.keeper).application())) as client:
        yield cupboard, client
    await store.close()


async def test_a_file_is_served_as_what_it_is_and_nothing_in_it_runs(door: Door) -> None:
    cupboard, client = door
    name = await cupboard.kept(PHOTO)
    async with client.get(f"/media/{name}.jpg") as answer:
        assert answer.status == 200
        body = await answer.read()
        headers = answer.headers
    assert body[:3] == b"\xff\xd8\xff"
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Content-Disposition"] == f'inline; filename="{name}.jpg"'
    assert headers["Cache-Control"] == "public, max-age=60, must-revalidate"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"


async def test_a_part_of_a_file_and_its_size_alone_can_be_asked_for(door: Door) -> None:
    cupboard, client = door
    name = await cupboard.kept(PHOTO)
    async with client.get(f"/media/{name}.jpg") as answer:
        whole = await answer.read()
    async with client.get(f"/media/{name}.jpg", headers={"Range": "bytes=2-9"}) as answer:
        assert (answer.status, await answer.read()) == (206, whole[2:10])
        assert answer.headers["Content-Range"] == f"bytes 2-9/{len(whole)}"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with client.head(f"/media/{name}.jpg") as answer:
        assert (answer.status, answer.content_length, await answer.read()) == (200, len(whole), b"")
    async with client.get(f"/media/{name}.jpg", headers={"Range": "bytes=999999-"}) as answer:
        assert answer.status == 416


@pytest.mark.parametrize("path", ["/", "/o/abc", "/actor", "/.well-known/webfinger", "/media/", "/media/../../etc/passwd", "/inbox"])
async def test_there_is_nothing_else_under_that_name(door: Door, path: str) -> None:
    _, client = door
    for method in ("GET", "POST"):
        async with client.request(method, path, headers={"Accept": "application/activity+json"}) as answer:
            assert answer.status == 404
            assert "json" not in answer.headers["Content-Type"]
            assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_another_ending_is_another_file(door: Door) -> None:
    cupboard, client = door
    name = await cupboard.kept(PHOTO)
    for wrong in (f"{name}.html", f"{name}.svg", f"{name}.png", name, f"{'a' * 26}.jpg"):
        async with client.get(f"/media/{wrong}") as answer:
            assert answer.status == 404


async def test_what_was_taken_back_is_not_there_and_what_was_taken_down_says_so(door: Door) -> None:
    cupboard, client = door
    name = await cupboard.kept(PHOTO)
    await cupboard.store.journal.commit([RemoveMedia(name, cupboard.clock.now(), "asked")])
    async with client.get(f"/media/{name}.jpg") as answer:
        assert (answer.status, await answer.text()) == (410, "This file was taken down.\n")
    other = PHOTO.url + "2"
    cupboard.homeserver.files[other] = cupboard.homeserver.files[PHOTO.url] + b""
    await cupboard.store.journal.commit([Retract(OWNER, SAID.provenance.native, cupboard.clock.now())])
    assert await cupboard.store.media.of(OWNER) == ()


async def test_a_file_that_cannot_be_had_again_just_now_asks_to_come_back(door: Door) -> None:
    cupboard, client = door
    name = await cupboard.kept(PHOTO)
    for path in cupboard.on_disk():
        path.unlink()
    cupboard.homeserver.silent = True
    async with client.get(f"/media/{name}.jpg") as answer:
        assert answer.status == 503
    cupboard.homeserver.silent = False
    async with client.get(f"/media/{name}.jpg") as answer:
        assert answer.status == 200
