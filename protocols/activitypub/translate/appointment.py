"""An `Add` to the group's moderators is a seat given, a `Remove` from them one that ended; here both are an Appointment.

Activitypub.md 4.5, rule O11. The collection is what the group's `attributedTo` names.
"""

from __future__ import annotations

from bridge.model.content.appointment import Appointment
from bridge.refs import Ignored, Reading
from protocols.activitypub.ids import is_ours, moderators_url
from protocols.activitypub.translate.arrival import Arrival, group_spot, refused
from protocols.activitypub.translate.moderating import act, moderation, whom
from protocols.activitypub.translate.outgoing import NO_ACTOR, Made, Outgoing

__all__ = ["read_change", "write_appointment"]


def read_change(arrival: Arrival) -> Reading:
    """`Add` and `Remove`: what counts is the collection they change."""
    activity = arrival.activity
    target, who = activity.one_id("target"), activity.one_id("object")
    group, _, name = target.rpartition("/")
    if not is_ours(arrival.me, target):
        return Ignored(f"{activity.type}: a collection of another server, which is its own affair")
    spot = group_spot(arrival, [group])
    if waits := arrival.needs():
        return waits
    if spot is None or target not in {moderators_url(group), f"{group}/featured"}:
        return refused("O11", f"{activity.type} to {target}, which is no collection that others can change")
    if name == "featured":
        return Ignored(f"{activity.type}: what is pinned is not followed yet")
    if not who:
        return refused("O6", f"{activity.type} of nobody")
    subject = whom(arrival, who)
    if waits := arrival.needs():
        return waits
    return act(arrival, spot, Appointment(subject, ended=activity.type == "Remove"))


def write_appointment(out: Outgoing, appointment: Appointment) -> Made:
    who = out.actor(appointment.whom, ended=appointment.ended)
    if who is None:
        return NO_ACTOR
    kind = "Remove" if appointment.ended else "Add"
    return moderation(out, kind, who, activity=out.own_activity(), more={"target": moderators_url(out.group.id)})
