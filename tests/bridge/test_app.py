"""A node that is wired shows its operator what it does, and nobody else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import aiohttp
import msgspec
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from bridge.app import App, open_app
from bridge.changes import Park
from bridge.errors import OperatorError
from bridge.homeserver import free_port
from bridge.model.ids import LOOPBACK
from bridge.model.record import Wait
from bridge.settings import MetricsListen, Retention
from bridge.streams import Intake, Stream
from protocols.loopback.ids import key_of, lane_of
from protocols.loopback.wire import Account, Deed, Say, Words, dump
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


async def parked(node: App, words: str) -> int:
    """Something that was said and could not be read; its number."""
    assert node.loopback is not None
    deed = Deed("stamp.1", "hall", Account("ana", "Ana"), node.clock.now(), Say(words=Words(text=words)))
    entry = Intake(key_of(deed.id), lane_of("hall"), LOOPBACK, "say", dump(deed), node.clock.now())
    (receipt,) = await node.store.journal.accept([entry])
    wait = Wait(receipt.seq, None, "a fault of this bridge: KeyError", stuck=True)
    await node.store.journal.commit([Park(wait)], stream=Stream.INTAKE, lane=entry.lane, upto=receipt.seq)
    return receipt.seq


async def test_a_stuck_arrival_is_read_when_an_operator_asks_for_it_and_not_before(tmp_path: Path) -> None:
    async with open_app(await found_node(tmp_path)) as node:
        await node.operations.community_create(handle="commons", name="The Commons")
        await node.operations.community_link(handle="commons", place="loopback:hall")
        number = await parked(node, "hello")
        await node.reader.step()
        (before,) = await node.operations.intake(limit=10)
        await node.operations.intake_retry(number=number)
        await node.reader.step()

        assert (before.number, before.stuck, before.lane) == (number, True, lane_of("hall"))
        assert await node.operations.intake(limit=10) == ()
        assert [record.kind for record in await node.operations.events(limit=10, community="commons")] == ["message"]


async def test_a_stuck_arrival_that_is_given_up_leaves_a_reason_and_no_words(tmp_path: Path) -> None:
    async with open_app(await found_node(tmp_path)) as node:
        number = await parked(node, "hello")
        with pytest.raises(OperatorError, match="reason is missing"):
            await node.operations.intake_drop(number=number, reason=" ")
        await node.operations.intake_drop(number=number, reason="Nobody needs it.")
        with pytest.raises(OperatorError, match="nothing waits under"):
            await node.operations.intake_retry(number=number)

        kept = await node.store.database.read(lambda connection: connection.execute(text("SELECT body, why FROM intake")).one())
        assert tuple(kept) == (None, "dropped by the operator: Nobody needs it.")


async def test_what_is_forgotten_goes_by_the_operators_days_and_is_logged_by_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = await found_node(tmp_path, change=lambda chosen: msgspec.structs.replace(chosen, retention=Retention(log_days=2)))
    async with open_app(settings) as node:
        old = node.clock.now() - timedelta(days=3)
        receipts = await node.store.journal.accept([Intake(f"k{n}", "lane", LOOPBACK, "say", b"{}", old) for n in range(600)])
        await node.store.journal.commit([], stream=Stream.INTAKE, lane="lane", upto=receipts[-1].seq)
        structlog.configure(logger_factory=structlog.PrintLoggerFactory())

        assert await node.forget() is True, "a round is bounded"
        assert await node.forget() is False

    said = capsys.readouterr().out
    assert said.count("store.trimmed") == 2
    assert "kind=log" in said
