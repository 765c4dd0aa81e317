"""What is wrong on this machine is named: registration, disk, database, and what waits in a node that runs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from bridge.checkup.finding import Finding, Level
from bridge.checkup.machine import database_findings, disk_findings, key_findings, node_findings, setting_findings
from bridge.commands.founding import lay_out
from bridge.control import ControlServer
from bridge.founding import Answers, found_secrets, settings_for
from bridge.keyfiles import Secrets, read_secrets
from bridge.settings import Media, Settings, Storage
from storage import open_store
from tests.bridge.desk import Desk
from tests.bridge.net.street import Street, answering
from tests.postgres import cluster


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    answers = Answers("moot.example", "http://127.0.0.1:8008", "hs.example", str(tmp_path / "data"))
    return lay_out(tmp_path / "folkmoot.toml", settings_for(answers), found_secrets(os.urandom))


@pytest.fixture
def secrets(settings: Settings) -> Secrets:
    return read_secrets(settings.secrets, matrix=True)


@pytest.fixture
def url() -> Iterator[str]:
    name = cluster().create()
    yield cluster().url(name)
    cluster().drop(name)


async def every(found: AsyncIterator[Finding]) -> list[Finding]:
    return [one async for one in found]


@pytest.mark.parametrize("key", ["as_token", "hs_token", "url", "namespaces"])
async def test_a_registration_that_says_something_else_is_named_by_what(settings: Settings, secrets: Secrets, key: str) -> None:
    def spoil() -> None:
        there = json.loads(settings.registration.read_text())
        settings.registration.write_text(json.dumps({**there, key: "other"}))

    assert {one.level for one in await every(key_findings(settings, secrets))} == {Level.OK}
    await asyncio.to_thread(spoil)

    wrong = (await every(key_findings(settings, secrets)))[-1]
    assert (wrong.level, f"disagree about {key}" in wrong.said) == (Level.ERROR, True)


async def test_a_registration_that_is_gone_or_open_to_all_or_yaml_is_told_apart(settings: Settings, secrets: Secrets) -> None:
    def become(what: str) -> None:
        match what:
            case "open":
                settings.registration.chmod(0o644)
            case "yaml":
                settings.registration.chmod(0o640)
                settings.registration.write_text("id: folkmoot\n")
            case "gone":
                settings.registration.unlink()

    found = []
    for what in ("open", "yaml", "gone"):
        await asyncio.to_thread(become, what)
        found.append((await every(key_findings(settings, secrets)))[-1])

    assert [one.level for one in found] == [Level.ERROR, Level.WARNING, Level.ERROR]
    assert ["chmod 640" in found[0].remedy, "cannot be read as JSON" in found[1].said, "is missing" in found[2].said] == [True] * 3


async def test_a_disk_that_is_too_full_and_files_that_may_grow_past_it_are_named(settings: Settings) -> None:
    full = msgspec.structs.replace(settings, storage=Storage(min_free_percent=90))
    greedy = msgspec.structs.replace(settings, storage=Storage(min_free_percent=0), media=Media(quota_mb=10**9))

    too_full, *_ = await every(disk_findings(full))
    well, too_much = await every(disk_findings(greedy))

    assert (too_full.level, "takes nothing new" in too_full.remedy) == (Level.ERROR, True)
    assert (well.level, too_much.level, "more than is free" in too_much.said) == (Level.OK, Level.WARNING, True)


async def test_a_database_of_other_keys_is_refused_and_its_own_is_well(settings: Settings, secrets: Secrets) -> None:
    (nothing,) = await every(database_findings(settings, secrets))
    store = open_store(settings.store, secrets.key)
    await store.close()
    (well,) = await every(database_findings(settings, secrets))
    (other,) = await every(database_findings(settings, msgspec.structs.replace(secrets, key=bytes(32))))

    assert [one.level for one in (nothing, well, other)] == [Level.WARNING, Level.OK, Level.ERROR]
    assert "another key file" in other.said


async def test_a_postgresql_is_looked_at_and_nothing_is_written_there(settings: Settings, secrets: Secrets, url: str) -> None:
    async def look(address: str) -> Finding:
        return (await every(database_findings(msgspec.structs.replace(settings, storage=Storage(url=address)), secrets)))[0]

    well = await look(url)
    unsafe = await look(f"{url}&synchronous_commit=off")
    nobody = await look(f"postgresql://ana@/moot?host={settings.data}")
    tables = await asyncio.to_thread(
        cluster().sql, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=url.split("/")[3].partition("?")[0]
    )

    assert [one.level for one in (well, unsafe, nobody)] == [Level.OK, Level.ERROR, Level.ERROR]
    assert "synchronous_commit=off is refused" in unsafe.said
    assert "whether the server runs" in nobody.remedy
    assert tables == "0"


async def test_what_waits_in_a_running_node_is_told_of(settings: Settings) -> None:
    async with AsyncExitStack() as stack, ControlServer(Desk(), settings.control):
        street = Street(stack)
        ready = await street.open(answering('{"status": "not ready", "waiting_for": {"homeserver": "has not answered yet"}}', 503))
        client = await street.client(operator_urls=(ready,))
        said = [one.said for one in await every(node_findings(settings, client, ready))]

    assert any("1 items did not reach their destination" in one for one in said)
    assert "Not ready: homeserver has not answered yet." in said


def test_settings_that_want_a_look_are_named(settings: Settings) -> None:
    shared = msgspec.structs.replace(settings, media=Media(host="moot.example"))

    said = [one.said for one in setting_findings(shared) if one.level is Level.WARNING]

    assert said == ["Nobody is named who answers for this node.", "Members' files share the node's own name."]
