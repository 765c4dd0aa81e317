"""What is asked for decides the form of an answer; every answer says how long it may be kept, and nothing a stranger wrote is in its headers.

Activitypub.md 1.8. The media types are the literal ones that Lemmy 1.0 compares with. No answer of ours depends on a signature, so `Vary`
names `Accept` alone: with more in it, caches in front of us would keep nothing.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Awaitable, Callable
from functools import lru_cache, wraps

from aiohttp import web
from aiohttp.typedefs import Handler

from bridge.errors import BridgeError, StorageError
from bridge.logs import logger
from protocols.activitypub.wire import Document, encode

__all__ = ["ACTIVITY", "JRD", "SOON", "Form", "answering", "document", "form_asked", "moved", "page", "sentence"]

ACTIVITY = "application/activity+json"
JRD = "application/jrd+json"
SOON = 180
"""Seconds a document may be kept by others: long enough for the rush after a boost, short enough for what is taken back."""

COME_BACK = "5"
_NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}
_OPEN = {**_NO_SNIFFING, "Access-Control-Allow-Origin": "*", "Vary": "Accept"}
_PAGE = {
    **_NO_SNIFFING,
    "Vary": "Accept",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; img-src https:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}

_log = logger("activitypub.server")


class Form(enum.Enum):
    ACTIVITY = "activity"
    PAGE = "page"
    NEITHER = "neither"


def form_asked(request: web.Request) -> Form:
    """ActivityPub where any range asks for it (Mastodon's search adds `text/html;q=0.1`), or for anything at all; else a page.

    Akkoma sends two Accept lines, which count as one.
    """
    return _form(", ".join(request.headers.getall("Accept", [])))


@lru_cache(maxsize=512)
def _form(accept: str) -> Form:
    kinds = set()
    for range_ in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in range_.split(";"))
        if kind and not any(parameter.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for parameter in parameters):
            kinds.add(kind)
    if kinds & {ACTIVITY, "application/ld+json"}:
        return Form.ACTIVITY
    if kinds & {"text/html", "application/xhtml+xml"}:
        return Form.PAGE
    return Form.ACTIVITY if not kinds or kinds & {"application/json", "application/*", "*/*"} else Form.NEITHER


def document(
    request: web.Request, content: Document | bytes, *, media: str = ACTIVITY, status: int = 200, seconds: int = SOON
) -> web.Response:
    """JSON for everybody, to be kept for `seconds`; 304 when the caller has it already."""
    body = content if isinstance(content, bytes) else encode(content)
    tag = hashlib.blake2b(body, digest_size=12).hexdigest()
    headers = {**_OPEN, "Cache-Control": f"public, max-age={seconds}", "ETag": f'"{tag}"'}
    if status == 200 and any(known.value in {tag, "*"} for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(status=status, body=body, headers={**headers, "Content-Type": media})


def page(html: str, *, same_as: str | None = None, status: int = 200, form: bool = False) -> web.Response:
    """For a browser. `same_as`: the address of the document this shows (Mastodon follows the link); `form`: it has one, for us alone."""
    headers = dict(_PAGE)
    if form:
        headers["Content-Security-Policy"] = headers["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'")
    if same_as is not None:
        headers["Link"] = f'<{same_as}>; rel="alternate"; type="{ACTIVITY}"'
    return web.Response(status=status, text=html, content_type="text/html", headers=headers)


def sentence(status: int, text: str, *, seconds: int = SOON, headers: dict[str, str] | None = None) -> web.Response:
    """Why there is no document, in plain words."""
    kept = {"Cache-Control": f"public, max-age={seconds}" if seconds else "no-store"}
    return web.Response(status=status, text=f"{text}\n", headers={**_OPEN, **kept, **(headers or {})})


def moved(url: str) -> web.Response:
    """To an address of ours that shows the same; `url` was made by `ids.py`, never taken from a request."""
    return web.Response(status=302, headers={**_OPEN, "Cache-Control": f"public, max-age={SOON}", "Location": url})


def answering(handle: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
    """A handler that answers in plain words whatever goes wrong on our side."""

    @wraps(handle)
    async def answer(request: web.Request) -> web.Response:
        try:
            return await handle(request)
        except StorageError as error:
            _log.warning("request.failed", code=error.code, reason=error.private)
            return sentence(503, "The database does not answer just now; please come back.", seconds=0, headers={"Retry-After": COME_BACK})
        except BridgeError as error:
            _log.error("request.failed", code=error.code, reason=error.private)
            return sentence(500, "Something is wrong here; it was written down.", seconds=0)

    return answer
