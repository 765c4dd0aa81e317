"""The programs operators use, wherever they are: installed beside the tests, or on this machine; and what they need around an example."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme

from tests.repo.tree import ROOT

__all__ = ["TOOLS", "around", "certificates", "program", "run", "site"]

TOOLS = ROOT / ".tools"


def program(name: str, *, only: Path | None = None) -> str:
    """Its path. Skips the test, with the reason, where it cannot be had."""
    places = [str(TOOLS / "bin"), str(TOOLS / "debian/usr/sbin"), *os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/sbin"]
    found = shutil.which(name, path=str(only) if only is not None else os.pathsep.join(places))
    if found is None:
        pytest.skip(f"{name} is not on this machine, and `python3 deploy/install.py tools` did not bring it")
    return found


def run(*command: str) -> str:
    """What it said, on both streams; it must have ended well."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


def certificates(folder: Path, *names: str) -> Path:
    """A folder as certbot leaves it, and in it `ca.pem`, whom to trust."""
    authority = trustme.CA()
    made = authority.issue_cert(*names)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    made.private_key_pem.write_to_path(str(folder / "privkey.pem"))
    (folder / "fullchain.pem").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    return folder


def site(example: Path, certified: Path, secure: int, plain: int) -> str:
    """An nginx example on other ports and with certificates that are there; everything else as it is."""
    text = example.read_text("utf-8")
    where = text.split("ssl_certificate ")[1].split("/fullchain.pem")[0]
    for was, now in (
        (where, str(certified)),
        ("listen [::]:80;", ""),
        ("listen [::]:443 ssl;", ""),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{secure} ssl;"),
    ):
        assert was in text, was
        text = text.replace(was, now)
    return text


def around(folder: Path, body: str) -> list[str]:
    """What tells nginx to read `body` and to write nowhere but into `folder`."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(f"pid {folder}/pid;\nevents {{}}\nhttp {{ access_log off; {paths}\n{body}\n}}\n", "utf-8")
    return ["-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
