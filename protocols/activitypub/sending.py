"""One signed POST per attempt, and every answer a peer can give becomes an outcome; nothing here tries again.

Activitypub.md 2.1, 5.3. A signature is made at the moment of sending: Mastodon takes a Date of five minutes ago at most, an hour's skew apart.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from bridge.errors import Gone, Invariant, PeerError, Refused, StorageError, TooLarge, Unreachable
from bridge.model.actor import Actor
from bridge.model.ids import ACTIVITYPUB, Native
from bridge.model.item import Dead, Delivered, Destination, Item, Outcome, Retry, Scope, Skipped, Snooze
from bridge.net.client import Answer
from bridge.net.guard import origin
from bridge.ports import Clock, Directory, Node
from bridge.refs import Wire
from protocols.activitypub.fetching import Fetcher
from protocols.activitypub.ids import host_of, is_ours, native
from protocols.activitypub.knocking import Knocking
from protocols.activitypub.recent import Recent
from protocols.activitypub.signers import Signers
from protocols.activitypub.translate.thing import decode

__all__ = ["Sender", "inbox_of"]

HEADERS = {"Content-Type": "application/activity+json"}
MOST_UNVERIFIED = 3
"""401s for one item at one inbox: our key may not have reached them yet, or they will never believe it."""

MOST_REMEMBERED = 4_096
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
"""Answers of a whole server. A 500 is often about one activity: PieFed 1.6 gave one under eight first contacts at once."""


def inbox_of(actor: Actor, me: Node, *, alone: bool) -> Destination | None:
    """Where somebody on another server hears us; None for our own people, and where no address could ever be reached.

    The address is written in one way only, so that a server is not sent the same twice.
    """
    url = actor.route if alone else actor.shared_route or actor.route
    if actor.native.protocol != ACTIVITYPUB or not url or is_ours(me, url):
        return None
    try:
        start = origin(url)
    except Refused:
        return None
    rest = url.partition("://")[2].partition("#")[0]
    return Destination(ACTIVITYPUB, f"{start}/{rest.partition('/')[2]}", host_of(start))


class Sender:
    """Delivers what `write` made. Outcomes by status: activitypub.md 5.3.6."""

    def __init__(self, knocking: Knocking, signers: Signers, fetcher: Fetcher, *, directory: Directory, me: Node, clock: Clock) -> None:
        self._knocking = knocking
        self._signers = signers
        self._fetcher = fetcher
        self._directory = directory
        self._me = me
        self._clock = clock
        self._turn = asyncio.Lock()
        self._unverified: Recent[int] = Recent(MOST_REMEMBERED)

    async def send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        """One attempt. Raises Invariant when nobody signs."""
        if wire.speaker is None:
            raise Invariant(f"item {item.id} has no speaker, so nobody can sign it")
        if is_ours(self._me, destination.address):
            return Skipped("Our own people hear it here.")
        try:
            answer = await self._post(wire.speaker, wire.body, destination.address)
        except Unreachable as error:
            whole = error.answered is None or error.answered in _BUSY
            return Retry(error.private, after=error.retry_after, scope=Scope.HOST if whole else Scope.LANE)
        except Refused as refusal:
            return Dead(f"This address may not be reached: {refusal.public}.")
        except TooLarge as error:
            return Retry(error.private)
        except StorageError as error:
            return Snooze(1.0, error.private)
        return await self._outcome(answer, wire.speaker, item, destination)

    async def _post(self, speaker: Native, body: bytes, url: str) -> Answer:
        signer = await self._signers.signer(speaker)
        # Signing holds the processor for a third of a millisecond: with hundreds of deliveries starting at once, the inbox gets its turn between.
        async with self._turn:
            await asyncio.sleep(0)
        return await self._knocking.post(url, body, HEADERS, signer)

    async def _outcome(self, answer: Answer, speaker: Native, item: Item, destination: Destination) -> Outcome:
        said = f"{destination.host} answered {answer.status}"
        match answer.status:
            case status if 200 <= status < 300:
                self._unverified.forget(_name(item, destination))
                return Delivered()
            case HTTPStatus.UNAUTHORIZED:
                return await self._disbelieved(said, speaker, item, destination)
            case HTTPStatus.GONE:
                return await self._gone(said, destination)
            case status if status < 400:
                # A redirect is not followed: what was signed for one address is not sent to another. It may be a page of maintenance.
                return Retry(f"{said}, which leads elsewhere")
            case _:
                return Dead(f"{said}: it will not take this.")

    async def _disbelieved(self, said: str, speaker: Native, item: Item, destination: Destination) -> Outcome:
        """A key takes a while to be known; one that has ended will not be asked for again (Mastodon)."""
        ghost = await self._directory.ghost(speaker)
        if ghost is not None and ghost.ended is not None:
            return Dead(f"{said}: the account that signed has ended, and they do not know its key.")
        name = _name(item, destination)
        tries = (self._unverified.forget(name) or 0) + 1
        if tries > MOST_UNVERIFIED:
            return Dead(f"{said} to {tries} tries: they do not believe our signature.")
        self._unverified.put(name, tries)
        return Retry(f"{said}: they could not verify our signature yet")

    async def _gone(self, said: str, destination: Destination) -> Outcome:
        """410 ends a personal inbox once its actor confirms it, and only makes a shared one suspect (design section 5).

        Whose it is tells the address, where it is `{actor}/inbox` as with nearly all peers; any other is suspected like a shared one.
        """
        owner = native(destination.address.removesuffix("/inbox"))
        known = await self._directory.actor(owner)
        if known is None or not _is_personal(known[0], destination, self._me):
            return Retry(f"{said}; whether the whole server has ended is not known yet")
        try:
            found = decode(await self._fetcher.document(owner.id))
        except Gone:
            return Dead(f"{said}: the account has ended.", gone=True)
        except Unreachable as error:
            return Retry(f"{said}; {error.private}", scope=Scope.HOST)
        except PeerError as refusal:
            return Retry(f"{said}; {refusal.public}")
        if found is not None and found.type == "Tombstone":
            return Dead(f"{said}: the account has ended.", gone=True)
        return Retry(f"{said}, though the account is still there")


def _name(item: Item, destination: Destination) -> str:
    return f"{item.id} {destination.address}"


def _is_personal(actor: Actor, destination: Destination, me: Node) -> bool:
    shared = inbox_of(actor, me, alone=False) if actor.shared_route is not None else None
    return destination == inbox_of(actor, me, alone=True) and destination != shared
