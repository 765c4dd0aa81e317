"""A backup made while the node works holds everything; what is restored from it is the same node, and goes on where that one stood."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from click.testing import CliRunner, Result

import bridge.app  # noqa: F401  loading it inside a running loop would block that
from bridge import settingsfile
from bridge.app import App
from bridge.backup import read_contents
from bridge.changes import PutMedia
from bridge.cli import root
from bridge.homeserver import free_port
from bridge.keyfiles import write_private
from bridge.model.record import Kept
from bridge.settings import Storage
from protocols.loopback.hall import Hall
from tests.bridge.media.pictures import jpeg
from tests.bridge.node import found_node, running_node
from tests.postgres import cluster

KEY = bytes(range(32))
LEAST = 'domain = "moot.example"\ndata_dir = "data"\n'
WITHIN = 20.0


def run(settings: Path, *words: str) -> Result:
    return CliRunner().invoke(root, ["--settings", str(settings), *words], prog_name="folkmoot")


async def command(settings: Path, *words: str) -> Result:
    return await asyncio.to_thread(run, settings, *words)


def hall(node: App) -> Hall:
    assert node.loopback is not None
    return node.loopback.hall


def said(node: App, room: str) -> list[str]:
    return [line.text for line in hall(node).conversation(room) if line.by.id != "moot"]


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN):
        while not look():
            await asyncio.sleep(0.01)


async def documents(origin: str) -> dict[str, tuple[int, str, bytes]]:
    """Everything of ours that is to be found from its front door, as software and as people see it: status, media type and bytes."""
    found: dict[str, tuple[int, str, bytes]] = {}
    waiting = [f"{origin}/", f"{origin}/.well-known/nodeinfo", f"{origin}/.well-known/webfinger?resource=acct:commons@{origin[7:]}"]
    async with aiohttp.ClientSession() as visitor:
        while waiting:
            url = waiting.pop()
            for accept in ("application/activity+json", "text/html"):
                key = f"{accept} {url}"
                async with visitor.get(url, headers={"Accept": accept}, allow_redirects=False) as answer:
                    body = await answer.read()
                    found[key] = (answer.status, answer.headers.get("Content-Type", ""), body)
                    links = [answer.headers["Location"]] if "Location" in answer.headers else []
                if "json" in found[key][1]:
                    links += strings(json.loads(body))
                seen = {known.partition(" ")[2] for known in found}
                waiting += [link for each in links if each.startswith(origin) and (link := each.partition("#")[0]) not in seen]
    return found


def strings(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for each in value for text in strings(each)]
        case dict():
            return [text for each in value.values() for text in strings(each)]
        case _:
            return []


async def keep_a_picture(node: App) -> str:
    """A member's picture that is served; its address."""
    body = jpeg()
    digest = await node.keeper._files.put(body)
    kept = Kept("b7c5d3e4fik7t2mq5x3wz4n6a2", "o1", "mxc://hs.example/p", digest, "image/jpeg", len(body), node.clock.now())
    await node.store.journal.commit([PutMedia(kept)])
    return node.keeper.address(kept)


async def test_a_restored_backup_serves_the_same_documents_and_goes_on_where_the_original_stood(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    origins = tuple(f"http://127.0.0.1:{port}" for port in ports)
    near = await found_node(tmp_path / "near", port=ports[0], peers=origins)
    far = await found_node(tmp_path / "far", port=ports[1], peers=origins)

    async with running_node(near, "hall") as node:
        await node.operations.community_create(handle="commons", name="The Commons")
        await node.operations.community_link(handle="commons", place="loopback:hall")
        ana = hall(node).person("ana", "Ana")
        async with running_node(far, "table") as reader:
            await reader.operations.community_create(handle="readers", name="Readers")
            await reader.operations.community_link(handle="readers", place="loopback:table")
            await reader.operations.community_link(handle="readers", place=f"@commons@{near.domain}")
            async with asyncio.timeout(WITHIN):
                while not (await node.operations.communities())[0].followers:
                    await asyncio.sleep(0.01)
            await ana.say("hall", "!cross on ana")
            await ana.say("hall", "Who has a saw?")
            await until(lambda: "Who has a saw?" in said(reader, "table"))
        picture = await keep_a_picture(node)
        await ana.say("hall", "And a plane?")
        async with asyncio.timeout(WITHIN):
            while not any(lane.fails for lane in (await node.operations.deliveries(limit=10)).lanes):
                await asyncio.sleep(0.01)
        made = await command(tmp_path / "near/folkmoot.toml", "backup", str(tmp_path / "copy"))
        before = await documents(near.origin)
        async with aiohttp.ClientSession() as visitor, visitor.get(picture) as shown:
            bytes_before = await shown.read()
    assert made.exit_code == 0, made.output
    (tmp_path / "near").rename(tmp_path / "lost")
    restored = await command(tmp_path / "again/folkmoot.toml", "restore", str(tmp_path / "copy"))
    assert restored.exit_code == 0, restored.output

    again = await asyncio.to_thread(settingsfile.read, tmp_path / "again/folkmoot.toml")
    async with running_node(again, "hall") as node:
        after = await documents(again.origin)
        async with aiohttp.ClientSession() as visitor, visitor.get(picture) as shown:
            bytes_after = await shown.read()
        async with running_node(far, "table") as reader:
            await until(lambda: "And a plane?" in said(reader, "table"))
            await hall(node).person("ana", "Ana").say("hall", "Found one.")
            await until(lambda: "Found one." in said(reader, "table"))
            heard = said(reader, "table")

    assert len(before) > 30
    assert any(b"Who has a saw?" in body and "/o/" in url for url, (_, _, body) in before.items())
    assert {url for url in before if before[url] != after.get(url)} == set()
    assert bytes_before == bytes_after != b""
    assert heard == ["And a plane?", "Found one."], "what waited arrives, once, and before what came later"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node that was founded, has a community and does not run."""
    home = tmp_path / "home"
    (home / "data/secrets").mkdir(mode=0o700, parents=True)
    (home / "data/media/aa").mkdir(mode=0o700, parents=True)
    write_private(home / "data/secrets/secret.key", KEY)
    write_private(home / "data/media/aa" / ("a" * 64), b"a picture")
    (home / "folkmoot.toml").write_text(LEAST)
    assert run(home / "folkmoot.toml", "community", "create", "commons", "The Commons").exit_code == 0
    return home


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_backup_holds_all_that_a_node_needs_and_is_its_owners_alone(folder: Path, tmp_path: Path) -> None:
    made = run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))

    assert made.exit_code == 0, made.output
    paths = [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in paths if path.is_file()} == {"0o600"}
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in paths if path.is_dir()} == {"0o700"}
    names = {"backup.json", "folkmoot.toml", "folkmoot.sqlite", "secrets/secret.key", f"media/aa/{'a' * 64}"}
    assert set(everything(tmp_path / "copy")) == names
    assert {piece.path for piece in read_contents(tmp_path / "copy").files} == names - {"backup.json"}


def test_a_restored_node_is_laid_out_with_the_modes_it_had(folder: Path, tmp_path: Path) -> None:
    run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))

    restored = run(tmp_path / "again/folkmoot.toml", "restore", str(tmp_path / "copy"))

    assert restored.exit_code == 0, restored.output
    files = [path for path in (tmp_path / "again").rglob("*") if path.is_file()]
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == {"0o600"}
    assert "@commons@moot.example" in run(tmp_path / "again/folkmoot.toml", "community", "list").output


@pytest.mark.parametrize("victim", ["folkmoot.sqlite", "secrets/secret.key", f"media/aa/{'a' * 64}"])
def test_a_damaged_backup_is_refused_by_the_name_of_the_file_and_nothing_is_laid_out(folder: Path, tmp_path: Path, victim: str) -> None:
    run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))
    body = bytearray((tmp_path / "copy" / victim).read_bytes())
    body[len(body) // 2] ^= 1
    (tmp_path / "copy" / victim).write_bytes(body)

    refused = run(tmp_path / "again/folkmoot.toml", "restore", str(tmp_path / "copy"))

    assert refused.exit_code == 2
    assert f"{victim} is not what was backed up" in refused.output
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("path", ["../../escaped", "secrets/../../escaped", "/tmp/escaped", "secrets/.hidden", "media/aa/b/c", "other"])
def test_a_backup_that_names_a_path_of_its_own_is_refused(folder: Path, tmp_path: Path, path: str) -> None:
    run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))
    listing = tmp_path / "copy/backup.json"
    listing.write_text(listing.read_text().replace("secrets/secret.key", path))

    refused = run(tmp_path / "again/folkmoot.toml", "restore", str(tmp_path / "copy"))

    assert (refused.exit_code, "does not belong there" in refused.output) == (2, True)
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "escaped").exists()


def test_a_node_that_is_there_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))
    before = everything(folder)

    refused = run(folder / "folkmoot.toml", "restore", str(tmp_path / "copy"))

    assert refused.exit_code == 2
    assert "is there already" in refused.output
    assert "Nothing was changed" in refused.output
    assert everything(folder) == before


def test_a_settings_file_of_another_node_is_refused(folder: Path, tmp_path: Path) -> None:
    run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))
    (tmp_path / "other.toml").write_text(LEAST.replace("moot.example", "other.example"))

    refused = run(tmp_path / "other.toml", "restore", str(tmp_path / "copy"))

    assert (refused.exit_code, "the backup is of moot.example" in refused.output.lower()) == (2, True)


def test_a_backup_never_replaces_another_and_one_that_was_cut_off_is_pointed_out(folder: Path, tmp_path: Path) -> None:
    run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))
    again = run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))
    (tmp_path / ".other.unfinished").mkdir()
    cut = run(folder / "folkmoot.toml", "backup", str(tmp_path / "other"))

    assert (again.exit_code, "is there already" in again.output) == (2, True)
    assert (cut.exit_code, "rm -r" in cut.output) == (2, True)


def test_a_backup_that_cannot_be_finished_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    (folder / "data/folkmoot.sqlite").write_bytes(b"not a database" * 1000)

    failed = run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))

    assert failed.exit_code == 2
    assert "cannot be copied" in failed.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_a_backup_with_another_key_is_not_made(folder: Path, tmp_path: Path) -> None:
    write_private(folder / "data/secrets/secret.key", KEY[::-1], overwrite=True)

    failed = run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))

    assert (failed.exit_code, "sealed with another key file" in failed.output) == (2, True)
    assert not (tmp_path / "copy").exists()


def test_on_postgresql_the_rest_is_copied_and_the_way_to_copy_the_database_is_said(folder: Path, tmp_path: Path) -> None:
    (folder / "folkmoot.toml").write_text(LEAST + '[storage]\nurl = "postgresql://ana@db.example/moot"\n')

    made = run(folder / "folkmoot.toml", "backup", str(tmp_path / "copy"))
    without = run(tmp_path / "again/folkmoot.toml", "restore", str(tmp_path / "copy"))

    assert made.exit_code == 0, made.output
    assert "pg_dump --format=custom" in made.output
    assert "postgresql://ana@db.example/moot" in made.output
    assert "folkmoot.sqlite" not in everything(tmp_path / "copy")
    assert (without.exit_code, "pg_restore" in without.output) == (0, True)


@pytest.fixture
def databases() -> Iterator[tuple[str, str]]:
    """Two empty ones of the same server, as their URLs."""
    names = [cluster().create(), cluster().create()]
    yield cluster().url(names[0]), cluster().url(names[1])
    for name in names:
        cluster().drop(name)


async def test_what_is_said_about_postgresql_makes_a_backup_that_serves_the_same_documents(
    tmp_path: Path, databases: tuple[str, str]
) -> None:
    url, fresh = databases
    settings = await found_node(tmp_path / "near", change=lambda one: msgspec.structs.replace(one, storage=Storage(url=url)))
    async with running_node(settings, "hall") as node:
        await node.operations.community_create(handle="commons", name="The Commons")
        await node.operations.community_link(handle="commons", place="loopback:hall")
        ana = hall(node).person("ana", "Ana")
        await ana.say("hall", "!cross on ana")
        await ana.say("hall", "Who has a saw?")
        async with asyncio.timeout(WITHIN):
            while not any(
                one.kind == "message" and one.ended == "crossed" for one in await node.operations.events(limit=10, community="commons")
            ):
                await asyncio.sleep(0.05)
        made = await command(tmp_path / "near/folkmoot.toml", "backup", str(tmp_path / "copy"))
        # What it says, word for word, with this server's own programs in front.
        (dump,) = [line.strip() for line in made.output.splitlines() if line.strip().startswith("pg_dump ")]
        await shell(dump)
        before = await documents(settings.origin)
    (tmp_path / "near").rename(tmp_path / "lost")
    await shell(f"pg_restore --no-owner --dbname='{fresh}' {tmp_path / 'copy/database.dump'}")
    await asyncio.to_thread(tmp_path.joinpath("again").mkdir)
    moved = (await asyncio.to_thread((tmp_path / "copy/folkmoot.toml").read_text)).replace(url, fresh)
    await asyncio.to_thread((tmp_path / "again/folkmoot.toml").write_text, moved)
    restored = await command(tmp_path / "again/folkmoot.toml", "restore", str(tmp_path / "copy"))

    assert restored.exit_code == 0, restored.output
    again = await asyncio.to_thread(settingsfile.read, tmp_path / "again/folkmoot.toml")
    async with running_node(again, "hall"):
        after = await documents(again.origin)
    assert any(b"Who has a saw?" in body and "/o/" in address for address, (_, _, body) in before.items())
    assert {address for address in before if before[address] != after.get(address)} == set()


async def shell(line: str) -> None:
    path = f"{cluster().binaries}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_shell(line, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PATH": path})
    said = (await process.communicate())[1]
    assert process.returncode == 0, said.decode()
