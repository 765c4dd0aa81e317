"""Each example in deploy/ is accepted by the program it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.homeserver import free_port
from tests.deploy.tools import TOOLS, around, certificates, program, run, site
from tests.repo.tree import ROOT

pytestmark = pytest.mark.live

EXAMPLES = ROOT / "deploy/examples"


def test_nginx_accepts_its_example(tmp_path: Path) -> None:
    nginx = program("nginx")
    text = site(EXAMPLES / "nginx.conf", certificates(tmp_path, "moot.example"), free_port(), free_port())

    said = run(nginx, "-t", "-q", *around(tmp_path, text))

    assert "warn" not in said


def test_nginx_accepts_the_lines_for_another_domain_in_its_server_block(tmp_path: Path) -> None:
    nginx = program("nginx")
    lines = (EXAMPLES / "split-domain.nginx.conf").read_text("utf-8")

    run(nginx, "-t", "-q", *around(tmp_path, f"server {{ listen 127.0.0.1:{free_port()}; server_name example.org; {lines} }}"))


@pytest.mark.parametrize("name", ["Caddyfile", "compose.Caddyfile"])
def test_caddy_accepts_its_example_and_would_write_it_the_same_way(name: str) -> None:
    caddy = program("caddy")

    assert "Valid configuration" in run(caddy, "validate", "--adapter", "caddyfile", "--config", str(EXAMPLES / name))
    run(caddy, "fmt", "--diff", str(EXAMPLES / name))


def test_caddy_accepts_the_lines_for_another_domain_in_its_site(tmp_path: Path) -> None:
    caddy = program("caddy")
    (tmp_path / "Caddyfile").write_text(f"example.org {{\n{(EXAMPLES / 'split-domain.Caddyfile').read_text('utf-8')}\n}}\n")

    assert "Valid configuration" in run(caddy, "validate", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile"))


def test_systemd_accepts_its_example_and_finds_little_to_fear(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    text = (EXAMPLES / "folkmoot.service").read_text("utf-8")
    there = ROOT / ".venv/bin/folkmoot"
    assert "/srv/folkmoot/.venv/bin/folkmoot" in text
    (tmp_path / "folkmoot.service").write_text(text.replace("/srv/folkmoot/.venv/bin/folkmoot", str(there)))

    said = run(analyze, "verify", "--man=no", "--recursive-errors=no", str(tmp_path / "folkmoot.service"))
    exposed = run(analyze, "security", "--offline=true", "--threshold=25", str(tmp_path / "folkmoot.service"))

    assert said == ""
    assert "OK" in exposed


def test_the_container_file_has_nothing_that_hadolint_objects_to_and_copies_what_exists() -> None:
    hadolint = program("hadolint")
    path = ROOT / "deploy/Containerfile"

    run(hadolint, "--failure-threshold", "info", str(path))

    copied = [line.split()[1:-1] for line in path.read_text("utf-8").splitlines() if line.startswith("COPY ") and "--from" not in line]
    assert all((ROOT / source).exists() for sources in copied for source in sources)


def test_the_compose_file_follows_the_specification_and_names_files_that_exist() -> None:
    checker = program("python3", only=TOOLS / "bin")
    path = EXAMPLES / "compose.yaml"

    run(checker, "-c", "import sys, compose_spec; compose_spec.PyCompose.from_yaml(open(sys.argv[1]).read()).validate()", str(path))

    text = path.read_text("utf-8")
    assert "./compose.Caddyfile:" in text
    assert "dockerfile: deploy/Containerfile" in text
    assert (EXAMPLES / "compose.Caddyfile").exists()
    assert (EXAMPLES / "../../deploy/Containerfile").exists()
