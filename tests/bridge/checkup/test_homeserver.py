"""What is between this node and its homeserver is named: no answer, another token, no way back, smaller files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.checkup.clock import Moments
from bridge.checkup.finding import Finding, Level
from bridge.checkup.homeserver import homeserver_findings
from bridge.control import ControlServer
from bridge.keyfiles import Secrets
from bridge.net.client import Client
from bridge.settings import Matrix, Settings
from tests.bridge.desk import Desk
from tests.bridge.net.street import Street
from tests.protocols.matrix.homeserver import TOKEN, Standin

BOT = "@moot:hs.test"


class Desktop:
    """A homeserver and what is found out about it."""

    def __init__(self, settings: Settings, server: Standin, client: Client) -> None:
        self.settings = settings
        self.server = server
        self.client = client
        server.be_rude("GET", "whoami", (200, {"user_id": BOT}, {}))
        server.accounts.add(BOT)

    async def look(self) -> list[Finding]:
        assert self.settings.matrix is not None
        secrets = Secrets(bytes(32), as_token=TOKEN, hs_token=TOKEN)
        moments = Moments(datetime.now(UTC))
        return [one async for one in homeserver_findings(self.settings, self.settings.matrix, secrets, self.client, moments)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desktop]:
    async with AsyncExitStack() as stack:
        server = Standin()
        await stack.enter_async_context(server.server)
        client = await Street(stack).client(operator_urls=(server.url,))
        settings = Settings(domain="moot.example", data_dir=str(tmp_path), matrix=Matrix(homeserver=server.url, server_name="hs.test"))
        await stack.enter_async_context(ControlServer(Desk(), settings.control))
        yield Desktop(settings, server, client)


async def test_a_homeserver_that_is_well_is_said_to_be(desk: Desktop) -> None:
    desk.server.be_rude("GET", "config", (200, {"m.upload.size": 50_000_000}, {}))

    findings = await desk.look()

    assert {one.level for one in findings} == {Level.OK}
    assert len(findings) == 4


@pytest.mark.parametrize(
    ("rude", "level", "says", "remedy"),
    [
        (("GET", "versions", (404, {}, {})), Level.ERROR, "does not answer as a homeserver does", "client API"),
        (("GET", "whoami", (401, {"errcode": "M_UNKNOWN_TOKEN"}, {})), Level.ERROR, "does not know our application", "app_service_config"),
        (("GET", "whoami", (403, {"errcode": "M_FORBIDDEN"}, {})), Level.WARNING, "no account yet", "folkmoot run"),
        (("POST", "ping", (502, {"errcode": "M_CONNECTION_FAILED"}, {})), Level.ERROR, "M_CONNECTION_FAILED", "appservice_url"),
        (("POST", "ping", (502, {"errcode": "M_BAD_STATUS"}, {})), Level.ERROR, "M_BAD_STATUS", "hs_token"),
        (("POST", "ping", (400, {"errcode": "M_URL_NOT_SET"}, {})), Level.ERROR, "M_URL_NOT_SET", "no `url`"),
        (("GET", "config", (200, {"m.upload.size": 1_000_000}, {})), Level.WARNING, "takes files of 1 MB", "max_upload_size"),
    ],
)
async def test_what_is_wrong_is_named_with_its_remedy(
    desk: Desktop, rude: tuple[str, str, Any], level: Level, says: str, remedy: str
) -> None:
    desk.server.be_rude(*rude)

    wrong = [one for one in await desk.look() if one.level is not Level.OK]

    assert (wrong[0].level, says in wrong[0].said, remedy in wrong[0].remedy) == (level, True, True), wrong


async def test_a_homeserver_that_is_down_is_named_by_its_address(desk: Desktop) -> None:
    address = desk.server.url
    await desk.server.server.close()

    (finding,) = await desk.look()

    assert (finding.level, finding.said.startswith(address)) == (Level.ERROR, True)


async def test_whether_it_reaches_us_is_not_guessed_while_no_node_runs(desk: Desktop) -> None:
    desk.settings = msgspec.structs.replace(desk.settings, data_dir=f"{desk.settings.data_dir}/elsewhere")

    findings = await desk.look()

    assert "was not tried, because no node runs" in [one for one in findings if one.area == "homeserver"][-1].said
    assert desk.server.count("POST", "ping") == 0
