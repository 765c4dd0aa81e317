"""What the pages for people say exists, exists: paths, links, tests, decisions; and what exists and matters, they say."""

from __future__ import annotations

import re
from pathlib import PurePath
from urllib.parse import unquote

from tests.repo.tree import ROOT, modules, names, text

PAGES = [name for name in names() if name.endswith(".md")]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def test_every_relative_link_leads_somewhere() -> None:
    lost = []
    for page in PAGES:
        for link in LINK.findall(FENCE.sub("", text(page))):
            target, _, part = unquote(link).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            found = (ROOT / page).parent / target if target else ROOT / page
            if not found.exists() or (part and part not in headings(found.read_text("utf-8"))):
                lost.append(f"{page}: {link}")

    assert lost == []


def test_every_test_that_the_threat_model_relies_on_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", text("bridge/THREATS.md")))
    written = {name for file in modules("tests") for name in re.findall(r"^ *(?:async )?def (test_\w+)", text(file), re.MULTILINE)}

    assert named
    assert not named - written


def test_every_decision_is_in_the_index_and_numbered_once() -> None:
    written = [PurePath(name).name for name in names() if re.match(r"bridge/adr/\d", name)]
    numbers = [name[:4] for name in written]

    assert set(written) == set(re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", text("bridge/adr/README.md")))
    assert len(numbers) == len(set(numbers))
    assert sorted(int(number) for number in numbers) == list(range(1, len(numbers) + 1))


def test_every_decision_that_is_named_was_made() -> None:
    made = {PurePath(name).name[:4] for name in names() if re.match(r"bridge/adr/\d", name)}
    named = {number for name in names() if name.endswith((".py", ".md")) for number in re.findall(r"\bADRs? (\d{4})\b", text(name))}

    assert named <= made


def test_every_path_in_the_map_exists() -> None:
    named = re.findall(r"`((?:bridge|protocols|storage|deploy|tests)/[\w/.]*)`", text("README.md"))

    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_everything_at_the_top_of_a_package_is_in_the_map() -> None:
    named = set(re.findall(r"`((?:bridge|protocols)/\w+(?:\.py|/))`", text("README.md")))
    code = [PurePath(name) for name in modules("bridge", "protocols")]
    there = {f"{path.parts[0]}/{path.parts[1]}{'/' if len(path.parts) > 2 else ''}" for path in code}

    assert not there - named - {"bridge/__init__.py", "protocols/__init__.py"}


def test_every_room_has_a_page_or_stands_in_one() -> None:
    for room in ("bridge", "protocols", "storage", "deploy", "bridge/norms", "protocols/matrix", "protocols/activitypub"):
        assert (ROOT / room / "README.md").exists(), room


def test_the_kinds_of_tests_that_the_pages_name_can_be_run() -> None:
    kinds = set(re.findall(r'^    "([a-z-]+)": Kind\(', text("tests/run"), re.MULTILINE))
    named = {kind for page in PAGES for kind in re.findall(r"\./tests/run ([a-z][a-z-]*)", text(page))}

    assert named
    assert named <= kinds


def headings(page: str) -> set[str]:
    """Anchors as forges make them: lower case, spaces to dashes, everything else left out."""
    found = re.findall(r"^#+ (.+?)\s*$", FENCE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}
