"""Every sentence about acts of moderators; part of the table in `wording.py`, in the same tone."""

from __future__ import annotations

from collections.abc import Mapping

ACT_NOTICES: Mapping[str, str] = {
    # To whoever acts.
    "act.no_seat": "Only somebody who holds a seat in this community can do that; nothing was changed.",
    "act.low_seat": "`{deed}` needs the seat of a {role}; nothing was changed. Somebody who holds one can do it.",
    "act.not_here": "`{deed}` is not carried out from here; nothing was changed. What is: {deeds}.",
    "act.old": "That was sent more than an hour ago, so it was not carried out. Still the same? Then say it once more.",
    "act.unknown": "What that is about is not in this community, or not any more; nothing was changed.",
    "act.over": "That is decided already, or was taken back; nothing was changed.",
    "act.own": "That is about something of your own, so somebody else decides it; nothing was changed.",
    "act.which": "Which one? Write `{word}`, then its link or the ID on its card, then the reason if you like.",
    "act.why": "Whoever wrote it is told why. Write `{word}`, then its link or the ID on its card, then the reason.",
    "act.done": "Done: `{deed}`. It holds on every side, and whoever it concerns is told.",
    # To whoever it concerns.
    "act.removed": (
        "Something of yours was taken down in {community} by those who look after it.\n\n{reason}\n\n"
        "You are welcome to write again. Answer `appeal` within 30 days and somebody else looks again; `why` tells more."
    ),
}
