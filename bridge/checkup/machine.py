"""What can be seen on this machine: settings, keys, registration, disk, database, and the node itself where it runs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp
import msgspec

from bridge.checkup.finding import Finding, failure, fine, warning
from bridge.control import connect, is_running
from bridge.errors import BridgeError, OperatorError, StorageError
from bridge.keyfiles import Secrets, require_private
from bridge.net.client import Client
from bridge.settings import Matrix, Settings
from protocols.matrix.registration import registration
from storage.guard import refuse_network
from storage.snapshot import require_sound
from storage.store import probe_database

__all__ = ["database_findings", "disk_findings", "key_findings", "node_findings", "setting_findings"]

OLD: Final = 3_600.0
"""Seconds that something may wait to be read or decided before it is worth a look."""


def setting_findings(settings: Settings) -> Iterator[Finding]:
    yield fine("settings", f"The settings of {settings.domain} can be read, and every key in them is known.")
    if settings.development.enabled:
        yield warning(
            "settings",
            "Development is on, which loosens rules that protect everyone.",
            "On a server that others rely on, take [development] out.",
        )
    if not settings.activitypub.contact:
        yield warning(
            "settings",
            "Nobody is named who answers for this node.",
            "Set `contact` under [activitypub] to a mail address or a URL; the privacy page and other servers' operators need it.",
        )
    if settings.media_origin == settings.origin and ":" not in settings.host:
        yield warning(
            "settings",
            "Members' files share the node's own name.",
            "Where a second name can be had, leave `host` under [media] out and let the proxy pass media. on as well.",
        )


async def key_findings(settings: Settings, secrets: Secrets | None) -> AsyncIterator[Finding]:
    """Raises nothing: keys that cannot be read were told of by whoever tried."""
    if secrets is not None:
        yield fine("keys", "All keys are there, readable by this account alone.")
    if settings.matrix is not None and secrets is not None:
        yield await asyncio.to_thread(_registration, settings, settings.matrix, secrets)


def _registration(settings: Settings, matrix: Matrix, secrets: Secrets) -> Finding:
    path = settings.registration
    try:
        require_private(path, group=True)
        there = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except OperatorError as error:
        return failure("keys", error)
    except FileNotFoundError:
        return failure("keys", f"{path} is missing.", "Restore it from your backup, or copy it back from the homeserver.")
    except (OSError, msgspec.DecodeError) as error:
        # The homeserver reads YAML; an operator may have made it one. What it holds cannot be compared then.
        return warning("keys", f"{path} cannot be read as JSON: {error}", "Compare its tokens with those in data_dir/secrets by eye.")
    wanted = msgspec.json.decode(registration(settings, secrets), type=dict[str, object])
    wrong = sorted(key for key in ("as_token", "hs_token", "url", "namespaces") if there.get(key) != wanted[key])
    if wrong:
        return failure(
            "keys",
            f"{path.name} and the settings disagree about {', '.join(wrong)} ({matrix.reached_at}).",
            "Write the values of the settings and of data_dir/secrets into it, give the homeserver the new file and restart it.",
        )
    return fine("keys", "The registration file says what the settings say.")


async def disk_findings(settings: Settings) -> AsyncIterator[Finding]:
    try:
        usage = await asyncio.to_thread(shutil.disk_usage, settings.data)
        if not settings.storage.url:
            await asyncio.to_thread(refuse_network, settings.store)
    except OperatorError as error:
        yield failure("disk", error)
        return
    except OSError as error:
        yield failure(
            "disk", f"{settings.data} cannot be looked at: {error.strerror}.", "Make it, owned by the account that runs the node."
        )
        return
    share, least = usage.free * 100 / usage.total, settings.storage.min_free_percent
    said = f"{usage.free / 1e9:.1f} GB of {settings.data}'s disk are free ({share:.0f} %)."
    if share < least:
        yield failure("disk", said, f"Below {least:g} % the node takes nothing new. Free some space, or give it another disk.")
    elif share < 1.5 * least:
        yield warning("disk", said, f"Below {least:g} % the node takes nothing new. Free some space soon.")
    else:
        yield fine("disk", said)
    stored = await asyncio.to_thread(lambda: sum(path.stat().st_size for path in settings.files.glob("??/*")))
    room = settings.media.quota_mb * 1_000_000 - stored
    if room > usage.free:
        yield warning(
            "disk",
            f"Members' files may grow by {room / 1e9:.1f} GB, more than is free.",
            "Set `quota_mb` under [media] to what the disk can spare; the oldest files then make room and are fetched again when asked for.",
        )


async def node_findings(settings: Settings, client: Client, door: str) -> AsyncIterator[Finding]:
    """Whether it runs, what it is waiting for and what waits in it."""
    try:
        if not await is_running(settings.control):
            yield warning("node", "No node runs with these settings, so what only a running one shows was not looked at.", "folkmoot run")
            return
        async with connect(settings.control) as operations:
            status = await operations.status()
    except BridgeError as error:
        yield failure("node", error)
        return
    yield fine("node", f"folkmoot {status.version} runs.")
    for stream, age in status.backlog.oldest.items():
        if stream != "out" and status.backlog.rows.get(stream) and age > OLD:
            yield warning("node", f"Something in `{stream}` has waited for {age / 3600:.0f} h.", "Look at the log of the node.")
    if status.backlog.dead:
        yield warning("node", f"{status.backlog.dead} items did not reach their destination.", "folkmoot deliveries list")
    if status.backlog.stuck:
        yield warning("node", f"{status.backlog.stuck} arrivals could not be read and wait for you.", "folkmoot intake list")
    try:
        async with client.operator_session().get(f"{door}/health/ready") as answer:
            ready = msgspec.json.decode(await answer.read(), type=_Ready)
    except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError):
        yield failure("node", f"Nothing of ours answers at {door}.", "Look at `listen` in the settings, and at the node's log.")
        return
    for part, why in ready.waiting_for.items():
        yield failure("node", f"Not ready: {part} {why}.", "Look at the node's log.")


class _Ready(msgspec.Struct):
    waiting_for: dict[str, str] = {}


async def database_findings(settings: Settings, secrets: Secrets) -> AsyncIterator[Finding]:
    try:
        if settings.storage.url:
            await probe_database(settings.storage.url, password=secrets.database_password)
            yield fine("database", "PostgreSQL lets this node in, and loses nothing that it acknowledged.")
        elif await asyncio.to_thread(settings.store.is_file):
            await asyncio.to_thread(require_private, settings.store)
            await asyncio.to_thread(require_sound, settings.store, secrets.key)
            yield fine("database", "The database belongs to these keys and to this release.")
        else:
            yield warning(
                "database", f"{settings.store} is not there yet.", "`folkmoot run` makes it; on a node that ran before, restore it."
            )
    except StorageError as error:
        yield failure("database", error.private, error.remedy or "Look at the database server.")
    except OperatorError as error:
        yield failure("database", error)
