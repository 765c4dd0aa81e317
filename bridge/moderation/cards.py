"""What stands on a moderator's card: everything a first look needs, and no name, no words of anybody; those are opened on the case.

Norms.md 4.2, 4.5, 4.10. A copy of the words in the moderation room would outlive their author's deletion, so a card has a link to them.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from bridge.model.act import Deed
from bridge.model.case import Case, Outcome, Ruled, Stage
from bridge.model.content.report import Category
from bridge.model.record import Hold
from bridge.model.richtext import RichText
from bridge.moderation.cases import by_standing, weight
from bridge.moderation.deciding import NEEDED
from bridge.moderation.signs import SIGNS
from bridge.norms.wording import line, moment, sentence

SHORT = 6
"""Characters of an id that people see and type, at the least."""

MOST_LISTED = 10
"""Waiting items listed on one card; beyond that they are counted (4.10: ten cards a day)."""

CATEGORIES: Mapping[Category, str] = {
    Category.SPAM: "spam or advertising",
    Category.UNKIND: "unkind words",
    Category.NORM: "against what was agreed",
    Category.THREAT: "a threat",
    Category.PRIVATE: "private details of somebody",
    Category.MINORS: "sexual content of minors",
    Category.OTHER: "something else",
}

STAGES: Mapping[Stage, str] = {
    Stage.RECEIVED: "nobody has looked yet",
    Stage.SEEN: "somebody is looking",
    Stage.DECIDED: "decided",
    Stage.TOLD: "decided, and everybody was told",
    Stage.APPEALED: "appealed: somebody who did not decide looks again",
    Stage.CLOSED: "closed",
    Stage.MERGED: "goes on in another case",
    Stage.PSEUDONYMISED: "closed",
}

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.NOTHING: "nothing had to be done",
    Outcome.NOTE: "a note was added",
    Outcome.REMOVE: "it was taken down",
    Outcome.RESTRICTION: "its author was limited for a time",
    Outcome.RESTORE: "it was put back",
    Outcome.STAYS: "it was not shown",
    Outcome.REFER: "its author's own server was told",
}

RULED: Mapping[Ruled, str] = {Ruled.STANDS: "it stands", Ruled.CHANGED: "it was changed", Ruled.REVERSED: "it was reversed"}

_STANDINGS: Mapping[str, tuple[str, str]] = {
    "known": ("known member", "known members"),
    "newcomer": ("newcomer", "newcomers"),
    "server": ("server of strangers", "servers of strangers"),
}

_ON_CASE: Mapping[Deed, str] = {
    Deed.RELEASE: "fine",
    Deed.REMOVE: "take down",
    Deed.LIMIT: "limit for 24 h",
    Deed.BAN: "ban",
    Deed.LOCK: "lock",
    Deed.NOTE: "note",
    Deed.UNDO: "undo",
}
_ON_HOLDS: Mapping[Deed, str] = {Deed.RELEASE: "`release ID`", Deed.RETURN: "`return ID reason`", Deed.HOLD: "`hold ID`"}
_SIGN_OF = {deed: sign for sign, deed in SIGNS.items()}


def short(id_: str) -> str:
    """Up to its first digit where the beginning has none, for that tells an id from a word (vocabulary); whole where there is none at all."""
    digit = next((at for at, letter in enumerate(id_) if letter.isdigit()), len(id_))
    return id_[: max(SHORT, digit + 1)]


def case_card(case: Case) -> RichText:
    """The card of a case, as it stands now."""
    head = f"{'‼️' if case.is_severe else '🚩'} Case {short(case.id)} · {STAGES[case.stage]}"
    rows = [f"Raised: {raised_words(case)}", f"About: {_about(case)}"]
    categories = dict.fromkeys(CATEGORIES[one.category] for one in case.raised)
    if categories:
        rows.append(f"As: {', '.join(categories)}")
    rows += [f"They wrote: {said}" for said in dict.fromkeys(line(one.words) for one in case.raised if one.words)][:3]
    if case.settlement is not None:
        who = "a person" if case.settlement.by is not None else "time"
        rows.append(f"Decided by {who}: {OUTCOMES[case.settlement.outcome]}")
    if case.appeal is not None:
        rows.append(f"Appealed {moment(case.appeal.at)}" + (f": {RULED[case.appeal.ruled]}" if case.appeal.ruled is not None else ""))
    if case.resolved_elsewhere:
        rows.append("Its author's server says that it has looked")
    hint = _case_hint(case) if case.stage in (Stage.RECEIVED, Stage.SEEN) else ""
    if case.stage is Stage.APPEALED:
        hint = f"`case {short(case.id)} stands`, `changed` or `reversed`, by somebody who did not decide it"
    return _laid_out(head, rows, hint, case.url)


def holds_card(holds: Sequence[Hold], urls: Mapping[str, str], more: int = 0) -> RichText:
    """All that waits for a person, on one card. `urls`: by event, where it can be read; `more`: how many wait besides."""
    if not holds:
        return _laid_out("✅ Nothing waits", [], "", "")
    waiting = len(holds) + more
    head = f"⏳ {waiting} {'waits' if waiting == 1 else 'wait'} for a person"
    rows = []
    for hold in holds[:MOST_LISTED]:
        url = urls.get(hold.event_id, "")
        until = f"{_ENDINGS[hold.on_expiry.value]} {moment(hold.due_at)}"
        rows.append(f"{short(hold.event_id)} · {sentence(hold.code)} {until}" + (f" {url}" if url else ""))
    hidden = waiting - len(rows)
    if hidden:
        rows.append(f"and {hidden} more: `folkmoot holds list`")
    return _laid_out(head, rows, _holds_hint(), "")


def cases_card(cases: Sequence[Case]) -> RichText:
    """The cases of a day that have no card of their own."""
    rows = [f"{short(case.id)} · {STAGES[case.stage]} · {raised_words(case)} · {_about(case)}" for case in cases[:MOST_LISTED]]
    if len(cases) > MOST_LISTED:
        rows.append(f"and {len(cases) - MOST_LISTED} more: `case list`")
    return _laid_out(f"🚩 {len(cases)} more today", rows, "`case ID` shows one", "")


_ENDINGS = {"release": "Appears", "return": "Goes back", "local": "Stays where it is"}


def _case_hint(case: Case) -> str:
    """Only what is carried out is offered."""
    signs = " · ".join(f"{_SIGN_OF[deed]} {meaning}" for deed, meaning in _ON_CASE.items() if deed in NEEDED)
    return f"{signs}, or in words: `case {short(case.id)} nothing`, `case {short(case.id)} open`"


def _holds_hint() -> str:
    offered = [deed for deed in _ON_HOLDS if deed in NEEDED]
    words, signs = ", ".join(_ON_HOLDS[deed] for deed in offered), " ".join(_SIGN_OF[deed] for deed in offered)
    return f"{words}; with one alone here also {signs} on this card"


def raised_words(case: Case) -> str:
    """`weight 2: 2 servers of strangers`."""
    if not case.raised:
        return "by nobody; it was appealed"
    parts = [f"{count} {_named(standing, count)}" for standing, count in sorted(by_standing(case).items())]
    beyond = f", and {case.beyond} more" if case.beyond else ""
    return f"{', '.join(parts)} (weight {weight(case)}){beyond}"


def _named(standing: str, count: int) -> str:
    one, many = _STANDINGS.get(standing, (standing, standing))
    return one if count == 1 else many


def _about(case: Case) -> str:
    what = f"a {case.kind}" if case.kind else "a person"
    whose = " of a " + _named(case.standing, 1) if case.standing in _STANDINGS else " of a stranger" if case.standing else ""
    return f"{what}{whose}" + (f", from {case.host}" if case.host else "")


def _laid_out(head: str, rows: Sequence[str], hint: str, url: str) -> RichText:
    link = [url] if url else []
    plain = "\n".join([head, *rows, *link, *([hint] if hint else [])])
    shown = [f"<p><strong>{html.escape(head, quote=False)}</strong></p>"]
    if rows:
        shown.append("<ul>" + "".join(f"<li>{html.escape(row, quote=False)}</li>" for row in rows) + "</ul>")
    if url:
        shown.append(f'<p><a href="{html.escape(url)}">Read it where it is</a></p>')
    if hint:
        shown.append(f"<p>{html.escape(hint, quote=False)}</p>")
    return RichText(html="".join(shown), plain=plain)
