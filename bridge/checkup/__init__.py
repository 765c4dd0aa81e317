"""Looks at everything a node needs from its surroundings, changes nothing, and says of each what was found and what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from bridge.checkup.clock import Moments, clock_findings
from bridge.checkup.finding import Finding, Level
from bridge.checkup.homeserver import homeserver_findings
from bridge.checkup.machine import database_findings, disk_findings, key_findings, node_findings, setting_findings
from bridge.checkup.outside import name_findings, outside_findings
from bridge.keyfiles import Secrets
from bridge.net.client import Client
from bridge.settings import Settings

__all__ = ["Finding", "Level", "examine", "operator_urls"]


def operator_urls(settings: Settings) -> tuple[str, ...]:
    """Whom the client may ask besides public addresses: the homeserver, and this node's own door."""
    door = f"http://{settings.listen.local}"
    return (door, settings.matrix.homeserver) if settings.matrix is not None else (door,)


async def examine(settings: Settings, secrets: Secrets | None, client: Client, now: datetime) -> AsyncIterator[Finding]:
    """From the inside out, each as soon as it is known. `secrets` None: they cannot be read, which is a finding of its own."""
    for finding in setting_findings(settings):
        yield finding
    async for finding in key_findings(settings, secrets):
        yield finding
    async for finding in disk_findings(settings):
        yield finding
    async for finding in node_findings(settings, client, operator_urls(settings)[0]):
        yield finding
    if secrets is not None:
        async for finding in database_findings(settings, secrets):
            yield finding
    moments = Moments(now)
    async for finding in name_findings(settings, client):
        yield finding
    async for finding in outside_findings(settings, client, moments, door=operator_urls(settings)[0]):
        yield finding
    if settings.matrix is not None and secrets is not None:
        async for finding in homeserver_findings(settings, settings.matrix, secrets, client, moments):
            yield finding
    for finding in clock_findings(moments):
        yield finding
