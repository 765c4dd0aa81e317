"""What the pages for people say exists, exists: paths, tests, decisions."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_every_test_that_the_threat_model_relies_on_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", text("bridge/THREATS.md")))
    files = [*(ROOT / "tests/bridge").rglob("test_*.py"), *(ROOT / "tests/protocols").rglob("test_*.py")]
    written = {name for file in files for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}

    assert named
    assert not named - written


def test_every_decision_is_in_the_index() -> None:
    written = {path.name for path in (ROOT / "bridge/adr").glob("[0-9]*.md")}

    assert written == set(re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", text("bridge/adr/README.md")))


def test_every_path_in_the_map_exists() -> None:
    named = re.findall(r"`((?:bridge|protocols|storage|deploy|tests)/[\w/.]*)`", text("README.md"))

    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_every_module_at_the_top_of_a_package_is_in_the_map() -> None:
    named = set(re.findall(r"`((?:bridge|protocols)/\w+\.py)`", text("README.md")))
    modules = {f"{room}/{path.name}" for room in ("bridge", "protocols") for path in (ROOT / room).glob("*.py")}

    assert not modules - named - {"bridge/__init__.py", "protocols/__init__.py"}
