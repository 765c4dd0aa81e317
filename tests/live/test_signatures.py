"""Whichever signature another server reads, it hears us: Fedify verifies what reaches it, and takes one form alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.live.fedify_side import CAVAGE, RFC9421, FedifyServer
from tests.live.node import FolkmootNode

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.mark.parametrize("scheme", [CAVAGE, RFC9421])
async def test_a_server_that_takes_one_form_of_signature_alone_gets_our_answer(tmp_path: Path, scheme: str) -> None:
    """lea follows, and is told that she may: by the second knock where the first was refused. Her server shows nothing to those who do not sign."""
    async with await FedifyServer.open("lea", secure=True, first_knock=CAVAGE, only=scheme) as server:
        node = await asyncio.to_thread(FolkmootNode.found, tmp_path / "node", peers=[server.origin])
        async with node:
            async with node.operations() as operations:
                await operations.community_create(handle="commons", name="The Commons")
            await server.follow("lea", node.handle("commons"))
            [accept] = await server.received(type="Accept")
            assert accept["scheme"] == scheme
