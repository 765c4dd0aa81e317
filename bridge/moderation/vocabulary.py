"""One line of a moderator's words, read the same wherever it was written: what to do, about what, why.

Norms.md 4.2. What is not understood is named, with what to write instead; talk that begins with no word of the vocabulary is talk.
"""

from __future__ import annotations

import msgspec

from bridge.model.act import Deed
from bridge.norms.wording import bounded

__all__ = ["SAID", "Said", "Unread", "read"]

SAID = {str(deed): deed for deed in (Deed.RELEASE, Deed.RETURN, Deed.REMOVE)}
"""The words that are carried out from a line."""

WHOLE_ID = 26
"""Characters of an id of ours (`ids.derive`)."""

LONGEST_LINE = 2_000
LONGEST_REASON = 300
_NORM = "norm:"


class Said(msgspec.Struct, frozen=True):
    """`what` is a link or an id as it was written, "" where the line answers something; `norm` as `N08`, "" when none was named."""

    deed: Deed
    what: str = ""
    norm: str = ""
    reason: str = ""


class Unread(msgspec.Struct, frozen=True):
    """`code` names the sentence that says what to write instead; `word` the deed that was meant."""

    code: str
    word: str


def read(line: str, *, answers: bool = False) -> Said | Unread | None:
    """`answers`: the line answers a message, which is then what it is about. None for what is only talk."""
    words = line[:LONGEST_LINE].split()
    deed = SAID.get(words[0].lower()) if words else None
    if deed is None:
        return None
    rest = words[1:]
    named = [word for word in rest if word.lower().startswith(_NORM)]
    rest = [word for word in rest if word not in named]
    what = "" if not rest or (answers and not _is_name(rest[0])) else rest.pop(0)
    if not what and not answers:
        return Unread("act.which", str(deed))
    if what and not _is_name(what):
        return Unread("act.which", str(deed))
    reason = bounded(" ".join(rest), LONGEST_REASON)
    if deed is Deed.RETURN and not reason:
        return Unread("act.why", str(deed))
    return Said(deed, what, named[0][len(_NORM) :].upper()[:20] if named else "", reason)


def _is_name(word: str) -> bool:
    """A link, an id of ours or the beginning of one, or what a network calls a thing."""
    plain = (
        word.isascii() and 6 <= len(word) <= 64 and word.isalnum() and (any(letter.isdigit() for letter in word) or len(word) >= WHOLE_ID)
    )
    return word.startswith(("https://", "http://", "$")) or ":" in word or plain
