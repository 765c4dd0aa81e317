"""A node that is wired shows its operator what it does, and nobody else."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from bridge.homeserver import free_port
from bridge.settings import MetricsListen
from tests.bridge.node import found_node, running_node


async def test_metrics_are_served_to_the_operator_and_at_no_public_address(tmp_path: Path) -> None:
    port = free_port()
    settings = await found_node(tmp_path, change=lambda chosen: msgspec.structs.replace(chosen, metrics=MetricsListen(port=port)))

    async with running_node(settings) as node, aiohttp.ClientSession() as visitor:
        await node.operations.community_create(handle="commons", name="The Commons")
        async with visitor.get(f"http://127.0.0.1:{port}/metrics") as shown, visitor.get(f"{settings.origin}/metrics") as public:
            exposition, kind, hidden = await shown.text(), shown.headers["Content-Type"], public.status

    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }
    assert kind.startswith("text/plain")
    assert values["folkmoot_queue_depth", "intake"] == 0
    assert values["folkmoot_dead_letters",] == 0
    assert values["folkmoot_disk_free_bytes",] > 0
    assert hidden == 404


async def test_nobody_is_shown_metrics_unless_the_operator_says_where(tmp_path: Path) -> None:
    async with running_node(await found_node(tmp_path)) as node:
        assert len(node._doors) == 1
