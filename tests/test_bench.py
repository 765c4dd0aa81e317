"""The benchmarks keep running: a handful of everything, and no word about how fast."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.postgres import is_installed

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.timeout(300)
def test_every_benchmark_still_runs_and_nothing_is_lost_on_the_way(tmp_path: Path) -> None:
    """It ends with an error when an answer is wrong, or when not exactly what was sent arrives."""
    figures = tmp_path / "figures.json"
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--few", "--json", str(figures)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    rows = msgspec.json.decode(figures.read_bytes())["rows"]
    on_both = {"Signed posts taken in", "One event across, at 50 a second", "One post to many servers"}
    on_server = {f"{heading}, on PostgreSQL" for heading in on_both} if is_installed() else set()
    assert {row["section"] for row in rows} == {*on_both, *on_server, "Matrix events taken in", "Judging", "Memory"}
    for row in rows:
        assert f"  {row['what']}  " in ran.stdout, f"{row['what']} is not in the table"
    left = {row["more"]["rows a post leaves"] for row in rows if "rows a post leaves" in row["more"]}
    assert len(left) == 1, f"what a post leaves in the store depends on who hears it: {sorted(left)}"
