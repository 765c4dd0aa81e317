"""What operators see of a node beside a real homeserver: `folkmoot check` finds nothing wrong when it is well, and says what is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.homeserver import Homeserver
from tests.live.node import FolkmootNode, NodeFailed


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Homeserver, FolkmootNode]:
    homeserver = Homeserver(tmp_path / "hs")
    return homeserver, FolkmootNode.found(tmp_path / "node", homeserver=homeserver)


async def test_a_node_beside_a_real_homeserver_is_found_well_and_told_of_when_it_is_not(pair: tuple[Homeserver, FolkmootNode]) -> None:
    homeserver, node = pair
    await homeserver.start()
    try:
        async with node:
            findings = json.loads(await node.command("check", "--json"))
            wrong = [one for one in findings if one["level"] != "ok"]
            assert {one["said"] for one in findings} >= {
                "It believes this node's token.",
                f"It reaches this node at http://127.0.0.1:{node.settings.matrix.listen.port}.",  # type: ignore[union-attr]
                "The public address leads to this node.",
                "The registration file says what the settings say.",
                "This machine's clock agrees with that of the homeserver.",
            }
            assert [one for one in wrong if one["level"] == "error"] == []
        await homeserver.stop()
        with pytest.raises(NodeFailed, match="exited with 2"):
            await node.command("check")
    finally:
        await homeserver.stop()
