"""Whether the homeserver and this node reach each other, believe each other's tokens, and agree on how large a file may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import msgspec

from bridge.checkup.clock import Moments
from bridge.checkup.finding import Finding, failure, fine, warning
from bridge.control import is_running
from bridge.errors import BadRegistration, OperatorError, Unreachable
from bridge.keyfiles import Secrets
from bridge.net.client import Client
from bridge.settings import Matrix, Settings
from protocols.matrix.client import Client as MatrixClient
from protocols.matrix.client import Rejected
from protocols.matrix.registration import bot_id, registration_id

__all__ = ["homeserver_findings"]


class _Bounds(msgspec.Struct):
    upload: int | None = msgspec.field(name="m.upload.size", default=None)


async def homeserver_findings(
    settings: Settings, matrix: Matrix, secrets: Secrets, client: Client, moments: Moments
) -> AsyncIterator[Finding]:
    session = client.operator_session()
    server = MatrixClient(matrix.homeserver, secrets.as_token, session)
    try:
        await server.versions()
        async with session.head(f"{matrix.homeserver.rstrip('/')}/_matrix/client/versions") as answer:
            moments.note("the homeserver", answer.headers, datetime.now(UTC))
    except (Unreachable, Rejected, aiohttp.ClientError, TimeoutError, OSError):
        yield failure(
            "homeserver",
            f"{matrix.homeserver} does not answer as a homeserver does.",
            "Is it running, and is this the address of its client API, as this machine reaches it?",
        )
        return
    yield fine("homeserver", f"{matrix.homeserver} answers.")
    try:
        await server.whoami(bot_id(matrix))
    except BadRegistration as error:
        yield failure("homeserver", error)
        return
    except Rejected as error:
        if error.errcode != "M_FORBIDDEN":
            yield failure("homeserver", error, "Compare `server_name` and `bot` under [matrix] with the registration file.")
            return
        yield warning("homeserver", "The bot has no account yet.", "`folkmoot run` makes it.")
    except Unreachable as error:
        yield failure("homeserver", error, "Look at the homeserver's log.")
        return
    else:
        yield fine("homeserver", "It believes this node's token.")
    yield await _ping(settings, matrix, server)
    yield await _bound(settings, server)


async def _ping(settings: Settings, matrix: Matrix, server: MatrixClient) -> Finding:
    """The homeserver calls back, as it does to deliver."""
    try:
        if not await is_running(settings.control):
            return warning(
                "homeserver", "Whether it reaches this node was not tried, because no node runs.", "folkmoot run, then look again."
            )
        await server.ping(registration_id(matrix))
    except OperatorError as error:
        return failure("homeserver", error)
    except (Rejected, Unreachable) as error:
        # 502 and 504 are its words for that it could not call back, and the client's for that it has trouble: the code tells.
        errcode = error.errcode if isinstance(error, Rejected) else error.private.rpartition(" ")[2]
        if not errcode.startswith("M_"):
            return failure("homeserver", error, "Look at the homeserver's log.")
        return failure("homeserver", f"It does not reach this node at {matrix.reached_at}: {errcode}.", _remedy(errcode))
    return fine("homeserver", f"It reaches this node at {matrix.reached_at}.")


def _remedy(errcode: str) -> str:
    """https://spec.matrix.org/v1.18/client-server-api/#post_matrixclientv1appserviceappserviceidping"""
    match errcode:
        case "M_URL_NOT_SET":
            return "Its registration file has no `url`: give it the one that `folkmoot init` wrote, and restart it."
        case "M_BAD_STATUS":
            return "Something else than this node answers there, or it has another hs_token: give it the registration file again."
        case "M_FORBIDDEN":
            return "The registration's id there is not `folkmoot`: give it the registration file again."
        case _:
            return "Set `appservice_url` under [matrix] to an address at which the homeserver reaches `matrix.listen`, in both files."


async def _bound(settings: Settings, server: MatrixClient) -> Finding:
    """https://spec.matrix.org/v1.18/client-server-api/#get_matrixclientv1mediaconfig"""
    ours = settings.media.max_mb * 1_000_000
    try:
        body = await server.request("GET", "/_matrix/client/v1/media/config", user=bot_id(settings.matrix) if settings.matrix else None)
        most = msgspec.json.decode(body, type=_Bounds).upload
    except (Unreachable, Rejected, BadRegistration, msgspec.DecodeError):
        return warning("media", "The homeserver does not say how large a file may be.", "Larger ones than it takes are shown as links.")
    if most is not None and most < ours:
        return warning(
            "media",
            f"The homeserver takes files of {most / 1e6:.0f} MB, `max_mb` says {settings.media.max_mb}.",
            "What is between is shown as a link. Raise max_upload_size of the homeserver, or lower `max_mb` under [media].",
        )
    return fine("media", "The homeserver takes every file that may cross.")
