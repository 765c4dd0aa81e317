"""The only place that wires everything together: from settings to a node that runs, drains and stops.

What is started last is stopped first: nothing comes in before it can be kept, and what was taken is finished before the doors close.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import hashlib
import importlib.metadata
import math
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from aiohttp import web

from bridge.administration import Administration
from bridge.control import ControlServer
from bridge.errors import OperatorError, StorageError
from bridge.keyfiles import Secrets, read_secrets
from bridge.logs import configure, logger
from bridge.metrics import Metrics, watch_loop
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, Protocol
from bridge.model.withdrawal import Terms
from bridge.net.client import Client, Limits, user_agent
from bridge.net.guard import policy_for
from bridge.net.server import Server, health_routes, metrics_routes, new_application
from bridge.operations import Operations
from bridge.ports import Adapter, Node
from bridge.refs import Need, Refs
from bridge.relay.courier import Courier
from bridge.relay.keeping import Bounds, Keeper
from bridge.relay.loading import Loader
from bridge.relay.reader import Reader
from bridge.relay.relay import Relay
from bridge.settings import Settings
from bridge.streams import Stream
from bridge.supervisor import Supervisor
from bridge.web.media import MediaDoor
from bridge.web.pages import SitePages
from protocols.activitypub.adapter import ActivityPubAdapter
from protocols.loopback.adapter import LoopbackAdapter
from protocols.matrix.adapter import MatrixAdapter
from storage import SqlStore, connect_store, open_store
from storage.files import FolderFiles
from storage.hints import WallClock
from storage.retention import Retention

__all__ = ["App", "Role", "open_app", "operate", "run"]

DRAIN = 10.0
"""Seconds that requests and deliveries under way get when the node stops."""

FETCHES = 64
"""Connections that deliveries leave to fetching: whose key it is that signed must not wait behind a fan-out."""

SWEEP_EVERY = 60.0
SWEEP_ON = 1.0
"""Seconds between two rounds of forgetting, and when the last one did not get to the end."""

PRUNE_EVERY = 10.0
SURVEY_EVERY = 3_600.0

_log = logger()


class Role(enum.StrEnum):
    """What one process of a node does. Several, on as many machines as wanted, need PostgreSQL."""

    ALL = "all"
    DOOR = "door"
    RELAY = "relay"
    COURIER = "courier"

    @property
    def has_doors(self) -> bool:
        """Homeserver and fediverse reach it, and so does the command line."""
        return self in {Role.ALL, Role.DOOR}

    @property
    def has_files(self) -> bool:
        """It keeps members' files, or serves them."""
        return self is not Role.COURIER

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What it works through: the relay's process reads as well."""
        shares = {Role.DOOR: (), Role.RELAY: (Stream.INTAKE, Stream.EVENTS), Role.COURIER: (Stream.OUT,)}
        return shares.get(self, tuple(Stream))


class App:
    """A wired node. `start` opens the doors and turns the loops, `stop` drains them; without them it only answers its operator."""

    def __init__(self, settings: Settings, secrets: Secrets, store: SqlStore, client: Client) -> None:
        self.settings = settings
        self.store = store
        self.clock = WallClock()
        self.version = importlib.metadata.version("folkmoot")
        self.metrics = Metrics()
        self.node = Node(settings.domain, settings.origin, id_secret(secrets.key))
        self.adapters: dict[Protocol, Adapter] = {}
        self.loader = Loader(store, self.adapters, self.clock)
        self.activitypub = ActivityPubAdapter(
            self.node,
            settings,
            store=store,
            clock=self.clock,
            client=client,
            fill=self._fill,
            pages=SitePages(settings.domain, contact=settings.activitypub.contact, retention=settings.retention),
            version=self.version,
            metrics=self.metrics,
        )
        self.adapters[ACTIVITYPUB] = self.activitypub
        self.matrix: MatrixAdapter | None = None
        if settings.matrix is not None:
            self.matrix = MatrixAdapter(
                self.node,
                settings.matrix,
                as_token=secrets.as_token,
                hs_token=secrets.hs_token,
                store=store,
                clock=self.clock,
                session=client.operator_session(),
                most_body=settings.limits.transaction_bytes,
                fetch=self.activitypub.download,
                most_file=settings.media.max_mb * 1_000_000,
                most_pixels=settings.media.max_megapixels * 1_000_000,
                metrics=self.metrics,
            )
            self.adapters[MATRIX] = self.matrix
        self.loopback: LoopbackAdapter | None = None
        if settings.development.loopback:
            self.loopback = LoopbackAdapter(self.node, store=store, clock=self.clock)
            self.adapters[LOOPBACK] = self.loopback
        self.keeper = Keeper(self.node, store, FolderFiles(settings.files), self.adapters, self.clock, bounds=_bounds(settings))
        self.relay = Relay(
            self.node,
            store,
            self.adapters,
            self.loader,
            self.clock,
            default_grace=settings.grace.default,
            metrics=self.metrics,
            keeper=self.keeper,
            terms=_terms(settings),
        )
        self.reader = Reader(store, self.adapters, self.loader, self.clock, metrics=self.metrics)
        self.courier = Courier(
            store, self.adapters, self.loader, self.clock, sends_at_once=settings.limits.sends_at_once, metrics=self.metrics
        )
        self.operations = Administration(
            self.node,
            store,
            self.adapters,
            self.relay,
            self.clock,
            version=self.version,
            keeper=self.keeper,
            shared_rooms=settings.development.shared_rooms,
        )
        self._doors: list[Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._control: ControlServer | None = None
        self._trouble: dict[str, str] = {}
        self._role = Role.ALL

    async def _fill(self, refs: Refs, needs: Sequence[Need]) -> None:
        await self.loader.fill(refs, needs, ACTIVITYPUB, outside=False)

    # ------------------------------------------------------------------------------------------------------ life

    async def start(self, role: Role = Role.ALL) -> None:
        """Raises OperatorError when an address is taken, another node runs here, or the homeserver does not know us."""
        self._role = role
        if role.has_doors:
            self._control = ControlServer(self.operations, self.settings.control)
            await self._control.start()
        for protocol, adapter in self.adapters.items():
            if protocol != MATRIX:
                await adapter.start()
        if role.has_doors:
            await self._open_doors()
        if self.settings.metrics.port:
            shown = new_application()
            shown.add_routes([*metrics_routes(self._expose), *health_routes(self.missing)])
            await self._open(shown, self.settings.metrics.host, self.settings.metrics.port, "$.metrics")
        await self.store.claims.start(role.streams)
        self._tasks = [asyncio.create_task(self._keep(name, loop), name=name) for name, loop in self._loops(role).items()]
        self.operations.since = self.clock.now()
        host, port = self.address if role.has_doors else ("", 0)
        _log.info("node.started", version=self.version, part=str(role), host=host, port=port)

    def _loops(self, role: Role) -> dict[str, Callable[[], Awaitable[None]]]:
        loops: dict[str, Callable[[], Awaitable[None]]] = {"watch": lambda: watch_loop(self.metrics)}
        if Stream.EVENTS in role.streams:
            loops |= {"reader": self.reader.run, "relay": self.relay.run, "sweep": self._sweep}
        if Stream.OUT in role.streams:
            loops |= {"courier": self.courier.run}
        if role.has_files:
            loops |= {"media": self._keep_files}
        return loops

    async def _open_doors(self) -> None:
        public = new_application(max_body=self.settings.limits.body_bytes)
        public.add_routes([*self.activitypub.routes(), *health_routes(self.missing)])
        files, host = MediaDoor(self.keeper), self.settings.media_origin.partition("://")[2]
        if host == self.settings.host:
            public.add_routes(files.routes())
        else:
            public.add_domain(host, files.application())
        await self._open(public, self.settings.listen.host, self.settings.listen.port, "$.listen")
        if self.matrix is not None and self.settings.matrix is not None:
            # The homeserver calls back while the adapter introduces itself, so its door is open before.
            door = self.settings.matrix.listen
            await self._open(self.matrix.application(), door.host, door.port, "$.matrix.listen")
            await self.matrix.start()

    async def _open(self, application: web.Application, host: str, port: int, key: str) -> None:
        server = Server(application, host, port)
        try:
            await server.start()
        except OSError as error:
            raise OperatorError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                remedy=f"Choose another port under {key}, or stop what uses it.",
            ) from error
        self._doors.append(server)

    @property
    def address(self) -> tuple[str, int]:
        """Where the public door listens."""
        return self._doors[0].address

    async def stop(self) -> None:
        """No new work, then what is under way, then the doors. What is cut off here is done again at the next start."""
        for door in self._doors:
            await door.drain(DRAIN)
        for task in self._tasks:
            if task.get_name() != "courier":
                task.cancel()
        try:
            await self.courier.drain(DRAIN)
        except StorageError as error:
            _log.error("store.failed", code=error.code, reason=error.private)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks, self._doors = [], []
        await self.store.claims.stop()
        _log.info("node.drained")
        for adapter in self.adapters.values():
            await adapter.stop()
        if self._control is not None:
            await self._control.stop()
            self._control = None
        self.operations.since = None
        _log.info("node.stopped")

    def missing(self) -> dict[str, str]:
        """What is not ready: part → why, in plain words."""
        found = dict(self._trouble)
        if not self._tasks:
            found["node"] = "is starting or stopping"
        if self.matrix is not None and self._role.has_doors and not self.matrix.is_reached:
            found["homeserver"] = "has not answered yet, or does not reach this node"
        return found

    async def _expose(self) -> bytes:
        """The exposition. While the store does not answer, what it alone knows is left out: an old number would look like a good one."""
        shown = self.metrics
        shown.queue_depth.clear()
        shown.queue_oldest_seconds.clear()
        alone = dict.fromkeys((shown.holds_waiting, shown.dead_letters, shown.intake_stuck, shown.disk_free_bytes), math.nan)
        try:
            backlog = await self.store.journal.backlog(self.clock.now())
        except StorageError as error:
            _log.warning("store.failed", code=error.code, reason=error.private)
        else:
            for name, count in backlog.rows.items():
                shown.queue_depth.labels(name).set(count)
                shown.queue_oldest_seconds.labels(name).set(backlog.oldest.get(name, 0.0))
            free = math.nan if backlog.disk_free is None else backlog.disk_free
            alone = {
                shown.holds_waiting: backlog.holds,
                shown.dead_letters: backlog.dead,
                shown.intake_stuck: backlog.stuck,
                shown.disk_free_bytes: free,
            }
        for gauge, value in alone.items():
            gauge.set(value)
        return shown.render()

    # ------------------------------------------------------------------------------------------------------ loops

    async def _keep(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """A loop that ended by a bug of ours is told of, and turns again: the store knows where it was."""
        while True:
            try:
                await loop()
            except Exception as error:  # noqa: BLE001  (whatever it was, the other loops and the operator's commands must go on)
                _log.error("loop.failed", loop=name, code="invariant", exc_info=error)
                self._trouble[name] = "has failed and was started again; the log says why"
            await self.clock.sleep(1.0)

    async def _keep_files(self) -> None:
        """What is served no more is off the disk within a minute; once an hour every file is looked at."""
        surveyed: datetime | None = None
        while True:
            try:
                if gone := await self.keeper.prune():
                    _log.info("media.removed", kind="unserved", count=gone)
                now = self.clock.now()
                if surveyed is None or (now - surveyed).total_seconds() >= SURVEY_EVERY:
                    await self.keeper.survey()
                    surveyed = now
            except StorageError as error:
                _log.error("store.failed", code=error.code, reason=error.private)
            await self.clock.sleep(PRUNE_EVERY)

    async def _sweep(self) -> None:
        pause = SWEEP_EVERY
        while True:
            await self.clock.sleep(pause)
            pause = SWEEP_ON if await self.forget() else SWEEP_EVERY

    async def forget(self) -> bool:
        """One bounded round: what is done with goes when its time is over. True when there is more; what happened is in the log."""
        try:
            swept = await self.store.sweep(self.clock.now(), _retention(self.settings))
        except StorageError as error:
            _log.error("store.failed", code=error.code, reason=error.private)
            return False
        for kind, count in {**swept.kinds, "words": swept.bodies}.items():
            if count:
                _log.info("store.trimmed", kind=kind, count=count)
        return swept.more


def _terms(settings: Settings) -> Terms:
    chosen = settings.forget
    return Terms(chosen.confirm_over, timedelta(minutes=chosen.cancel_minutes), timedelta(days=chosen.asked_again_days))


def _bounds(settings: Settings) -> Bounds:
    chosen = settings.media
    return Bounds(settings.media_origin, chosen.max_mb * 1_000_000, chosen.max_megapixels * 1_000_000, chosen.quota_mb * 1_000_000)


def _retention(settings: Settings) -> Retention:
    chosen = settings.retention
    return Retention(
        log=timedelta(days=chosen.log_days),
        keys=timedelta(days=chosen.keys_days),
        decisions=timedelta(days=chosen.decisions_days),
        peers=timedelta(days=chosen.peers_days),
    )


def id_secret(key: bytes) -> bytes:
    """What ids are derived with, apart from what seals private keys: 32 bytes from the node's secret."""
    return hashlib.blake2b(b"ids", key=key, digest_size=32).digest()


@contextlib.asynccontextmanager
async def open_app(settings: Settings) -> AsyncIterator[App]:
    """A wired node over its own store; nothing turns until `start`. Raises OperatorError for what the operator has to mend."""
    secrets = read_secrets(settings.secrets, matrix=settings.matrix is not None)
    operator_urls: Iterable[str] = [settings.matrix.homeserver] if settings.matrix is not None else []
    policy = policy_for(settings.development, operator_urls=operator_urls)
    store = await _open_database(settings, secrets)
    try:
        agent = user_agent(importlib.metadata.version("folkmoot"), settings.host)
        bounds = Limits(total=settings.limits.fetch_seconds, connections=settings.limits.sends_at_once + FETCHES)
        async with Client(policy, agent, limits=bounds) as client:
            yield App(settings, secrets, store, client)
    finally:
        await store.close()


async def _open_database(settings: Settings, secrets: Secrets) -> SqlStore:
    least = settings.storage.min_free_percent
    if settings.storage.url:
        return await connect_store(settings.storage.url, secrets.key, password=secrets.database_password, min_free_percent=least)
    return await asyncio.to_thread(open_store, settings.store, secrets.key, min_free_percent=least)


@contextlib.asynccontextmanager
async def operate(settings: Settings) -> AsyncIterator[Operations]:
    """The operations of a node that nobody runs, for one command."""
    configure("error", form="text")
    async with open_app(settings) as app:
        await app.activitypub.start()
        try:
            yield app.operations
        finally:
            await app.activitypub.stop()


def _require(settings: Settings, role: Role) -> None:
    """Raises OperatorError for a part of a node that has to be whole."""
    if role is Role.ALL:
        return
    if not settings.storage.url:
        raise OperatorError(
            f"a node on a SQLite file is one process and cannot run as {role} alone",
            remedy="Leave --role out, or move to PostgreSQL first: folkmoot db copy.",
        )
    if settings.development.loopback:
        raise OperatorError("the built-in place lives in one process", remedy="Leave --role out, or take `loopback` out of [development].")


async def run(settings: Settings, role: Role = Role.ALL) -> None:
    """Runs until SIGTERM or SIGINT, then drains. Raises OperatorError when it cannot start."""
    _require(settings, role)
    configure(settings.log.level, form=settings.log.format)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    supervisor = Supervisor.named_in(os.environ)
    async with open_app(settings) as app:
        reassuring: asyncio.Task[None] | None = None
        try:
            await app.start(role)
            supervisor.tell("READY=1")
            reassuring = asyncio.create_task(supervisor.reassure(), name="supervisor")
            await stopping.wait()
        finally:
            supervisor.tell("STOPPING=1")
            if reassuring is not None:
                reassuring.cancel()
            await app.stop()
