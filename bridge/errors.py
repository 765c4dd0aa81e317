"""What the caller cannot continue from; the class says whose turn it is.

    BridgeError             code · public (for the other side) · private (for our log) · remedy (for people)
    ├─ PeerError            the other side is wrong: record, answer 4xx, page nobody
    │  ├─ Malformed         not the document it claims to be (400)
    │  ├─ TooLarge          over a bound (413)
    │  ├─ Unverified        signature, digest, key or id does not match (401)
    │  ├─ Refused           they will not have us, or we will not have them (403)
    │  └─ Gone              410 or a tombstone: forget, never try again
    ├─ Unreachable          name, connection, TLS, time-out, 5xx, 429: the schedule decides
    ├─ StorageError
    │  ├─ Conflict          someone else wrote first: run the transaction again
    │  ├─ Fenced            another process owns this lane now: nothing was written
    │  ├─ Full              no room left for more: answer 503 and ask to come back
    │  └─ StoreDown         stop taking work, health goes red
    ├─ OperatorError        they can fix it: says the key, the value, what was expected, what to do
    │  ├─ BadSetting
    │  ├─ MissingExtra
    │  └─ BadRegistration
    └─ Invariant            our bug: the event is parked, the loop goes on

Expected results are values (`Ignored`, `Needs`, `Omission`, `Outcome`), never exceptions.
"""

from __future__ import annotations

__all__ = [
    "BadRegistration",
    "BadSetting",
    "BridgeError",
    "Conflict",
    "Fenced",
    "Full",
    "Gone",
    "Invariant",
    "Malformed",
    "MissingExtra",
    "OperatorError",
    "PeerError",
    "Refused",
    "StorageError",
    "StoreDown",
    "TooLarge",
    "Unreachable",
    "Unverified",
]


class BridgeError(Exception):
    """Base of the tree. `public` may be shown to anyone; `private` stays in our log and never holds message text."""

    code = "bridge"
    status = 500

    def __init__(self, public: str, *, private: str | None = None, remedy: str | None = None) -> None:
        super().__init__(private or public)
        self.public = public
        self.private = private or public
        self.remedy = remedy


class PeerError(BridgeError):
    """The other side is wrong."""

    code = "peer"
    status = 400


class Malformed(PeerError):
    """Not the document it claims to be; `path` points at the place, as `$.object.content`."""

    code = "malformed"

    def __init__(self, public: str, *, path: str = "$", private: str | None = None) -> None:
        super().__init__(f"{public} (at {path})", private=private)
        self.path = path


class TooLarge(PeerError):
    """Over a bound on bytes, depth or number."""

    code = "too_large"
    status = 413


class Unverified(PeerError):
    """Signature, digest, key or id does not match."""

    code = "unverified"
    status = 401


class Refused(PeerError):
    """They will not have us, or we will not have them."""

    code = "refused"
    status = 403


class Gone(PeerError):
    """410 or a tombstone."""

    code = "gone"
    status = 410


class Unreachable(BridgeError):
    """Name, connection, TLS, time-out, 5xx or 429; `retry_after` in seconds where the peer said so, `answered` the status if there was one."""

    code = "unreachable"
    status = 502

    def __init__(self, public: str, *, private: str | None = None, retry_after: float | None = None, answered: int | None = None) -> None:
        super().__init__(public, private=private)
        self.retry_after = retry_after
        self.answered = answered


class StorageError(BridgeError):
    """Something about what survives a restart."""

    code = "storage"
    status = 503


class Conflict(StorageError):
    """Someone else wrote first; running the transaction again is right."""

    code = "conflict"


class Fenced(StorageError):
    """Another process owns this lane now; nothing was written."""

    code = "fenced"


class Full(StorageError):
    """No room for more; callers answer 503 with `Retry-After`."""

    code = "full"


class StoreDown(StorageError):
    """The store does not answer; stop taking work."""

    code = "store_down"


class OperatorError(BridgeError):
    """The operator can fix it; `remedy` says how."""

    code = "operator"


class BadSetting(OperatorError):
    """A setting is missing, unknown or out of range; `key` is its path, as `$.matrix.homeserver`."""

    code = "bad_setting"

    def __init__(self, public: str, *, key: str = "$", remedy: str | None = None) -> None:
        super().__init__(f"{key}: {public}", remedy=remedy)
        self.key = key


class MissingExtra(OperatorError):
    """A feature needs a package that is not installed; the remedy names the extra."""

    code = "missing_extra"


class BadRegistration(OperatorError):
    """The homeserver does not know our application service, or knows another one."""

    code = "bad_registration"


class Invariant(BridgeError):
    """Our bug. The event is parked with this text and the loop goes on."""

    code = "invariant"
