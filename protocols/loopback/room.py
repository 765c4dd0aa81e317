"""One room of a hall as whoever is in it sees it now: what was said in order, with edits, reactions and what was taken back applied."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from bridge.errors import Refused
from bridge.model.content.membership import Change
from bridge.model.place import OPEN, Openness
from protocols.loopback.ids import BOT
from protocols.loopback.wire import Account, Arrange, Boost, Close, Come, Deed, Expel, Face, React, Revise, Say, TakeBack, Words

__all__ = ["Line", "Missing", "Room", "Sign"]

_COMES = frozenset({Change.JOIN, Change.FOLLOW})
_GOES = frozenset({Change.LEAVE, Change.UNFOLLOW})


class Missing(Refused):
    """What it is about is not in the room, or not any more."""

    code = "missing"


class Sign(msgspec.Struct, frozen=True):
    """A reaction under a line, or a boost of it (`key` empty)."""

    id: str
    by: Account
    key: str = ""


class Line(msgspec.Struct, frozen=True):
    """One message as it stands now. Taken back, it has no words and no signs left; only that it was there.
    `closed`: it begins a conversation that takes no more answers."""

    id: str
    by: Account
    at: datetime
    words: Words
    reply_to: str = ""
    thread: str = ""
    edited: bool = False
    taken_back: bool = False
    closed: bool = False
    signs: tuple[Sign, ...] = ()

    @property
    def text(self) -> str:
        return self.words.text

    @property
    def reactions(self) -> dict[str, tuple[str, ...]]:
        """By sign: the ids of who put it there."""
        found: dict[str, tuple[str, ...]] = {}
        for sign in self.signs:
            if sign.key:
                found[sign.key] = (*found.get(sign.key, ()), sign.by.id)
        return found

    @property
    def boosts(self) -> tuple[str, ...]:
        """The ids of who passed it on."""
        return tuple(sign.by.id for sign in self.signs if not sign.key)


class Room:
    """`hosts` may take back what others said and arrange the room; so may the bot."""

    def __init__(self, name: str, *, title: str = "", openness: Openness = OPEN, hosts: frozenset[str] = frozenset()) -> None:
        self.name = name
        self.title = title
        self.openness = openness
        self.hosts = hosts | {BOT}
        self.successor = ""
        self.present: dict[str, Account] = {}
        """Everybody who has come or has spoken, and has not gone."""
        self._lines: dict[str, Line] = {}
        self._removed: set[str] = set()
        self._under: dict[str, str] = {}
        """The line under which a sign stands."""

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(self._lines.values())

    def __contains__(self, deed: str) -> bool:
        return deed in self._lines or deed in self._under

    def author_of(self, deed: str) -> str:
        """Whose line or sign this is; empty when it is not here, or was taken back."""
        line = self._lines.get(self._under.get(deed, deed))
        if line is None or line.taken_back:
            return ""
        return next((sign.by.id for sign in line.signs if sign.id == deed), line.by.id if line.id == deed else "")

    def sign_of(self, deed: str, by: str, key: str) -> str:
        """The reaction (or, without a key, the boost) that somebody has put under a line; empty when there is none."""
        line = self._lines.get(deed)
        return next((sign.id for sign in line.signs if (sign.by.id, sign.key) == (by, key)), "") if line is not None else ""

    def apply(self, deed: Deed) -> None:
        """Raises Refused when this is not theirs to do, or is about something that is not here; then nothing has changed."""
        if deed.by.id in self._removed:
            raise Refused("This account was removed from the room.")
        match deed.act:
            case Say() as say:
                self._say(deed, say)
            case Revise() as revise:
                self._revise(deed, revise)
            case TakeBack() as take_back:
                self._take_back(deed, take_back)
            case React(of=of, key=key):
                self._sign(of, Sign(deed.id, deed.by, key))
            case Boost(of=of):
                self._sign(of, Sign(deed.id, deed.by))
            case Come() as come:
                self._come(deed, come)
            case Face(account=account, ended=ended):
                self._face(account, ended=ended)
            case Arrange() as arrange:
                self._arrange(deed, arrange)
            case Expel() as expel:
                self._expel(deed, expel)
            case Close() as close:
                self._close(deed, close)

    def _say(self, deed: Deed, say: Say) -> None:
        parent = self._lines.get(say.reply_to)
        inherited = (parent.thread or parent.id) if parent is not None else ""
        root = self._lines.get(say.thread or inherited)
        if root is not None and root.closed and deed.by.id not in self.hosts:
            raise Refused("This conversation is closed.")
        self._lines[deed.id] = Line(
            id=deed.id, by=deed.by, at=deed.at, words=say.words, reply_to=say.reply_to, thread=say.thread or inherited
        )
        self.present[deed.by.id] = deed.by

    def _revise(self, deed: Deed, revise: Revise) -> None:
        line = self._line(revise.of)
        if line.by.id != deed.by.id:
            raise Refused("Only the author of a message can change it.")
        self._lines[line.id] = replace(line, words=revise.words, edited=True)

    def _take_back(self, deed: Deed, take_back: TakeBack) -> None:
        author = self.author_of(take_back.of)
        if not author:
            raise Refused("It is not here, or was taken back already.")
        if author != deed.by.id and deed.by.id not in self.hosts:
            raise Refused("Only its author or a host of the room can take it back.")
        line = self._lines[self._under.get(take_back.of, take_back.of)]
        if line.id == take_back.of:
            self._lines[line.id] = replace(line, words=Words(), taken_back=True, signs=())
        else:
            self._lines[line.id] = replace(line, signs=tuple(sign for sign in line.signs if sign.id != take_back.of))

    def _sign(self, of: str, sign: Sign) -> None:
        line = self._line(of)
        self._lines[line.id] = replace(line, signs=(*line.signs, sign))
        self._under[sign.id] = line.id

    def _come(self, deed: Deed, come: Come) -> None:
        if come.who != deed.by.id and deed.by.id not in self.hosts:
            raise Refused("Only a host of the room can bring in or remove somebody else.")
        if come.change in _COMES:
            self.present[come.who] = deed.by if deed.by.id == come.who else Account(come.who)
        elif come.change in _GOES:
            self.present.pop(come.who, None)

    def _expel(self, deed: Deed, expel: Expel) -> None:
        if deed.by.id not in self.hosts:
            raise Refused("Only a host of the room can send somebody out, or let them in again.")
        if expel.lifted:
            self._removed.discard(expel.who)
            return
        self.present.pop(expel.who, None)
        self._removed.add(expel.who)

    def _close(self, deed: Deed, close: Close) -> None:
        if deed.by.id not in self.hosts:
            raise Refused("Only a host of the room can close a conversation.")
        line = self._line(close.of)
        self._lines[line.id] = replace(line, closed=not close.opened)

    def _face(self, account: Account, *, ended: bool) -> None:
        for line in self.lines:
            by = account if line.by.id == account.id else line.by
            signs = tuple(replace(sign, by=account) if sign.by.id == account.id else sign for sign in line.signs)
            self._lines[line.id] = replace(line, by=by, signs=signs)
        if ended:
            self.present.pop(account.id, None)
        elif account.id in self.present:
            self.present[account.id] = account

    def _arrange(self, deed: Deed, arrange: Arrange) -> None:
        if deed.by.id not in self.hosts:
            raise Refused("Only a host of the room can arrange it.")
        self.openness = arrange.openness or self.openness
        self.title = self.title if arrange.name is None else arrange.name
        self.successor = arrange.successor or self.successor

    def _line(self, deed: str) -> Line:
        line = self._lines.get(deed)
        if line is None or line.taken_back:
            raise Missing("It is not here, or was taken back.")
        return line
