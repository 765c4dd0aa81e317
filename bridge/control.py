"""Promises that an operator's command reaches the running node: `Operations` over a unix socket that only its owner may open.

SQLite belongs to one process, so while a node runs, the command line asks it instead of opening the store. The routes are the methods of
`Operations`: `POST /{method}` with the arguments as a JSON object; the answer is the result, or `{"code", "public", "remedy"}` with 422.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import socket
import typing
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, Self, cast

import aiohttp
import msgspec
from aiohttp import web

from bridge.errors import BridgeError, Invariant, OperatorError
from bridge.operations import Operations

__all__ = ["ControlServer", "connect"]

LONGEST_PATH: Final = 100
"""Bytes; the kernel takes 107 (Linux) or 103 (macOS) for a unix socket's path."""


ANSWERS_WITHIN: Final = 5.0
"""Seconds for saying that it is there."""

FINISHES_WITHIN: Final = 300.0
"""Seconds for one operation; retiring a large community takes longest."""


class Signature(msgspec.Struct, frozen=True):
    """One method of Operations: a struct of its arguments, and the type of its result."""

    arguments: type[msgspec.Struct]
    returns: object


class Failure(msgspec.Struct, frozen=True):
    """A BridgeError on its way to the command line. `operator`: they can fix it."""

    code: str
    public: str
    remedy: str | None
    operator: bool


def _signatures() -> dict[str, Signature]:
    found = {}
    for name, method in vars(Operations).items():
        if inspect.iscoroutinefunction(method):
            hints = typing.get_type_hints(method)
            returns = hints.pop("return")
            arguments = msgspec.defstruct(name, list(hints.items()), frozen=True, forbid_unknown_fields=True)
            found[name] = Signature(arguments, returns)
    return found


SIGNATURES: Final = _signatures()


class ControlServer:
    """Answers on the socket while the node runs. Raises OperatorError when another node has it already."""

    def __init__(self, operations: Operations, path: Path) -> None:
        self.path = path
        application = web.Application(client_max_size=1_000_000)
        application.router.add_get("/", self._greet)
        application.router.add_post("/{name}", self._answer)
        self._operations = operations
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> None:
        if await is_running(self.path):
            raise OperatorError(f"a node already runs with {self.path}", remedy="Stop that one first, or give this one its own data_dir.")
        listener = await asyncio.to_thread(_bind, self.path)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Finishes what is being answered and takes the socket away."""
        await self._runner.cleanup()
        await asyncio.to_thread(self.path.unlink, missing_ok=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _greet(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _answer(self, request: web.Request) -> web.Response:
        signature = SIGNATURES.get(request.match_info["name"])
        if signature is None:
            return _failed(OperatorError("the running node does not know this command", remedy="Restart it: it is of another version."))
        try:
            arguments = msgspec.json.decode(await request.read(), type=signature.arguments)
        except msgspec.DecodeError as error:
            return _failed(
                OperatorError(f"the running node does not understand the command: {error}", remedy="Restart it after an upgrade.")
            )
        method = getattr(self._operations, request.match_info["name"])
        try:
            result = await method(**msgspec.structs.asdict(arguments))
        except BridgeError as error:
            return _failed(error)
        return web.Response(body=msgspec.json.encode(result), content_type="application/json")


async def is_running(path: Path) -> bool:
    """Does a node answer there? Raises OperatorError when the socket belongs to another account, or to a node that is stuck."""
    try:
        async with _session(path, ANSWERS_WITHIN) as session, session.get("http://node/"):
            return True
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, PermissionError):
            raise OperatorError(
                f"{path} belongs to another account", remedy="Run the command as the account that runs the node."
            ) from error
        return False
    except (TimeoutError, aiohttp.ClientError) as error:
        raise OperatorError("a node runs, but does not answer", remedy="Look at its log; restart it if it is stuck.") from error


@contextlib.asynccontextmanager
async def connect(path: Path) -> AsyncIterator[Operations]:
    """The running node's operations; their errors arrive as the errors they were. Raises OperatorError when nobody answers."""
    async with _session(path, FINISHES_WITHIN) as session:
        yield cast("Operations", _Remote(session))


def _session(path: Path, seconds: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)), timeout=aiohttp.ClientTimeout(total=seconds))


class _Remote:
    """Has every method of Operations, each a request."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name not in SIGNATURES:
            raise AttributeError(name)
        signature = SIGNATURES[name]

        async def call(**arguments: object) -> Any:
            body = msgspec.json.encode(signature.arguments(**arguments))
            try:
                async with self._session.post(f"http://node/{name}", data=body) as response:
                    status, answer = response.status, await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise OperatorError("the running node does not answer", remedy="Look at its log, then try again.") from error
            if status == 422:
                raise _error(msgspec.json.decode(answer, type=Failure))
            if status != 200:
                raise Invariant(f"the running node failed with status {status}", remedy="Its log says why.")
            return msgspec.json.decode(answer, type=signature.returns)

        return call


def _failed(error: BridgeError) -> web.Response:
    failure = Failure(error.code, error.public, error.remedy, isinstance(error, OperatorError))
    return web.Response(status=422, body=msgspec.json.encode(failure), content_type="application/json")


def _error(failure: Failure) -> BridgeError:
    error = (OperatorError if failure.operator else BridgeError)(failure.public, remedy=failure.remedy)
    error.code = failure.code
    return error


def _bind(path: Path) -> socket.socket:
    """A listening-to-be socket of mode 0600; a leftover of a killed node is taken away (`start` made sure that nobody answers)."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise OperatorError(f"the path {path} is too long for a socket", remedy=f"Choose a data_dir of at most {LONGEST_PATH - 13} bytes.")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux gives the file the mode the socket has before it is bound, so there is no moment in which others could open it.
        with contextlib.suppress(OSError):
            os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        listener.close()
        raise OperatorError(f"{path} cannot be made: {error.strerror}", remedy="data_dir must belong to this account.") from error
    return listener
