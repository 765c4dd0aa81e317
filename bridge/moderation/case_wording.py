"""Every sentence about reports, cases and appeals; part of the table in `wording.py`, in the same tone."""

from __future__ import annotations

from collections.abc import Mapping

UNSAID = "No reason was written down."

CASE_NOTICES: Mapping[str, str] = {
    # To whoever reports.
    "report.heard": (
        "🚩 Thank you. Somebody who looks after {community} will look at it, usually within a day.\n\n"
        "They do not learn who reported it. You hear from me what came of it. "
        "A flag in a room can be seen there; taking it off changes nothing."
    ),
    "report.heard_named": (
        "🚩 Thank you. Somebody who looks after {community} will look at it, usually within a day.\n\n"
        "They see who reported it, as you said. You hear from me what came of it."
    ),
    "report.again": "🚩 You have reported this before, and it is being looked at. What you wrote now is added.",
    "report.which": (
        "Which message? Answer it with `!report` and, if you like, a word for what it is: `ad`, `unkind`, `norm`, `threat`, "
        "`private`, `minors`. Its address after `!report` works too."
    ),
    "report.own": "This message is yours. Deleting it, or `!forget this` in answer to it, takes it back everywhere.",
    "report.outcome": (
        "🚩 What you reported in {community} was looked at: {outcome}.\n\nWho decided, and what was said, stays between those concerned. "
        "Thank you for raising a hand."
    ),
    "report.outcome_time": (
        "🚩 What you reported in {community} was not decided in time, so nothing was done.\n\n"
        "That says nothing about your report. If it still matters, `!report` brings it up again."
    ),
    "report.resolved": "🚩 The other server says that it has looked at what you reported.",
    # To whoever a case is about.
    "case.told": (
        "In {community} somebody looked at {what}: {outcome}.\n\n{reason}\n\n"
        "Answer `appeal` within 30 days and somebody else looks again; `why` tells more."
    ),
    "case.sealed": (
        "What you took back is gone everywhere we reach. Because it was reported before, a sealed copy is kept for those who look at that, "
        "until {until} at most. Nobody else can see it."
    ),
    # To moderators.
    "case.unseen": "⏰ Case {id} waits for a first look since {since}.",
    "case.waiting": "⏰ Case {id} waits for a decision since {since}.",
    "case.undecided": "⏰ Case {id} was not decided within 30 days and has ended: nothing was done, and those who reported were told.",
    "case.severe": "‼️ Case {id} may be severe. Two people are asked to look now; `case {id} open` shows what was reported.",
    "case.room_open": (
        "This room is open to others now, so no cards are shown here any more. Closed again, with its history for those inside, it gets them back; "
        "`folkmoot cases list` shows them meanwhile."
    ),
    "case.no_seat": "Whoever holds a seat in this community decides here; you are welcome to read along.",
    "case.which_hold": "Several things wait here. Say which one: `release ID`, `return ID reason` or `hold ID`, with the ID on the card.",
    "case.unknown": "There is no such case here. `case list` shows those that are open.",
    "case.over": "This case is over.",
    "case.decided": "This case is decided already. Whoever it concerns can appeal; `case {id}` shows how it stands.",
    "case.party": "You are part of this case, so somebody else decides it.",
    "case.same": "These two cannot be one case.",
    "case.split": "To split a case, name some of its reports and leave some, as in `case ab12cd split 2 3`.",
    "case.changed": "This case has changed since you saw it. It is shown anew; still the same? Then say it once more.",
    "case.how": (
        "What can be said of a case: `case ID` shows it; `open` shows what was reported, and that you looked is written down; `seen`, "
        "`nothing`, `note`, `removed`, `restricted`, `restored`, `refer`, then a reason; `merge ID`, `split 2 3`; after an appeal `stands`, "
        "`changed`, `reversed`."
    ),
    "case.done": "Case {id}: {outcome}. Those who reported, and whoever it concerns, are told.",
    "case.shown": "Case {id}: {stage}. Reports: {raised}. {rest}",
    "case.list": "Open cases:",
    "case.none": "No case is open.",
    "case.evidence": "Case {id}, as it was when it was reported. That you looked is written down.",
    "case.no_copy": "There is no copy of what this case is about: its words were gone before it was reported, or their time is over.",
    "case.refer_asks": (
        "Passing a report on needs the yes of somebody who reported, and nobody has given it. Reporters give it with `!report forward`, or answer "
        "`forward` to me."
    ),
    "case.refer_nowhere": "Its author lives in no other server that could be told.",
    "case.referred": "Case {id}: the author's own server is told what it is about, in one sentence, and not by whom.",
    # Appeals and questions.
    "appeal.taken": (
        "Your appeal is with somebody who did not decide.\n\nThey look within a week, by {until}, and I write to you then. "
        "Until they have, the decision stays as it is."
    ),
    "appeal.nothing": "Nothing was decided here that an appeal could change. `why` shows what concerns you.",
    "appeal.not_yours": "Only the person it concerns can appeal a decision.",
    "appeal.again": "This decision has been appealed once, and somebody looked or is looking. When facts change, tell a moderator in your own words.",
    "appeal.late": "The thirty days for an appeal are over. You can still write to the people who look after the community.",
    "appeal.none_open": "This case waits for no second look.",
    "appeal.decider": "You decided this, so somebody else looks again.",
    "appeal.waiting": "⏰ The appeal in case {id} waits for somebody who did not decide it.",
    "appeal.unreviewed": "⏰ Nobody looked at the appeal in case {id} within 30 days; the decision stands, and whoever appealed was told.",
    "appeal.stands": "Somebody else looked at it again: it stays as it is.\n\n{reason}\n\nThank you for asking. That is the last word on it here.",
    "appeal.changed": "Somebody else looked at it again and changed it.\n\n{reason}\n\nThat is the last word on it here.",
    "appeal.reversed": (
        "Somebody else looked at it again and took it back.\n\n{reason}\n\n"
        "We do not put words back by ourselves: you can say it again. We are sorry for the trouble it made."
    ),
    "appeal.unlooked": "Nobody could look at your appeal in time, so it stays as it is. You can write to the people who look after the community.",
    "why.nothing": "Nothing was decided about anything of yours in the last 90 days.",
    "why.entry": "{when}: {effect}, {by}, by the norm {norm}. {reason}\n\nAnswer `appeal {id}` and somebody else looks again.",
    "why.settled": "{when}: {effect}, {by}, by the norm {norm}. {reason}",
}
