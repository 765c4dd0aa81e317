"""Every sentence a norm says to people, in one table: what is recorded for a code, and what its author is told.

Tone (norms.md 3.7): at most 60 words, the first line readable alone, one emoji at most; the situation and not the person; what stays possible;
never "you must". Translations are other tables, not other code.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from bridge.model.richtext import RichText, from_plain
from bridge.norms.decision import Explanation


class Words(msgspec.Struct, frozen=True):
    """`sentence` stands in records and lists; `told` is the explanation to the author, "" where nobody is written to (3.7, the author's own
    choice, or the transport's refusal); `appeal` is the word to answer with. `{name}` is filled in from the explanation's arguments."""

    sentence: str
    told: str = ""
    appeal: str = ""


_STAYS = "🏠 This message stays where you wrote it.\n\n"

WORDS: Mapping[str, Words] = {
    # The transport: counted, nobody is written to.
    "loop.ours": Words("This came from this bridge already, so it is not carried round."),
    "loop.ghost": Words("This was posted by an account of this bridge, so it is not carried round."),
    "loop.other_bridge": Words("Another bridge made this copy; only its original is carried."),
    "loop.final": Words("This crossed a bridge already; it goes no further here."),
    "loop.carried": Words("Another bridge carries this there already, so a second copy stays away."),
    "loop.automated": Words("Automated accounts are not carried to the other side."),
    "loop.notice": Words("Notices of programs stay where they are."),
    "loop.inward": Words("This was meant for the bridge itself."),
    "loop.repeated": Words(
        "The same words of the same author crossed within the last 24 hours.",
        _STAYS + "The same words crossed less than a day ago, so they are not shown twice ({norm}). "
        "Said in other words it crosses. Questions: `!moot help`.",
        "!moot help",
    ),
    # Consent.
    "N01.off": Words("Its author has not said that their words may cross, so they stay."),
    "N01.kept": Words(
        "Its author keeps this one where it was written.",
        _STAYS + "Its own words ask not to be bridged, and that counts first ({norm}). "
        "Write it without #nobridge or #local when you want it to cross. Questions: `!moot help`.",
        "!moot help",
    ),
    "N01.ask_sign": Words("Its author is asked before their words cross; signs are not asked about and stay."),
    "N01.unanswered": Words("Its author was asked and has not said yes, so it stays."),
    "N01.quiet": Words("Its author wants it public but not listed."),
    "N01.named": Words("People it names who have not agreed to be seen elsewhere appear there as plain text."),
    "N01.account_marker": Words(
        "Its author's profile asks not to be bridged, so it stays.",
        _STAYS + "Your profile asks not to be bridged, and that counts first ({norm}). "
        "Take #nobridge or #nobot out of it when you want your words to cross. Questions: `!moot help`.",
        "!moot help",
    ),
    "N01.kept_edit": Words(
        "Its new form says that it stays, so the change does not cross.",
        "🏠 Your change stays where you wrote it.\n\nIts new words say so themselves ({norm}). "
        "The copies still show the words from before; answer it with `!forget this` to take them back.",
        "!forget this",
    ),
    "N01.ask": Words(
        "It waits for its author's yes.",
        "⏳ May this message cross?\n\nYou wanted to be asked each time ({norm}). For yes, answer it with `!cross this` or put the megaphone on it. "
        "Without a yes by {until} it stays where it is. `!cross off` stops the questions.",
        "!cross this",
    ),
    "N01.late": Words(
        "It reached the bridge long after it was said, so its author is asked first.",
        "⏳ May this still cross?\n\nYou wrote it a good while ago, and it reached us only now ({norm}). For yes, answer it with `!cross this` "
        "or put the megaphone on it. Without a yes by {until} it stays where it is.",
        "!cross this",
    ),
    # Audience.
    "audience.author": Words("Its author chose a smaller circle than everybody."),
    "audience.room": Words("The room is not open to everybody, so what is said there travels no further than its circle."),
    "audience.target": Words("What it is about has a smaller circle, so this has too."),
    "audience.target_stayed": Words("What it is about did not cross, so this stays too."),
    "audience.target_taken_back": Words("What it is about was taken back."),
    "audience.not_the_author": Words("Only the author of something changes its words."),
    "audience.encrypted": Words(
        "It was written in an encrypted room, and those words stay in it.",
        _STAYS + "The room is encrypted, and nothing said in it crosses ({norm}). "
        "To say it to everyone, write it in an open room. Questions: `!moot help`.",
        "!moot help",
    ),
    "audience.not_carried": Words(
        "That place cannot keep it to the people it is for, so it is not shown there.",
        "🏠 This message is not shown everywhere.\n\nThe other side cannot keep it to the people it is for ({norm}). "
        "Written for everybody, it crosses. Questions: `!moot help`.",
        "!moot help",
    ),
    # Grace: the rung of it is `allow`, so it is recorded and not announced.
    "grace.own": Words("It waits a moment, in case its author changes their mind."),
    "grace.parent": Words("It waits with what it answers."),
    "grace.target": Words("It waits with what it is about."),
    # First contact.
    "N05.first_contact": Words(
        "The first post of somebody new waits for a person to look at it.",
        "⏳ Welcome! Your first post here waits for a person to look at it.\n\nThat is how we greet everyone new ({norm}). They have until {until}; "
        "after that it comes back to you and nothing is shown. Deleting it withdraws it. Later posts appear at once. Questions: answer `help`.",
        "help",
    ),
    # Private messages: whoever wrote one hears no more than this.
    "N17.knock": Words("It waits until the person it is for lets its author in."),
    "N17.not_delivered": Words(
        "The person it is for does not take private messages of its author.",
        "Your private message was not delivered ({norm}).\n\nYou can write in the community. Questions: answer `help`.",
        "help",
    ),
    "N17.returned": Words(
        "The person it is for did not let its author in, and its words are gone.",
        "Your private message was not delivered ({norm}).\n\nYou can write in the community. Questions: answer `help`.",
        "help",
    ),
    "N05.returned": Words("It was given back to its author and is not shown."),
    "N05.counted": Words("A sign from somebody who has not been let in yet is counted and not shown."),
}

TRANSPORT = frozenset(code for code in WORDS if code.startswith("loop."))
"""Exception (a) to invariant I2: refusals of the transport."""

UNTOLD = frozenset(code for code, words in WORDS.items() if not words.told)
"""Codes that explain themselves: the author's own choice, the transport, a target that is not there, and what a person's act tells."""

_MOST = 120
_MOST_FILLED = 400
_CODE = re.compile(r"`([^`<>]+)`")
_HOLE = re.compile(r"\{(\w+)\}")


def sentence(code: str) -> str:
    """What a record or an omission says for a code; an unknown code is shown as itself."""
    words = WORDS.get(code)
    return words.sentence if words is not None else code


def appeal(code: str) -> str:
    words = WORDS.get(code)
    return words.appeal if words is not None else ""


def explain(explanation: Explanation) -> RichText:
    """The explanation as its author reads it; a code without one gives its sentence."""
    words = WORDS.get(explanation.code)
    if words is None:
        return from_plain(explanation.code)
    return say(words.told or words.sentence, explanation.args)


def say(template: str, args: Iterable[tuple[str, str]] = ()) -> RichText:
    """A template as people read it: filled in, and what stands between backticks set as code."""
    text = from_plain(fill(template, args))
    return RichText(html=_CODE.sub(r"<code>\1</code>", text.html), plain=text.plain)


def fill(template: str, args: Iterable[tuple[str, str]]) -> str:
    """`{name}` replaced by its argument as one harmless line; `until` is a moment; what has no argument reads as `…`."""
    values = dict(args)
    return _HOLE.sub(lambda hole: _value(hole[1], values.get(hole[1])), template)


def _value(name: str, value: str | None) -> str:
    if value is None:
        return "…"
    if name == "until":
        try:
            return moment(datetime.fromisoformat(value))
        except ValueError:
            return line(value)
    return bounded(value, _MOST_FILLED)


def line(text: str) -> str:
    """Words of a stranger inside our own, at most 120 characters."""
    return bounded(text, _MOST)


def bounded(text: str, most: int) -> str:
    """One line of at most `most` characters, without what hides, turns or breaks text."""
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char)[0] != "C")
    short = " ".join(kept.split())
    return short if len(short) <= most else short[: most - 1].rstrip() + "…"


def moment(at: datetime) -> str:
    """`24 November, 18:40 UTC`: the same for everyone, wherever they are."""
    at = at.astimezone(UTC)
    return f"{at.day} {_MONTHS[at.month - 1]}, {at.hour:02}:{at.minute:02} UTC"


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
