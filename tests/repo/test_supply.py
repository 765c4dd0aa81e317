"""What comes from elsewhere is pinned by hash and named by no address; what is ours carries no trace of the machine it was made on."""

from __future__ import annotations

import importlib.metadata
import json
import re
import tomllib

import pytest

from tests.repo.tree import modes, names, text, texts

REQUIREMENTS = [name for name in names() if name.startswith("deploy/requirements/")]

# Put together here, so that this file does not name them either.
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"))]
SOMEBODYS_FOLDER = re.compile("(?<![\\w.~-])/" + "(?:work|root|home|Users|opt)" + "/[a-z]")


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_package_is_pinned_by_hash_and_from_nowhere_in_particular(name: str) -> None:
    whole = text(name).replace("\\\n", " ")
    lines = [line.strip() for line in whole.splitlines() if line.strip() and not line.lstrip().startswith("#")]

    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==[^\s;]+( *;[^#]*?)?( +--hash=sha256:[0-9a-f]{64})+$", line), line


def test_everything_that_is_asked_for_is_pinned() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    asked = [*project["project"]["dependencies"], *(one for group in project["dependency-groups"].values() for one in group)]
    asked += [one for extra in project["project"].get("optional-dependencies", {}).values() for one in extra]
    pinned = {found.lower() for name in REQUIREMENTS for found in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==", text(name), re.MULTILINE)}

    missing = [one for one in asked if re.split(r"[\[<>=!~; ]", one)[0].lower().replace("_", "-") not in pinned]

    assert missing == []


def test_node_packages_are_pinned_by_hash_and_from_nowhere_in_particular() -> None:
    locks = [name for name in names() if name.endswith("package-lock.json")]

    assert locks
    for name in locks:
        packages = json.loads(text(name))["packages"]
        assert [path for path, package in packages.items() if "resolved" in package] == []
        assert [path for path, package in packages.items() if path and "integrity" not in package] == []
        assert [path for path, package in packages.items() if package.get("hasInstallScript")] == [], "nothing runs while it is installed"


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert [(name, host) for name, found in texts() for host in HOSTS if host in found] == []


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    found = {f"{name}: {hit[0]}" for name, content in texts() for hit in SOMEBODYS_FOLDER.finditer(content)}

    assert found == set()


def test_what_is_started_by_name_can_be_started() -> None:
    wrong = []
    for name, mode in modes().items():
        if name not in names():
            continue
        script = text(name).startswith("#!") if not name.endswith((".png", ".ico", ".woff2")) else False
        if script != (mode == "100755"):
            wrong.append(f"{name} ({mode})")

    assert wrong == []


def test_the_three_packages_are_ours_alone() -> None:
    """Their names are general ones; ADR 0002 says why, and this is one of its guards."""
    provided = importlib.metadata.packages_distributions()

    for package in ("bridge", "protocols", "storage"):
        assert provided.get(package, ["folkmoot"]) == ["folkmoot"]
