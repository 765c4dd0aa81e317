"""How values become columns and come back, without loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, overload

from bridge.model.ids import Native, parse_native

__all__ = ["called_as", "micros", "moment", "native_or_none", "parse_native", "text_or_none"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@overload
def micros(at: datetime) -> int: ...
@overload
def micros(at: None) -> None: ...
def micros(at: datetime | None) -> int | None:
    """Whole microseconds since 1970 UTC. Raises TypeError for a naive time."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


@overload
def moment(value: int) -> datetime: ...
@overload
def moment(value: None) -> None: ...
def moment(value: int | None) -> datetime | None:
    """The reverse of `micros`: aware, UTC."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def native_or_none(value: Any) -> Native | None:
    return None if value is None else parse_native(value)


def text_or_none(native: Native | None) -> str | None:
    return None if native is None else str(native)


def called_as(protocol: str, handle: str) -> str:
    """A handle as people type it, in one form: without the first @ and without regard to case."""
    return f"{protocol}:{handle.removeprefix('@').casefold()}"
