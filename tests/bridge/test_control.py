"""What an operator asks arrives at the running node, and what it answers comes back as what it was."""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import stat
from pathlib import Path

import aiohttp
import pytest

from bridge.control import SIGNATURES, ControlServer, connect, is_running
from bridge.errors import Full, Invariant, OperatorError
from bridge.operations import Operations
from tests.bridge.desk import CROSSED, HELD, LANE, LETTER, Desk, running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def test_every_operation_can_be_asked_for() -> None:
    named = {name for name, member in vars(Operations).items() if inspect.isfunction(member) and not name.startswith("_")}

    assert named == set(SIGNATURES)


async def test_a_record_arrives_as_it_was(path: Path) -> None:
    async with ControlServer(Desk(), path), connect(path) as node:
        assert await node.event(id="a2b7c5d3e4fik7t2mq5x3wz4n6") == CROSSED
        assert await node.events(limit=1, community="") == (HELD,)


async def test_lanes_and_dead_letters_arrive_as_they_were(path: Path) -> None:
    async with ControlServer(Desk(), path), connect(path) as node:
        found = await node.deliveries(limit=5)

    assert found.lanes == (LANE,)
    assert found.dead == (LETTER,)


async def test_arguments_arrive(path: Path) -> None:
    desk = Desk()
    async with ControlServer(desk, path), connect(path) as node:
        await node.community_create(handle="commons", name='The "Commons" 🏠')
        await node.return_(id="k7t2mq5x3wz4n6a2b7c5d3e4fi", reason="We speak about gardening here.")

    assert desk.lines["commons"].name == 'The "Commons" 🏠'
    assert desk.told == ["We speak about gardening here."]


async def test_an_operators_mistake_comes_back_with_its_remedy(path: Path) -> None:
    async with ControlServer(Desk(), path), connect(path) as node:
        with pytest.raises(OperatorError, match="no event nowhere") as caught:
            await node.event(id="nowhere")

    assert caught.value.remedy == "folkmoot events list shows the newest."


async def test_another_failure_keeps_its_code_and_is_not_the_operators(path: Path) -> None:
    desk = Desk()
    desk.full = True
    async with ControlServer(desk, path), connect(path) as node:
        with pytest.raises(Exception, match="the disk is full") as caught:
            await node.deliveries(limit=1)

    assert getattr(caught.value, "code", "") == Full.code
    assert not isinstance(caught.value, OperatorError)


async def test_words_that_wait_never_leave_through_the_socket(path: Path) -> None:
    async with ControlServer(Desk(), path), aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        response = await session.post("http://node/holds", data=b'{"limit": 5, "community": ""}')
        answer = await response.read()

    assert b"k7t2mq5x3wz4n6a2b7c5d3e4fi" in answer
    assert b"the words that wait" not in answer


@pytest.mark.parametrize(
    ("name", "body"),
    [("shutdown", b"{}"), ("__init__", b"{}"), ("event", b"{}"), ("event", b'{"id": 3}'), ("event", b"no"), ("status", b'{"x": 1}')],
)
async def test_what_is_no_operation_is_refused_and_the_node_goes_on(path: Path, name: str, body: bytes) -> None:
    async with ControlServer(Desk(), path), aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        async with session.post(f"http://node/{name}", data=body) as response:
            assert response.status == 422
            assert json.loads(await response.read())["operator"] is True
        async with session.post("http://node/status", data=b"{}") as response:
            assert response.status == 200


async def test_a_bug_in_the_node_is_not_called_the_operators_fault(path: Path) -> None:
    async with ControlServer(Desk(), path), connect(path) as node:
        with pytest.raises(Invariant, match="500"):
            await node.release(id="never held")


async def test_only_the_owner_may_open_the_socket(path: Path) -> None:
    async with ControlServer(Desk(), path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_socket_is_gone_when_the_node_is(path: Path) -> None:
    async with ControlServer(Desk(), path):
        assert await is_running(path)

    assert not path.exists()
    assert not await is_running(path)


async def test_a_socket_left_by_a_killed_node_is_taken_over(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()

    async with ControlServer(Desk(), path), connect(path) as node:
        assert (await node.status()).domain == "moot.example"


def test_a_second_node_leaves_the_first_ones_socket_alone(path: Path) -> None:
    with running(Desk(), path):
        with pytest.raises(OperatorError, match="already runs"):
            asyncio.run(ControlServer(Desk(), path).start())
        assert asyncio.run(is_running(path))


async def test_nobody_there_is_said_plainly(path: Path) -> None:
    async with connect(path) as node:
        with pytest.raises(OperatorError, match="does not answer"):
            await node.status()


async def test_a_path_too_long_for_a_socket_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="too long") as caught:
        await ControlServer(Desk(), tmp_path / ("x" * 100) / "control.sock").start()

    assert "data_dir" in (caught.value.remedy or "")
