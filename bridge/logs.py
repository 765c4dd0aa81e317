"""The log says what happened and to whom it matters, and never what somebody wrote, who they are, or a secret.

One line per event and outcome, JSON unless stderr is a terminal. An event name is `noun.verb` in the past tense and is
listed here, as is every field; a test reads the product for others. Level = who must care: `debug` a developer, `info`
history, `warning` the operator soon, `error` the operator now. A peer's mistake is `info`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from bridge.errors import BadSetting, Invariant

__all__ = ["EVENTS", "FIELDS", "FORBIDDEN", "LEVELS", "Level", "configure", "logger", "scrub"]

Level = Literal["debug", "info", "warning", "error"]

LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

EVENTS: frozenset[str] = frozenset(
    {
        # the node and its parts
        "node.started", "node.readied", "node.drained", "node.stopped", "node.failed", "node.missed",
        "settings.read", "guard.opened", "server.started", "server.stopped", "library.reported",
        "loop.started", "loop.stopped", "loop.failed", "loop.lagged",
        "store.opened", "store.migrated", "store.failed", "store.filled", "store.trimmed", "backup.written",
        "key.made", "key.rotated",
        # the way of an event
        "intake.accepted", "intake.repeated", "intake.refused", "intake.parked", "intake.retried", "intake.dropped",
        "event.received", "event.read", "event.ignored", "event.deferred", "event.judged", "event.held", "event.released",
        "event.refused", "event.omitted", "event.erased", "event.parked",
        "act.carried_out", "act.refused", "seat.granted", "seat.ended",
        "hold.opened", "hold.released", "hold.returned", "hold.expired",
        "withdrawal.started", "withdrawal.counted", "withdrawal.stalled", "withdrawal.ended",
        "delivery.planned", "delivery.succeeded", "delivery.retried", "delivery.snoozed", "delivery.skipped",
        "delivery.died", "delivery.parked",
        "lane.claimed", "lane.lost", "lane.stalled", "lane.woken",
        # the other side
        "peer.opened_circuit", "peer.closed_circuit", "peer.probed", "peer.suspended", "peer.resumed", "peer.left",
        "request.refused", "request.failed", "signature.refused", "document.fetched", "document.refused",
        "actor.fetched", "actor.refused", "actor.moved", "actor.deleted",
        "follow.accepted", "follow.refused", "follow.ended",
        # Matrix
        "homeserver.reached", "homeserver.lost", "homeserver.refused",
        "ghost.registered", "ghost.renamed", "ghost.joined", "ghost.left",
        "room.created", "room.joined", "room.left", "room.reconciled", "room.gapped", "room.shared",
        # the community
        "community.created", "community.linked", "community.unlinked", "community.retired",
        "consent.given", "consent.withdrawn", "norm.changed", "norm.failed", "case.opened", "case.closed",
        "command.obeyed", "command.refused", "notice.sent",
        "media.stored", "media.refused", "media.removed", "media.filled",
        "page.failed", "session.opened", "session.refused",
    }
)  # fmt: skip

FIELDS: frozenset[str] = frozenset(
    {
        # bound by context
        "event_id", "community", "protocol", "peer", "attempt",
        # what and where, by our own opaque ids
        "content", "channel", "destination", "lane", "stream", "place", "case_id", "item_id", "hold_id", "object_id",
        "activity_kind", "norm", "verdict", "command", "kind", "part", "loop", "key_id",
        # how it went
        "outcome", "code", "reason", "remedy", "status", "retry_after", "until", "seconds", "count", "size", "limit", "depth",
        "age", "cursor", "epoch", "from_version", "to_version", "version",
        # the machine
        "host", "port", "path", "level", "networks", "origins", "pid", "library", "detail", "exc_info", "exception",
        "withheld", "timestamp", "event",
    }
)  # fmt: skip
"""`content` is the *type* of content (`message`, `reaction`), the same word as the metrics' label; never what it says."""

FORBIDDEN: frozenset[str] = frozenset(
    {
        "body", "text", "html", "summary", "message", "raw", "document", "payload", "source", "name", "display_name",
        "token", "access_token", "as_token", "hs_token", "authorization", "signature", "headers", "password", "secret",
        "private_key", "cookie",
        "address", "email", "ip", "remote", "actor", "author", "sender", "user", "user_id", "mxid", "handle",
    }
)  # fmt: skip

_CONTENT_KINDS = re.compile(r"[a-z][a-z_]{0,31}")
_LONGEST_VALUE = 500
_LONGEST_TRACE = 8_000

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), "[key]"),
    (re.compile(r"(?i)\b((?:access|as|hs|refresh|login|id)_?token|client_secret|password)(['\"]?\s*[=:]\s*['\"]?)[^&\s'\",}]+"),
     r"\1\2[secret]"),
    (re.compile(r"(?i)\b(authorization['\"]?\s*[:=]\s*['\"]?)[^\r\n'\"]+"), r"\1[secret]"),
    (re.compile(r"(?i)\b(bearer\s+)[^\s'\",]+"), r"\1[secret]"),
    (re.compile(r"(?i)\b(signature(?:-input)?['\"]?\s*[:=]\s*)(?:\"[^\"]*\"?|[^\r\n]+)"), r"\1[secret]"),
    (re.compile(r"\b(?:syt|syr|syl|mct|mcr|mat)_[A-Za-z0-9_=-]{8,}"), "[secret]"),
)  # fmt: skip

_HINT = re.compile(
    r"(?i)PRIVATE KEY-----|token['\"]?\s*[=:]|client_secret|password|authorization['\"]?\s*[:=]|bearer\s"
    r"|signature(?:-input)?['\"]?\s*[:=]|(?:syt|syr|syl|mct|mcr|mat)_"
)
"""Stands in every text that one of `_SECRETS` changes; most texts have none, and one look is enough."""


def logger(part: str | None = None) -> FilteringBoundLogger:
    """The logger of a module, saying which `part` speaks (`matrix.appservice`) where the event's name does not.

    Bind `event_id`, `community`, `protocol`, `peer`, `attempt` where they are known.
    """
    return cast(FilteringBoundLogger, structlog.get_logger() if part is None else structlog.get_logger(part=part))


def configure(
    level: str = "info",
    *,
    form: Literal["auto", "json", "text"] = "auto",
    strict: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Set up logging for the process; a second call replaces the first. `auto` is text on a terminal, else JSON.

    `strict` raises `Invariant` for a forbidden key, an unknown name or field and a value that is not plain: for tests.
    Otherwise the value is left out and `withheld` names it, because a log line must not stop a delivery.
    Raises `BadSetting` for a level that is none.
    """
    if level not in LEVELS:
        raise BadSetting(f"{level!r} is not a level", key="$.log.level", remedy=f"Write one of {', '.join(sorted(LEVELS))}.")
    target = stream if stream is not None else sys.stderr
    last: structlog.typing.Processor = (
        # Traces are made above, so that they are scrubbed, and never with local variables: those hold what people wrote.
        structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if form == "text" or (form == "auto" and target.isatty())
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            _refuse_strictly if strict else _withhold,
            _scrub_values,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=not strict,
    )
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _FromLibraries)]:
        root.removeHandler(handler)
    root.addHandler(_FromLibraries(logging.WARNING))
    root.setLevel(logging.WARNING)
    # matrix-nio 0.26 warns of answers that do not fit its schema by quoting them, and they hold what people wrote.
    logging.getLogger("nio.responses").setLevel(logging.ERROR)


def scrub(text: str) -> str:
    """The text without tokens, signatures and private keys."""
    if _HINT.search(text) is None:
        return text
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class _FromLibraries(logging.Handler):
    """What aiohttp, nio and asyncio report, in our form: the sentence without its arguments, which name people's addresses."""

    def emit(self, record: logging.LogRecord) -> None:
        problem = record.exc_info[0] if record.exc_info else None
        if problem is not None and problem.__module__ == "aiohttp.http_exceptions":
            # Bytes that are not HTTP: a peer's mistake, and the trace would quote them.
            logger().info("library.reported", library=record.name, reason=problem.__name__)
            return
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        detail = str(record.msg)
        if record.exc_info:
            logger().log(level, "library.reported", library=record.name, detail=detail, exc_info=record.exc_info)
        else:
            logger().log(level, "library.reported", library=record.name, detail=detail)


def _objection(key: str, value: object) -> str | None:
    """Why this pair may not be logged; None when it may."""
    if key in FORBIDDEN:
        return f"the log never holds {key!r}"
    if key == "content" and not (isinstance(value, str) and _CONTENT_KINDS.fullmatch(value)):
        return "'content' is the type of content, one lower-case word"
    if not _is_plain(value):
        return f"{key!r} is a {type(value).__name__}; log its id or its kind"
    return None


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(each is None or isinstance(each, str | int | float) for each in value)
    return value is None or isinstance(value, str | int | float)


def _refuse_strictly(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    name = line["event"]
    if name not in EVENTS:
        raise Invariant(f"log event {name!r} is not listed in bridge/logs.py")
    for key, value in line.items():
        objection = _objection(key, value)
        if objection is not None:
            raise Invariant(f"log event {name!r}: {objection}")
        if key not in FIELDS:
            raise Invariant(f"log event {name!r}: field {key!r} is not listed in bridge/logs.py")
    return line


def _withhold(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    withheld = [key for key, value in line.items() if _objection(key, value) is not None]
    if not withheld:
        return line
    kept = {key: value for key, value in line.items() if key not in withheld}
    kept["withheld"] = sorted(withheld)
    return kept


def _scrub_values(_: WrappedLogger, __: str, line: EventDict) -> MutableMapping[str, object]:
    return {key: _scrub_value(key, value) for key, value in line.items()}


def _scrub_value(key: str, value: object) -> object:
    if isinstance(value, str):
        longest = _LONGEST_TRACE if key == "exception" else _LONGEST_VALUE
        clean = scrub(value)
        return clean if len(clean) <= longest else f"{clean[:longest]}…"
    if isinstance(value, list | tuple):
        return [_scrub_value(key, each) for each in value]
    return value
