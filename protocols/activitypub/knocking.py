"""Requests of ours are signed in the form that a server believes: the draft form first, RFC 9421 once that was refused, remembered per origin.

Activitypub.md 2.1 and 2.2; RFC 9421 section 5 (`Accept-Signature`); FEP-844e. What is remembered costs one request to learn again, so it lives
in memory, within a bound. A form counts as believed only when the other one was refused before: a public GET, which answers whatever the
signature, says nothing of it.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeAlias

from bridge.errors import Refused
from bridge.net.client import Answer, Client, Sign
from bridge.net.guard import origin
from bridge.ports import Clock
from protocols.activitypub.keys import Signer
from protocols.activitypub.recent import Recent
from protocols.activitypub.request import Request
from protocols.activitypub.rfc9421 import Asked, read_challenge
from protocols.activitypub.signatures import sign_draft, sign_rfc9421

__all__ = ["Form", "Knocking", "signing"]

MOST_ORIGINS = 4_096

_NOT_BELIEVED = 401
_MAYBE_NOT = frozenset({400, 403})
"""Mastodon 4.7 says 400 to a signature it cannot read, others 403; of a server that believed us before, they are about something else."""


_Ask: TypeAlias = Callable[[Sign], Awaitable[Answer]]


class Form(enum.Enum):
    """How a request is signed."""

    DRAFT = "draft"
    PATH = "draft, the path alone"
    """Misskey verifies the path without its query."""
    STANDARD = "rfc9421"


class Knocking:
    """`get` and `post` as the client has them, signed; at most three tries, each with the same body and a fresh signature."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._believed: Recent[Form] = Recent(MOST_ORIGINS)
        self._told: Recent[bool] = Recent(MOST_ORIGINS)

    def tells(self, url: str) -> None:
        """The server at `url` says that it reads RFC 9421 (FEP-844e): unless it was seen to believe a form, that one goes first."""
        self._told.put(_origin(url), True)

    async def get(self, url: str, headers: Mapping[str, str], signer: Signer, *, accept_limit: int) -> Answer:
        """Raises as `Client.get` does."""

        async def ask(sign: Sign) -> Answer:
            return await self._client.get(url, headers, accept_limit=accept_limit, sign=sign)

        return await self._knock(url, signer, ask)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], signer: Signer) -> Answer:
        """Raises as `Client.post` does."""

        async def ask(sign: Sign) -> Answer:
            return await self._client.post(url, body, headers, sign=sign)

        return await self._knock(url, signer, ask, counts=True)

    async def _knock(self, url: str, signer: Signer, ask: _Ask, *, counts: bool = False) -> Answer:
        """`counts`: a yes to the first form shows that it is believed, since the signature was needed."""
        where = _origin(url)
        first = self._first(where)
        answer = await ask(signing(signer, self._clock, first))
        if not self._is_refused(answer, where):
            if counts and 200 <= answer.status < 300:
                self._believed.put(where, first)
            return answer
        challenge = read_challenge(answer.headers.getall("Accept-Signature", []), signer)
        for form in _others(first, url, challenged=challenge is not None):
            again = await ask(signing(signer, self._clock, form, challenge))
            if again.status not in _MAYBE_NOT | {_NOT_BELIEVED}:
                # Whatever it says now, it says it to somebody it knows.
                self._believed.put(where, form)
                return again
        return answer

    def _first(self, where: str) -> Form:
        return self._believed.get(where) or (Form.STANDARD if where in self._told else Form.DRAFT)

    def _is_refused(self, answer: Answer, where: str) -> bool:
        return answer.status == _NOT_BELIEVED or (answer.status in _MAYBE_NOT and where not in self._believed)


def _others(first: Form, url: str, *, challenged: bool) -> Iterator[Form]:
    """What is left to try. A server that names what it wants signed wants no other form."""
    if not challenged:
        if first is not Form.DRAFT:
            yield Form.DRAFT
        if first is not Form.PATH and "?" in url:
            yield Form.PATH
    if challenged or first is not Form.STANDARD:
        yield Form.STANDARD


def signing(signer: Signer, clock: Clock, form: Form = Form.DRAFT, asked: Asked | None = None) -> Sign:
    """For `bridge.net`: signs each hop and each try anew. `asked`: what the server wants to see covered in the standard form."""

    def sign(method: str, url: str, _headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        scheme, _, rest = url.partition("://")
        authority = rest.partition("/")[0].partition("?")[0]
        host = authority.removesuffix(":443") if scheme == "https" else authority.removesuffix(":80")
        request = Request(method=method, target=rest[len(authority) :] or "/", host=host, body=body or None, scheme=scheme)
        if form is Form.STANDARD:
            return sign_rfc9421(request, signer, clock.now(), asked)
        return sign_draft(request, signer, clock.now(), query=form is Form.DRAFT)

    return sign


def _origin(url: str) -> str:
    try:
        return origin(url)
    except Refused:
        return ""  # the client refuses it before anything is sent
