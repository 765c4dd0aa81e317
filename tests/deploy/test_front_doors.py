"""A node behind the web servers of the examples, as an operator would have it: `folkmoot check` finds nothing to mend."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bridge.checkup.finding import Finding, Level
from bridge.cli import root
from bridge.deployment.rendering import render
from bridge.homeserver import free_port
from bridge.logs import configure
from bridge.settings import ActivityPub, Development, Listen, Settings
from tests.bridge.node import found_node, running_node
from tests.deploy.tools import around, certificates, program, site

pytestmark = pytest.mark.live

OPENS_WITHIN = 20.0


class Town:
    """Ports of this machine, and the settings of a node that is reached through the secure one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secure, self.plain, self.inner, self.handles = free_port(), free_port(), free_port(), free_port()
        certificates(folder, "127.0.0.1")

    async def node(self, *, split: bool = False) -> Settings:
        domain = f"127.0.0.1:{self.secure}"

        def change(chosen: Settings) -> Settings:
            served = f"https://{domain}"
            origins = (served, f"https://127.0.0.1:{self.handles}")
            development = Development(
                enabled=True, networks=("127.0.0.0/8",), origins=origins, ca_file=str(self.folder / "ca.pem"), loopback=True
            )
            names = {"domain": f"127.0.0.1:{self.handles}", "server": domain} if split else {"domain": domain}
            return msgspec.structs.replace(
                chosen,
                **names,
                listen=Listen(port=self.inner),
                development=development,
                activitypub=ActivityPub(contact="ana@moot.example"),
            )

        return await found_node(self.folder / "node", port=self.secure, change=change)

    async def until_open(self, port: int) -> None:
        async with asyncio.timeout(OPENS_WITHIN):
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    return
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def serving(self, *command: str) -> AsyncIterator[None]:
        """A web server that ends with the test. What it says is shown when it does not open."""
        process = await asyncio.create_subprocess_exec(
            *command, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, cwd=self.folder
        )
        try:
            await self.until_open(self.secure)
            yield
        except TimeoutError:
            process.terminate()
            raise AssertionError((await process.communicate())[1].decode()) from None
        finally:
            if process.returncode is None:
                process.terminate()
                await process.communicate()

    async def nginx(self, text: str, more: str = "") -> list[str]:
        """What starts nginx with an example (and something beside it) on this town's ports."""

        def configure() -> list[str]:
            example = self.folder / "site.conf"
            example.write_text(text, "utf-8")
            return around(self.folder, site(example, self.folder, self.secure, self.plain) + more)

        return [program("nginx"), *await asyncio.to_thread(configure), "-g", "daemon off; master_process off;"]

    async def check(self) -> list[Finding]:
        """What is not in order, but for what comes from trying it on one machine."""

        def run() -> str:
            return CliRunner().invoke(root, ["--settings", str(self.folder / "node/folkmoot.toml"), "check", "--json"]).stdout

        found = msgspec.convert(json.loads(await asyncio.to_thread(run)), list[Finding])
        return [one for one in found if one.level is not Level.OK and "Development is on" not in one.said and "has a port" not in one.said]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    configure("error", form="text")  # what the node says is not to stand between what the command prints
    return Town(tmp_path)


async def test_nothing_is_to_mend_behind_nginx(town: Town) -> None:
    settings = await town.node()
    async with running_node(settings), town.serving(*await town.nginx(render("nginx", settings))):
        assert await town.check() == []


async def test_nothing_is_to_mend_behind_caddy(town: Town) -> None:
    caddy = program("caddy")
    settings = await town.node()
    text = render("caddy", settings)
    assert "\n127.0.0.1 {\n" in text
    certified = f"tls {town.folder}/fullchain.pem {town.folder}/privkey.pem"
    head = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
    text = head + text.replace("127.0.0.1 {", f"https://127.0.0.1:{town.secure} {{\n\t{certified}", 1)
    await asyncio.to_thread((town.folder / "Caddyfile").write_text, text, "utf-8")
    async with running_node(settings), town.serving(caddy, "run", "--adapter", "caddyfile", "--config", str(town.folder / "Caddyfile")):
        assert await town.check() == []


async def test_handles_of_another_domain_lead_here_by_the_lines_for_nginx(town: Town) -> None:
    settings = await town.node(split=True)
    secured = f"ssl_certificate {town.folder}/fullchain.pem; ssl_certificate_key {town.folder}/privkey.pem;"
    web_site = f"server {{ listen 127.0.0.1:{town.handles} ssl; {secured}\n{render('split-nginx', settings)}\n}}"
    async with running_node(settings), town.serving(*await town.nginx(render("nginx", settings), web_site)):
        assert await town.check() == []


async def test_a_certificate_that_nobody_trusts_is_found_out(town: Town) -> None:
    settings = await town.node()
    async with running_node(settings), town.serving(*await town.nginx(render("nginx", settings))):
        await asyncio.to_thread(certificates, town.folder, "elsewhere.example")  # another authority: the served one is of no use to it
        wrong = (await town.check())[0]

    assert (wrong.area, wrong.level, "The certificate is not for this name" in wrong.remedy) == ("proxy", Level.ERROR, True)


async def test_a_web_server_that_takes_less_than_the_node_is_found_out(town: Town) -> None:
    settings = await town.node()
    text = render("nginx", settings)
    assert "client_max_body_size 1016384;" in text
    small = text.replace("client_max_body_size 1016384;", "client_max_body_size 100k;")
    async with running_node(settings), town.serving(*await town.nginx(small)):
        (wrong,) = await town.check()

    assert (wrong.level, "client_max_body_size" in wrong.remedy) == (Level.ERROR, True)
