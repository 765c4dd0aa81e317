"""What cases and the log keep of one person, for that person: their own reports, what was decided about them, and nobody else's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.model.case import Case
from bridge.model.ids import Native
from bridge.model.logentry import LogEntry
from bridge.moderation.cards import OUTCOMES, RULED, STAGES
from bridge.moderation.log import EFFECTS
from bridge.norms.wording import sentence

__all__ = ["cases_of", "deeds_of"]


def cases_of(person: Native, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Cases about them, and their own hands in others."""
    found: list[dict[str, Any]] = []
    for case in cases:
        told: dict[str, Any] = {"id": case.id, "opened_at": case.opened_at.isoformat(timespec="seconds"), "stage": STAGES[case.stage]}
        if case.person == person:
            told["about"] = f"a {case.kind} of yours" if case.kind else "you"
            if case.settlement is not None:
                told |= {"decided": OUTCOMES[case.settlement.outcome], "reason": case.settlement.reason}
            if case.appeal is not None:
                told["appealed_at"] = case.appeal.at.isoformat(timespec="seconds")
                if case.appeal.ruled is not None:
                    told["appeal"] = RULED[case.appeal.ruled]
        for one in case.raised:
            if one.by == person:
                told["you_reported"] = {"as": str(one.category), "words": one.words, "named": one.named, "forward": one.forward}
        if person in (*(one.by for one in case.openings), *_deciders(case)):
            told["you_worked_on_it"] = True
        found.append({name: value for name, value in told.items() if value not in ("", None)})
    return found


def _deciders(case: Case) -> tuple[Native | None, ...]:
    settled = case.settlement.by if case.settlement is not None else None
    reviewer = case.appeal.reviewer if case.appeal is not None else None
    return case.seen_by, settled, reviewer


def deeds_of(entries: Sequence[LogEntry]) -> list[dict[str, Any]]:
    """Lines of the log that concern them."""
    found = []
    for entry in entries:
        names = entry.names
        reason = (names.reason or (sentence(names.code) if names.code else "")) if names is not None else ""
        told = {
            "id": entry.id,
            "at": entry.at.isoformat(timespec="seconds"),
            "what": EFFECTS.get(entry.doing.effect, entry.doing.effect),
            "by": entry.doing.by,
            "norm": entry.doing.norm,
            "reason": reason,
        }
        found.append({name: value for name, value in told.items() if value})
    return found
