"""Files for the programs around a node say what its settings say, and the copies in deploy/ are what the code renders."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bridge.cli import root
from bridge.deployment import KINDS
from bridge.deployment.rendering import render
from bridge.settings import Limits, Listen, Media, Settings
from bridge.settingsfile import load

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
EXAMPLE = load((DEPLOY / "folkmoot.example.toml").read_text("utf-8"), folder=Path("/etc/folkmoot"))
SPLIT = msgspec.structs.replace(EXAMPLE, domain="example.org", server="moot.example.org")


def copies() -> dict[str, str]:
    """What has to be in deploy/, by its path."""
    found = {kind.copy: render(name, SPLIT if name.startswith("split-") else EXAMPLE) for name, kind in KINDS.items()}
    return {**found, "examples/compose.Caddyfile": render("caddy", EXAMPLE, upstream="folkmoot:8420")}


@pytest.mark.parametrize("path", copies())
def test_the_copy_in_deploy_is_what_the_code_renders(path: str) -> None:
    """To render them anew: python -m tests.bridge.deployment.copying"""
    assert (DEPLOY / path).read_text("utf-8") == copies()[path]


def test_there_is_no_copy_that_nothing_renders() -> None:
    assert {f"examples/{path.name}" for path in (DEPLOY / "examples").iterdir()} <= set(copies())


def chosen(**more: object) -> Settings:
    return msgspec.structs.replace(EXAMPLE, **more)


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_web_server_serves_both_names_and_takes_what_the_node_takes(kind: str) -> None:
    settings = chosen(
        domain="commons.example",
        media=Media(host="files.example"),
        listen=Listen(host="::", port=9000),
        limits=Limits(body_bytes=4_000_000),
    )

    text = render(kind, settings)

    assert "commons.example" in text
    assert "files.example" in text
    assert "[::1]:9000" in text
    assert "4016384" in text


def test_files_under_the_nodes_own_name_are_named_once() -> None:
    assert "server_name moot.example;" in render("nginx", chosen(media=Media(host="moot.example")))


@pytest.mark.parametrize(
    ("folder", "line"),
    [("/var/lib/folkmoot", "StateDirectory=folkmoot"), ("/srv/moot/data", "ReadWritePaths=/srv/moot/data")],
)
def test_a_service_may_write_where_its_data_is_and_nowhere_else(folder: str, line: str) -> None:
    text = render("systemd", chosen(data_dir=folder))

    assert line in text.splitlines()
    assert "ProtectSystem=strict" in text
    assert ("ReadWritePaths" in text) is ("StateDirectory" not in text)


def test_an_operator_gets_a_file_for_their_own_settings(tmp_path: Path) -> None:
    (tmp_path / "folkmoot.toml").write_text('domain = "commons.example"\ndata_dir = "/var/lib/folkmoot"\n')

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(root, ["--settings", str(tmp_path / "folkmoot.toml"), *words], prog_name="folkmoot")
        return result.exit_code, result.output

    assert "commons.example, media.commons.example {" in run("example", "caddy")[1]
    assert "reverse_proxy folkmoot:8420" in run("example", "caddy", "--upstream", "folkmoot:8420")[1]
    assert f"FOLKMOOT_SETTINGS={tmp_path / 'folkmoot.toml'}" in run("example", "systemd")[1]
    for words, says in ((("nginx", "--upstream", "here;"), "is no address"), (("split-nginx",), "have the same domain")):
        status, output = run("example", *words)
        assert (status, says in output, output.count("\n")) == (2, True, 1)
