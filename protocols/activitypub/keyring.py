"""Whose key this is: looked up once, believed when key and owner name each other, remembered; what failed is not asked again at once.

activitypub.md 2.3 (steps 7 and 8), 2.4, 6.4 (O15) · peers-on-the-wire.md 1.1, 1.5

What strangers can make grow here is bounded: keys and failures by number, questions under way by number and by server. A key is
written to the store only after it has proved a signature.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from bridge.errors import Gone, PeerError, StorageError, Unreachable, Unverified
from bridge.logs import logger
from bridge.ports import Clock, Keys, Node
from protocols.activitypub.ids import host_of, is_ours
from protocols.activitypub.keydocument import shown_in
from protocols.activitypub.keys import PublicKey, load_public_key, public_pem
from protocols.activitypub.parsing import parse
from protocols.activitypub.proofs import Proof, check
from protocols.activitypub.recent import Recent
from protocols.activitypub.signatures import Claimed, Verified, verify
from protocols.activitypub.translate.thing import Thing

__all__ = ["ASK_AGAIN", "LOOK_AGAIN", "MOST_FAILURES", "MOST_KEYS", "MOST_PER_HOST", "MOST_QUESTIONS", "TRY_AGAIN", "Keyring"]

MOST_KEYS = 2_000
MOST_FAILURES = 2_000
MOST_QUESTIONS = 256
MOST_PER_HOST = 32

ASK_AGAIN = timedelta(minutes=5)
"""After a key failed, or did not fit a signature: fedify 2.3 asks each time, so that every bad request costs its key's server one, too."""
TRY_AGAIN = timedelta(minutes=1)
"""After a server did not answer."""
LOOK_AGAIN = timedelta(days=7)
"""While a key still fits: its owner may have taken it back."""

PATIENCE = 8.0
"""Seconds: Lemmy and Mastodon hang up after ten. The question goes on, and the sender's next try finds the answer."""
SOON = 10.0
"""Seconds, for a sender to come back: GoToSocial 0.20 waits no longer, whatever it is told."""

_log = logger("activitypub.keyring")


class _Held(msgspec.Struct):
    """`asked_at`: when its server showed it; `kept_at`: which of its showings the store has, None when none."""

    key: PublicKey
    asked_at: datetime
    kept_at: datetime | None = None


class _Failure(msgspec.Struct, frozen=True):
    kind: type[Gone | Unreachable | Unverified]
    why: str
    until: datetime

    def error(self, name: str, now: datetime) -> Gone | Unreachable | Unverified:
        public, private = f"The key {name} cannot be used: {self.why}.", f"the key cannot be used: {self.why}"
        if self.kind is Unreachable:
            return Unreachable(public, private=private, retry_after=max(1.0, (self.until - now).total_seconds()))
        return self.kind(public, private=private)


class Keyring:
    """`document(url)` is one guarded and signed GET of ActivityPub JSON that holds the document's `id` against the address it came from
    in the end (rules O2 to O4), since a redirect could lend one server's name to another. It raises PeerError or Unreachable.
    """

    def __init__(
        self,
        store_keys: Keys,
        document: Callable[[str], Awaitable[bytes]],
        clock: Clock,
        me: Node,
        *,
        patience: float = PATIENCE,
        most_keys: int = MOST_KEYS,
    ) -> None:
        """`patience`: seconds a caller waits for the network; `most_keys`: at hand, the others come from the store."""
        self._store = store_keys
        self._document = document
        self._clock = clock
        self._me = me
        self._patience = patience
        self._held: Recent[_Held] = Recent(most_keys)
        self._failures: Recent[_Failure] = Recent(MOST_FAILURES)
        self._questions: dict[str, asyncio.Task[PublicKey | _Failure]] = {}
        self._asking: Counter[str] = Counter()

    async def verify(self, claimed: Claimed) -> Verified:
        """Who signed. When the key does not fit, its server is asked whether it has another now, at most once in `ASK_AGAIN`.

        Raises as `key` does, and Unverified when the signature is wrong.
        """
        key = await self.key(claimed.key_id)
        try:
            verified = verify(claimed, key)
        except Unverified:
            newer = await self.key(claimed.key_id, refetch=True)
            if newer == key:
                raise
            verified = verify(claimed, newer)
        await self._keep(claimed.key_id)
        return verified

    async def prove(self, document: Mapping[str, object], proof: Proof) -> str | None:
        """Who made this proof: the owner of its key. None when it does not match the key, not even the one their server shows now.

        Raises as `key` does.
        """
        key = await self.key(proof.method)
        if not check(document, proof, key.material):
            newer = await self.key(proof.method, refetch=True)
            if newer == key or not check(document, proof, newer.material):
                return None
            key = newer
        await self._keep(proof.method)
        return key.owner

    async def key(self, key_id: str, *, refetch: bool = False) -> PublicKey:
        """From memory, else from the store, else from its server; with `refetch` from its server, unless that was asked just now.

        Raises Unverified when there is no such key or its owner does not list it, Gone when its server says 410, Unreachable when the
        server did not answer, or has not answered yet.
        """
        held = await self._recall(key_id)
        if held is None:
            return await self._ask(key_id, self._look_up)
        age = self._clock.now() - held.asked_at
        if refetch and age >= ASK_AGAIN:
            return await self._ask(key_id, self._look_up)
        if age >= LOOK_AGAIN and self._failure(key_id) is None and key_id not in self._questions and self._has_room(key_id):
            self._begin(key_id, self._look_up)
        return held.key

    async def knows(self, key_id: str) -> bool:
        """Whether the key is at hand, without asking anybody."""
        return await self._recall(key_id) is not None

    async def require_gone(self, actor: str) -> None:
        """Returns when its own server answers 410 for this actor (rule O15: a 404 proves nothing). Raises Unverified or Unreachable."""
        try:
            await self._ask(actor, self._look_whether_gone)
        except Gone:
            return

    async def close(self) -> None:
        """What is under way is given up; whoever waits for it hears Unreachable."""
        for question in self._questions.values():
            question.cancel()
        if self._questions:
            await asyncio.wait(self._questions.values())

    # ------------------------------------------------------------------------------------------------- one question at a time

    async def _ask(self, name: str, look: Callable[[str], Awaitable[PublicKey]]) -> PublicKey:
        if is_ours(self._me, name):
            # Rule O5: nothing is proved by asking ourselves, and we never send to ourselves.
            raise Unverified("Nobody on this server signs requests to it.")
        if (failure := self._failure(name)) is not None:
            raise failure.error(name, self._clock.now())
        question = self._questions.get(name)
        if question is None:
            if not self._has_room(name):
                raise Unreachable("Too many keys are being looked up at the moment; send it again.", retry_after=SOON)
            question = self._begin(name, look)
        # Not cancelled with the request that asked first: others may wait for the same answer.
        done, _ = await asyncio.wait({question}, timeout=self._patience)
        if not done or question.cancelled():
            raise Unreachable(f"The key {name} has not arrived yet; send it again.", private="the key is late", retry_after=SOON)
        answer = question.result()
        if isinstance(answer, _Failure):
            raise answer.error(name, self._clock.now())
        return answer

    def _has_room(self, name: str) -> bool:
        return len(self._questions) < MOST_QUESTIONS and self._asking[host_of(name)] < MOST_PER_HOST

    def _begin(self, name: str, look: Callable[[str], Awaitable[PublicKey]]) -> asyncio.Task[PublicKey | _Failure]:
        question = asyncio.create_task(self._answer(name, look), name="key")
        self._questions[name] = question
        self._asking[host_of(name)] += 1
        question.add_done_callback(lambda _: self._end(name))
        return question

    def _end(self, name: str) -> None:
        del self._questions[name]
        host = host_of(name)
        self._asking[host] -= 1
        if not self._asking[host]:
            del self._asking[host]

    async def _answer(self, name: str, look: Callable[[str], Awaitable[PublicKey]]) -> PublicKey | _Failure:
        try:
            return await look(name)
        except (PeerError, Unreachable) as error:
            failure = self._fail(error)
            self._failures.put(name, failure)
            _log.info("actor.refused", peer=host_of(name), code=error.code, reason=failure.why, kind="key")
            return failure

    def _fail(self, error: PeerError | Unreachable) -> _Failure:
        now = self._clock.now()
        why = error.public[:300].rstrip(".")
        if isinstance(error, Unreachable):
            wait = timedelta(seconds=min(error.retry_after or 0.0, ASK_AGAIN.total_seconds()))
            return _Failure(Unreachable, why, now + max(wait, TRY_AGAIN))
        return _Failure(Gone if isinstance(error, Gone) else Unverified, why, now + ASK_AGAIN)

    def _failure(self, name: str) -> _Failure | None:
        failure = self._failures.get(name)
        if failure is not None and failure.until <= self._clock.now():
            self._failures.forget(name)
            return None
        return failure

    # ----------------------------------------------------------------------------------------------------------- what is asked

    async def _look_up(self, key_id: str) -> PublicKey:
        held = self._held.get(key_id)
        try:
            key = await self._fetch(key_id)
        except (Gone, Unreachable):
            raise  # what is remembered stays: an actor that is gone still says goodbye with it
        except PeerError:
            await self._drop(key_id)
            raise
        self._held.put(key_id, _Held(key, self._clock.now(), held.kept_at if held is not None else None))
        return key

    async def _fetch(self, key_id: str) -> PublicKey:
        address = key_id.partition("#")[0]
        seen = await self._read(address)
        shown = shown_in(seen, key_id)
        if shown is None:
            raise Unverified("it is not in the document at its address")
        if not shown.owner or host_of(shown.owner) != host_of(key_id):
            raise Unverified("its owner is not on the same server")
        if not seen.id == shown.owner == address:
            # A key by itself, GoToSocial's stub of an actor, BookWyrm's address with a slash too many: the owner has the last word.
            owner = await self._read(shown.owner)
            listed = shown_in(owner, key_id)
            if owner.id != shown.owner or listed is None or listed.owner != shown.owner:
                raise Unverified("its owner does not list it")
            shown = listed if listed.is_whole else shown
        if not shown.is_whole:
            raise Unverified("only its id is there, not the key itself")
        return PublicKey(key_id, shown.owner, shown.material())

    async def _look_whether_gone(self, actor: str) -> PublicKey:
        await self._read(actor)
        raise Unverified("the actor is still there")

    async def _read(self, url: str) -> Thing:
        return Thing(parse(await self._document(url)))

    # ------------------------------------------------------------------------------------------------------ what is remembered

    async def _recall(self, key_id: str) -> _Held | None:
        held = self._held.get(key_id)
        if held is not None:
            return held
        if self._failure(key_id) is not None or key_id in self._questions:
            return None
        owner, pem, at = await self._store.recall(key_id) or ("", None, None)
        if pem is None or at is None:
            return None
        found = _Held(PublicKey(key_id, owner, load_public_key(pem.decode("ascii"))), at, at)
        return self._held.get(key_id) or self._held.put(key_id, found)

    async def _keep(self, key_id: str) -> None:
        held = self._held.get(key_id)
        if held is not None and held.kept_at != held.asked_at:
            await self._store.remember(key_id, held.key.owner, public_pem(held.key.material).encode("ascii"), held.asked_at)
            held.kept_at = held.asked_at

    async def _drop(self, key_id: str) -> None:
        held = self._held.forget(key_id)
        if held is None or held.kept_at is None:
            return
        try:
            await self._store.remember(key_id, held.key.owner, None, self._clock.now())
        except StorageError as error:
            # The row grows old and is looked at again.
            _log.warning("store.failed", code=error.code, detail="a key that was taken back could not be forgotten")
