"""Understands what people say to the bridge: one line of plain words becomes an order, anything else becomes `Unknown` and never half an order.

Norms.md 4.2 and N01; matrix.md S4 (CVE-2023-38690, CVE-2022-29166: structure characters must not make a second command).
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Collection
from datetime import date

import msgspec

from bridge.model.portal import Callers
from bridge.moderation.handles import flaw
from bridge.norms.context import Crossing, Keep

LONGEST = 200
GRACES = frozenset({0, 15, 60})


class Cross(msgspec.Struct, frozen=True, tag="cross"):
    """`!cross on|quiet|ask|off [handle] [here]`: `handle` without the leading @; `here` for this room only."""

    state: Crossing
    handle: str | None = None
    here: bool = False


class CrossThis(msgspec.Struct, frozen=True, tag="cross-this"):
    """`!cross this`, in answer to one's own message."""


class Grace(msgspec.Struct, frozen=True, tag="grace"):
    seconds: int


class ForgetThis(msgspec.Struct, frozen=True, tag="forget-this"):
    """`!forget this`, in answer to one's own message."""


class ForgetThread(msgspec.Struct, frozen=True, tag="forget-thread"):
    """`!forget thread`, in answer to a message: one's own words in that thread."""


class ForgetSince(msgspec.Struct, frozen=True, tag="forget-since"):
    """`!forget since 2026-05-01`: all that crossed on that day or later, in this community. The day begins at midnight UTC."""

    day: date


class ForgetMe(msgspec.Struct, frozen=True, tag="forget-me"):
    """`!forget me`: everything, everywhere, and the name."""


class Confirm(msgspec.Struct, frozen=True, tag="confirm"):
    """`!forget confirm CODE`: the typed code of a large withdrawal."""

    code: str


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """`!forget cancel`, or `cancel` in private."""


class Export(msgspec.Struct, frozen=True, tag="export"):
    """`!export`: one's own data. `since`: posts that crossed on that day or later, for what one answer could not hold."""

    since: date | None = None


class Look(msgspec.Struct, frozen=True, tag="look"):
    """`!look`: how one looks on the other side, and who can see it."""


class Who(msgspec.Struct, frozen=True, tag="who"):
    """`!who`: who can read this place right now."""


class Doors(msgspec.Struct, frozen=True, tag="doors"):
    """`!knocks nobody|people|members|everyone`, `!knocks strangers`, `!knocks no strangers`, or `!knocks` to be told what holds (N17).
    None leaves it as it is."""

    callers: Callers | None = None
    strangers: bool | None = None


class Reply(enum.StrEnum):
    """What a member says to a knock."""

    ACCEPT = "accept"
    NOT_NOW = "not now"
    NEVER = "never"


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """`accept`, `not now` or `never`, in private; `code` is the sign of the knock, "" for the only one that waits."""

    reply: Reply
    code: str = ""


class Write(msgspec.Struct, frozen=True, tag="write"):
    """`!write @sam@a.example`: begin a conversation of two. `to` as typed, in lower case."""

    to: str


class Help(msgspec.Struct, frozen=True, tag="help"):
    """`!moot help`."""


class Status(msgspec.Struct, frozen=True, tag="status"):
    """`!moot status`: one's own state."""


Plain = Cross | CrossThis | Grace | ForgetThis | Who | Help | Status
"""Answered at once, from what is known of one person in one community."""

Private = Doors | Answer | Write
"""About words between two people (N17): no community's, and said to the bot alone."""

Order = Plain | Private | ForgetThread | ForgetSince | ForgetMe | Confirm | Cancel | Export | Look


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """`why` is a code of `moderation/wording.py`; `args` fill its sentence in."""

    why: str
    args: tuple[tuple[str, str], ...] = ()


_REPLIES = frozenset({Reply.ACCEPT.value, Reply.NEVER.value})
_CALLERS = frozenset(callers.value for callers in Callers)
_STATES = {state.value: state for state in Crossing}
_VARIATIONS = dict.fromkeys((0xFE0E, 0xFE0F))
_MARKS = {"📣": Keep.CROSS, "🏠": Keep.LOCAL}


def parse(words: str, *, private: bool = False, graces: Collection[int] = GRACES) -> Order | Unknown:
    """`words` as in Command. In private the `!` may be missing (`help`, `cross on`). `graces`: the seconds people may choose."""
    line = words.strip()
    if not line:
        return Unknown("unknown.nothing")
    if len(line) > LONGEST:
        return Unknown("unknown.long")
    if any(unicodedata.category(char)[0] == "C" or unicodedata.category(char) in ("Zl", "Zp") for char in line):
        return Unknown("unknown.one_line")
    line = " ".join(line.split())
    if private and (signed := _signed(line)) is not None:
        return signed
    if not line.isascii():
        # A letter that only looks like one of ours is no order: ! (U+FF01), Kelvin sign, Cyrillic а.
        return Unknown("unknown.plain_letters")
    verb, *rest = line.lower().split()
    if verb.startswith("!"):
        verb = verb[1:]
    elif not private:
        return Unknown("unknown.order")
    return _order(verb, rest, private, graces)


def _order(verb: str, rest: list[str], private: bool, graces: Collection[int]) -> Order | Unknown:
    match [verb, *rest]:
        case ["moot"]:
            return Help()
        case ["moot", inner, *more] if inner != "moot":
            return _order(inner, more, True, graces)
        case ["help"] if private:
            return Help()
        case ["status"] if private:
            return Status()
        case ["who"]:
            return Who()
        case ["cross", "this"]:
            return CrossThis()
        case ["forget", "this"]:
            return ForgetThis()
        case ["forget", "thread"]:
            return ForgetThread()
        case ["forget", "me"]:
            return ForgetMe()
        case ["forget", "since", day] if (since := _day(day)) is not None:
            return ForgetSince(since)
        case ["forget", "confirm", code]:
            return Confirm(code)
        case ["forget", "cancel"]:
            return Cancel()
        case ["cancel"] if private:
            return Cancel()
        case ["forget", *_]:
            return Unknown("unknown.forget")
        case ["export"]:
            return Export()
        case ["export", "since", day] if (since := _day(day)) is not None:
            return Export(since)
        case ["export", *_]:
            return Unknown("unknown.export")
        case ["look"]:
            return Look()
        case ["knocks", *chosen]:
            return _doors(chosen)
        case ["write", to] if private:
            return Write(to)
        case ["write", *_] if private:
            return Unknown("unknown.write")
        case [reply, *code] if private and reply in _REPLIES and len(code) <= 1:
            return Answer(Reply(reply), *code)
        case ["not", "now", *code] if private and len(code) <= 1:
            return Answer(Reply.NOT_NOW, *code)
        case ["cross", *chosen]:
            return _cross(chosen)
        case ["grace", *chosen]:
            return _grace(chosen, graces)
        case _:
            return Unknown("unknown.order")


_SIGNS = {
    **dict.fromkeys("✅✔👍", Reply.ACCEPT),
    **dict.fromkeys("⏳⌛🕒", Reply.NOT_NOW),
    **dict.fromkeys("⛔🙅❌🚫", Reply.NEVER),
}
_CODE = re.compile(r"[a-z2-7]{4}")


def _signed(line: str) -> Answer | Doors | None:
    """A sign put on a knock, with the knock's own."""
    sign, _, code = line.translate(_VARIATIONS).partition(" ")
    if _CODE.fullmatch(code) is None:
        return None
    if sign == "🔕":
        return Doors(strangers=False)
    return Answer(_SIGNS[sign], code) if sign in _SIGNS else None


def _doors(chosen: list[str]) -> Doors | Unknown:
    match chosen:
        case []:
            return Doors()
        case ["strangers"]:
            return Doors(strangers=True)
        case ["no", "strangers"]:
            return Doors(strangers=False)
        case [one] if one in _CALLERS:
            return Doors(Callers(one))
        case _:
            return Unknown("unknown.knocks")


def _day(text: str) -> date | None:
    """`2026-05-01`, and nothing else that could be read in two ways."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-05-01") and text[4] == text[7] == "-" else None
    except ValueError:
        return None


def _cross(chosen: list[str]) -> Cross | Unknown:
    states = [word for word in chosen if word in _STATES]
    here = "here" in chosen
    names = [word for word in chosen if word not in _STATES and word != "here"]
    if "this" in names or len(states) != 1 or len(names) > 1 or len(chosen) != len(states) + len(names) + here:
        return Unknown("unknown.cross")
    state = _STATES[states[0]]
    if not names:
        return Cross(state, here=here)
    handle = names[0].removeprefix("@")
    if state is Crossing.OFF:
        return Unknown("unknown.cross")
    if (why := flaw(handle)) is not None:
        return Unknown(why, (("handle", handle),))
    return Cross(state, handle, here)


def _grace(chosen: list[str], graces: Collection[int]) -> Grace | Unknown:
    known = {str(seconds): seconds for seconds in graces}
    if len(chosen) == 1 and (seconds := known.get(chosen[0].removesuffix("s"))) is not None:
        return Grace(seconds)
    return Unknown("unknown.grace", (("choices", ", ".join(str(seconds) for seconds in sorted(graces))),))


def mark_of(key: str) -> Keep | None:
    """The order in a sign that authors put on their own message: 📣 crosses it, 🏠 keeps it; None for every other sign."""
    return _MARKS.get(key.translate(_VARIATIONS))
