"""`folkmoot check` finds nothing wrong with a node that is well, and names each thing that is wrong, with what to do about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from bridge.app import App
from bridge.checkup.finding import Finding, Level
from bridge.cli import root
from bridge.commands.founding import lay_out
from bridge.founding import Answers, found_secrets, settings_for
from bridge.homeserver import free_port
from bridge.keyfiles import write_private
from bridge.logs import configure
from bridge.settings import ActivityPub, Listen, Settings
from tests.bridge.checkup.front import Front, standing
from tests.bridge.node import found_node, running_node


class Place:
    """A node that runs behind a proxy, and its operator's terminal."""

    def __init__(self, folder: Path, settings: Settings, node: App, front: Front) -> None:
        self.folder = folder
        self.settings = settings
        self.node = node
        self.front = front

    async def check(self) -> tuple[list[Finding], int]:
        result = await asyncio.to_thread(run, self.folder, "check", "--json")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return msgspec.convert(json.loads(result.stdout), list[Finding]), result.exit_code


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(root, ["--settings", str(folder / "folkmoot.toml"), *words], prog_name="folkmoot")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    configure("error", form="text")  # what the node says is not to stand between what the command prints
    inner = free_port()
    answerable = ActivityPub(contact="mailto:ana@moot.example")

    def change(chosen: Settings) -> Settings:
        return msgspec.structs.replace(chosen, listen=Listen(port=inner), activitypub=answerable)

    settings = await found_node(tmp_path, change=change)
    async with running_node(settings) as node, standing(int(settings.domain.partition(":")[2]), f"http://127.0.0.1:{inner}") as front:
        yield Place(tmp_path, settings, node, front)


def wrong(findings: list[Finding]) -> list[Finding]:
    """What does not come from the test itself, which is in development and has a port."""
    return [
        one
        for one in findings
        if one.level is not Level.OK and not one.said.startswith("Development is on") and "has a port" not in one.said
    ]


async def test_nothing_is_wrong_with_a_node_that_is_well(place: Place) -> None:
    findings, status = await place.check()

    assert wrong(findings) == []
    assert status == 0
    assert {one.area for one in findings} >= {
        "settings",
        "keys",
        "disk",
        "node",
        "database",
        "names",
        "well-known",
        "proxy",
        "media",
        "clock",
    }
    assert "The public address leads to this node." in [one.said for one in findings]


@pytest.mark.parametrize(
    ("fault", "level", "area", "says", "remedy"),
    [
        ("small", Level.ERROR, "proxy", "takes no delivery of 1,000,000 bytes", "client_max_body_size"),
        ("well-known", Level.ERROR, "well-known", "is answered with 404", "pass every path"),
        ("files", Level.ERROR, "media", "and not by this node's files", "Host header unchanged"),
        ("numbers", Level.ERROR, "proxy", "shows everybody what is for the operator alone", "and nothing else"),
        ("keeps", Level.ERROR, "proxy", "is text/html for people and text/html for software", "Vary: Accept"),
        ("headers", Level.WARNING, "proxy", "headers are lost: Vary, X-Content-Type-Options", "leave the node's headers alone"),
        ("type", Level.ERROR, "well-known", "WebFinger arrives as application/json", "pass every path"),
    ],
)
async def test_what_a_proxy_does_wrong_is_named_with_its_remedy(
    place: Place, fault: str, level: Level, area: str, says: str, remedy: str
) -> None:
    place.front.faults.add(fault)

    findings, status = await place.check()

    found = [one for one in wrong(findings) if one.area == area]
    assert found, findings
    assert (found[0].level, says in found[0].said, remedy in found[0].remedy) == (level, True, True), found
    assert status == (2 if level is Level.ERROR else 0)


async def test_a_proxy_that_leads_to_another_node_is_found_out(place: Place, tmp_path: Path) -> None:
    other = await found_node(
        tmp_path / "other",
        port=int(place.settings.domain.partition(":")[2]),
        change=lambda chosen: msgspec.structs.replace(chosen, listen=Listen(port=free_port())),
    )
    async with running_node(other):
        place.front.behind = f"http://127.0.0.1:{other.listen.port}"
        findings, status = await place.check()

    assert "another node than the one that runs here" in wrong(findings)[0].said
    assert status == 2


async def test_a_node_that_is_down_behind_its_proxy_is_not_mistaken_for_a_broken_proxy(place: Place) -> None:
    await place.node.stop()

    findings, status = await place.check()

    said = [one.said for one in wrong(findings)]
    assert any("No node runs" in one for one in said)
    assert any("is answered with 502" in one for one in said)
    assert status == 2


def test_without_anything_there_each_thing_that_is_missing_is_named(tmp_path: Path) -> None:
    settings = settings_for(
        Answers("moot.invalid", "http://127.0.0.1:9", "moot.invalid", str(tmp_path / "data"), f"127.0.0.1:{free_port()}")
    )
    placed = lay_out(tmp_path / "folkmoot.toml", settings, found_secrets(lambda size: bytes(range(size))))
    registration = json.loads(placed.registration.read_text())
    write_private(placed.registration, json.dumps({**registration, "hs_token": "x" * 43}).encode(), overwrite=True)

    result = run(tmp_path, "check")

    shown = " ".join(result.stdout.split())
    assert result.exit_code == 2
    for said in (
        "registration.yaml and the settings disagree about hs_token",
        "No node runs with these settings",
        "folkmoot.sqlite is not there yet",
        "moot.invalid is not a name on the public internet",
        "http://127.0.0.1:9 does not answer as a homeserver does",
        "Nobody is named who answers for this node",
    ):
        assert said in shown, shown
    assert [line for line in result.stdout.splitlines() if len(line) > 80 and len(line.split()[-1]) < 40] == []


def test_a_settings_file_that_cannot_be_read_is_a_finding_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "folkmoot.toml").write_text('domain = "moot.example"\ndata_dir = "."\n[log]\nlevel = "loud"\n')

    result = run(tmp_path, "check", "--json")

    (finding,) = json.loads(result.stdout)
    assert (result.exit_code, finding["area"], finding["level"]) == (2, "settings", "error")
    assert "$.log.level" in finding["said"]


def test_keys_that_others_can_read_are_a_finding_and_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    (tmp_path / "folkmoot.toml").write_text('domain = "moot.invalid"\ndata_dir = "."\n')
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/secret.key").write_bytes(bytes(32))
    (tmp_path / "secrets/secret.key").chmod(0o644)

    result = run(tmp_path, "check", "--json")

    findings = msgspec.convert(json.loads(result.stdout), list[Finding])
    assert any(one.area == "keys" and "chmod 600" in one.remedy for one in findings)
    assert {"disk", "names"} <= {one.area for one in findings}
