"""The guards that stand around every test do stop what they are there for."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from blockbuster import BlockingError

from bridge import manual
from bridge.settingsfile import load
from tests.repo.tree import ROOT


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("2001:db8::1", 9, 0, 0)])
def test_a_test_that_reaches_out_of_this_machine_fails(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as reaching, pytest.raises(pytest.fail.Exception, match="reached out"):
        reaching.connect(address)


async def test_a_product_that_blocks_the_loop_fails(tmp_path: Path) -> None:
    from bridge.keyfiles import _read

    # Not `read_secrets`, which may block: it runs before there is a loop.
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(BlockingError):
        _read(tmp_path / "secret")
    assert load(manual.example(), folder=tmp_path), "and what does not block does not"


def test_an_unknown_kind_of_tests_is_answered_with_those_there_are() -> None:
    asked = subprocess.run([sys.executable, str(ROOT / "tests/run"), "nonsense"], capture_output=True, text=True, check=False, timeout=30)

    assert asked.returncode == 2
    assert "There is no kind of tests called nonsense." in asked.stdout
    assert all(kind in asked.stdout for kind in ("check", "unit", "conformance", "simulation", "faults", "live", "bench", "by-hand"))


def test_an_unknown_part_to_install_is_answered_with_those_there_are() -> None:
    script = str(ROOT / "deploy/install.py")
    asked = subprocess.run([sys.executable, script, "nonsense"], capture_output=True, text=True, check=False, timeout=30)

    assert asked.returncode == 1
    assert "no part called 'nonsense'; the parts are product, test, synapse, pasture, tools, programs" in asked.stderr
