"""Whoever started the node hears that it is ready, alive and stopping; and the node goes on if nobody does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bridge.supervisor import Supervisor


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


async def test_each_word_is_one_datagram(heard: socket.socket, tmp_path: Path) -> None:
    supervisor = Supervisor.named_in({"NOTIFY_SOCKET": str(tmp_path / "notify")})

    supervisor.tell("READY=1")
    supervisor.tell("STOPPING=1")

    assert [heard.recv(100), heard.recv(100)] == [b"READY=1", b"STOPPING=1"]


async def test_an_abstract_address_is_reached_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0folkmoot-test-notify")
        listening.setblocking(False)
        Supervisor("@folkmoot-test-notify").tell("READY=1")

        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens-here"])
async def test_a_node_without_anybody_to_tell_goes_on(address: str) -> None:
    Supervisor(address).tell("READY=1")


async def test_a_watchdog_hears_of_the_node_twice_as_often_as_it_must(heard: socket.socket, tmp_path: Path) -> None:
    supervisor = Supervisor.named_in({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"})
    loop = asyncio.get_running_loop()
    began = loop.time()
    reassuring = asyncio.create_task(supervisor.reassure())
    said = [await asyncio.wait_for(loop.sock_recv(heard, 100), 5) for _ in range(4)]
    took = loop.time() - began
    reassuring.cancel()
    with suppress(asyncio.CancelledError):
        await reassuring

    assert said == [b"WATCHDOG=1"] * 4
    assert took >= 0.03, "not all at once"


@pytest.mark.parametrize("micros", ["", "0", "soon"])
async def test_without_a_watchdog_nothing_is_repeated(micros: str) -> None:
    await asyncio.wait_for(Supervisor.named_in({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": micros}).reassure(), 5)
