"""An `Add` to the group's moderators is a seat given, a `Remove` from them one that ended; here both are an Appointment.

Activitypub.md 4.5, rule O11. The collection is what the group's `attributedTo` names.
"""

from __future__ import annotations

from bridge.model.content.appointment import Appointment
from protocols.activitypub.ids import moderators_url
from protocols.activitypub.translate.moderating import moderation
from protocols.activitypub.translate.outgoing import NO_ACTOR, Made, Outgoing

__all__ = ["write_appointment"]


def write_appointment(out: Outgoing, appointment: Appointment) -> Made:
    who = out.actor(appointment.whom, ended=appointment.ended)
    if who is None:
        return NO_ACTOR
    kind = "Remove" if appointment.ended else "Add"
    return moderation(out, kind, who, activity=out.own_activity(), more={"target": moderators_url(out.group.id)})
