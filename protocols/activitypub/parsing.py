"""JSON from strangers is read within bounds: how deep, how many and how long are known before anything is built of it.

RFC 8259 · RFC 7493 (I-JSON: no member twice, no half of a surrogate pair) · activitypub.md 2.10

The bounds are counted on what is left when the strings are taken out, so depth 10,000 costs a scan and no recursion. What is JSON is
then decided by the reader that `translate/` uses as well: two readers that disagree would be a way around the bounds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import accumulate

import msgspec

from bridge.errors import Malformed

__all__ = ["MOST_DEPTH", "MOST_IN_A_LIST", "MOST_VALUES", "parse"]

MOST_DEPTH = 64
MOST_VALUES = 10_000
"""Members of objects and elements of lists, in the whole document."""
MOST_IN_A_LIST = 1_000

_MOST_QUOTES = 10 * MOST_VALUES
"""Quotation marks, those inside strings included: what the scan may cost, about 5 ms."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, or a broken one as far as the end: the scan never begins a second time inside it, so no body makes it slow."""

_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")
_HALF_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]", re.DOTALL)


_SPACED = re.compile(rb'"[ \t\r\n]+:')


def parse(body: bytes) -> dict[str, object]:
    """The members of one JSON object. Raises Malformed with the place, or the bound that was passed."""
    if _is_modest(body):
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"this is not JSON: {_reason(error, body)}") from error
        # A name stands right before its colon, and the same two signs inside a string only make the count too high: when it is as many as
        # there are members, none is there twice.
        if isinstance(value, dict) and _members(value) == body.count(b'":') and _SPACED.search(body) is None:
            return value
    return _parse_slowly(body)


def _is_modest(body: bytes) -> bool:
    """Within every bound even if all the signs inside its strings were structure: true of most that people say."""
    opened, closed = body.count(b"[") + body.count(b"{"), body.count(b"]") + body.count(b"}")
    return max(opened, closed) <= MOST_DEPTH and opened + body.count(b",") <= MOST_IN_A_LIST and body.count(b'"') <= MOST_VALUES


def _parse_slowly(body: bytes) -> dict[str, object]:
    if body.count(b'"') > _MOST_QUOTES:
        raise Malformed(f"the document has more than {_MOST_QUOTES} quotation marks")
    skeleton = _STRING.sub(b"", body)
    _require_bounds(skeleton)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"this is not JSON: {_reason(error, body)}") from error
    if not isinstance(value, dict):
        raise Malformed("this is JSON, but not an object")
    # Outside of strings a colon stands for one member; a member that is there twice leaves the tree one short.
    if _members(value) != skeleton.count(b":"):
        raise Malformed(f"the member {_repeated(body)!r} is there twice")
    return value


def _require_bounds(skeleton: bytes) -> None:
    if skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{") > MOST_VALUES:
        raise Malformed(f"the document has more than {MOST_VALUES} values")
    brackets = skeleton.translate(_STEPS, _NOT_BRACKETS)
    if len(brackets) > 2 * MOST_VALUES:
        raise Malformed("this is not JSON: brackets are closed that were never opened")
    if max(accumulate(step - 1 for step in brackets), default=0) > MOST_DEPTH:
        raise Malformed(f"the document is nested deeper than {MOST_DEPTH} levels")


def _members(document: dict[str, object]) -> int:
    """How many there are in the whole tree. Raises Malformed for a list that is too long."""
    count = 0
    left: list[object] = [document]
    while left:
        value = left.pop()
        if type(value) is dict:
            count += len(value)
            left += [each for each in value.values() if type(each) is dict or type(each) is list]
        elif type(value) is list:
            if len(value) > MOST_IN_A_LIST:
                raise Malformed(f"the list has more than {MOST_IN_A_LIST} elements", path=_where(document, value)[:200])
            left += [each for each in value if type(each) is dict or type(each) is list]
    return count


def _where(document: dict[str, object], wanted: object) -> str:
    """The path of a value in the tree; asked for only when it is refused."""
    left: list[tuple[str, object]] = [("$", document)]
    while left:
        path, value = left.pop()
        if value is wanted:
            return path
        if isinstance(value, dict):
            left += [(f"{path}.{name[:64]}", each) for name, each in value.items()]
        elif isinstance(value, list):
            left += [(f"{path}[{at}]", each) for at, each in enumerate(value)]
    return "$"


def _repeated(body: bytes) -> str:
    names: list[str] = []

    def look(members: list[tuple[str, object]]) -> None:
        names.extend(name for name, times in Counter(name for name, _ in members).items() if times > 1)

    json.loads(body.decode(), object_pairs_hook=look)
    return names[0][:64]


def _reason(error: Exception, body: bytes) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if _HALF_PAIR.search(body.replace(b"\\\\", b"")):
        return "a \\u escape is half of a surrogate pair"
    return str(error)[:200]
