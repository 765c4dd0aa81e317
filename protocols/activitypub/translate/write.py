"""Every item for a fediverse group becomes the bytes of one activity, or an omission that says why there is none.

The forms are those of `capabilities.py`. `speaker` is the actor that signs. What is over 60 kB is shortened, and says so.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from bridge.model.content import (
    Appointment,
    Boost,
    Command,
    Content,
    Edit,
    Lock,
    Membership,
    Message,
    Notice,
    Profile,
    Reaction,
    Release,
    Report,
    Restoration,
    Retraction,
    Sanction,
    Setting,
    Sighting,
)
from bridge.model.content.membership import Change
from bridge.model.event import Event, object_of
from bridge.model.ids import Native, item_id
from bridge.model.item import Item, Omission
from bridge.model.richtext import from_plain
from bridge.ports import Node
from bridge.refs import Needs, Refs, Wire, Writing
from protocols.activitypub.ids import activity_url, native, object_url
from protocols.activitypub.translate.announce import boost, wrap
from protocols.activitypub.translate.appointment import write_appointment
from protocols.activitypub.translate.direct import addressed
from protocols.activitypub.translate.lock import write_lock
from protocols.activitypub.translate.membership import write_answer, write_follow
from protocols.activitypub.translate.message import write_create, write_update
from protocols.activitypub.translate.notice import write_notice
from protocols.activitypub.translate.outgoing import NO_ACTOR, Lack, Made, Outgoing
from protocols.activitypub.translate.profile import write_profile
from protocols.activitypub.translate.reaction import write_like
from protocols.activitypub.translate.report import write_flag
from protocols.activitypub.translate.restoration import write_restoration
from protocols.activitypub.translate.retraction import write_retraction, write_unboost
from protocols.activitypub.translate.sanction import write_block, write_rejection
from protocols.activitypub.wire import MOST_OUT, Document, encode

_TOO_LONG = Lack("text.too_long", "It is too long for the fediverse even when shortened.")
_FIRST_TRY = 8_000
"""Characters kept when the whole is too big; halved until it fits."""


def write(item: Item, refs: Refs, me: Node) -> Writing:
    """The same item always gives the same bytes; its activity id is `/a/{item id}` for what a place says, `/a/{event id}` for a person."""
    made = _fitting(Outgoing(item.event, item.place, refs, me), item)
    if refs.missing:
        return Needs(tuple(refs.missing))
    if isinstance(made, Lack):
        return Omission(item.event_id, item.place, made.code, made.text)
    return Wire("POST", "", encode(made), speaker=native(str(made["actor"])))


def deed_of(event: Event, group: Native, refs: Refs, me: Node) -> Made:
    """What the author did, as served at `/a/{event id}` and sent directly. Ask `refs.missing` before believing it."""
    return _deed(Outgoing(event, group, refs, me), to_group=False)


def _fitting(out: Outgoing, item: Item) -> Made:
    made = _made(out, item)
    keep = _FIRST_TRY
    while not isinstance(made, Lack) and not out.refs.missing and len(encode(made)) > MOST_OUT:
        if item.form == "wrap" and out.is_foreign():
            return boost(out, item.event.author.native.id, out.own_url(), activity=activity_url(out.me, item.id))
        if keep < 50:
            return _TOO_LONG
        made = _made(msgspec.structs.replace(out, event=_shortened(out, keep)), item)
        keep //= 2
    return made


def _shortened(out: Outgoing, keep: int) -> Event:
    """The beginning, and where the whole of it is."""
    event = out.event
    content = event.content
    message = content.message if isinstance(content, Edit) else content
    if not isinstance(message, Message):
        return event
    tail = f"\n\n… this is the beginning; the rest is at {object_url(out.me, object_of(event))}"
    short = msgspec.structs.replace(
        message,
        text=from_plain(message.text.plain[:keep].rstrip() + tail),
        title=message.title[:200] if message.title else None,
        mentions=message.mentions[:20],
        attachments=message.attachments[:4],
    )
    return msgspec.structs.replace(event, content=Edit(content.target, short) if isinstance(content, Edit) else short)


def _made(out: Outgoing, item: Item) -> Made:
    activity = activity_url(out.me, item.id)
    content = out.event.content
    match item.form:
        case "wrap":
            return _wrapped(out, activity)
        case "boost" if isinstance(content, Message):
            author = out.actor(out.event.author.native)
            return boost(out, author, out.own_url(), activity=activity) if author else NO_ACTOR
        case "accept" | "reject" if isinstance(content, Membership):
            return _answered(content, activity, reject=item.form == "reject")
        case "follow" | "unfollow" if isinstance(content, Membership):
            undo = item.form == "unfollow" or content.change is not Change.FOLLOW
            return write_follow(out, content, undo=undo)
        case "update" | "end" if isinstance(content, Profile):
            return write_profile(out, content, activity=activity)
        case "unboost" if isinstance(content, Retraction):
            return write_unboost(out, content, activity=activity)
        case "report" if isinstance(content, Report):
            return write_flag(out, content, activity=activity)
        case "reject" if isinstance(content, Sanction):
            return write_rejection(out, content, activity=activity)
        case "say" if isinstance(content, Notice):
            return write_notice(out, content, activity=activity)
        case "direct":
            return _deed(out, to_group=False)
        case form:
            return Lack("form.unknown", f"The fediverse knows no form {form!r} of this.")


def _answered(content: Membership, activity: str, *, reject: bool) -> Made:
    if content.change in {Change.UNFOLLOW, Change.ACCEPTED}:
        return Lack("membership.no_answer", "Going needs no answer.")
    return write_answer(content, activity=activity, accept=content.change is Change.FOLLOW and not reject)


def _wrapped(out: Outgoing, activity: str) -> Made:
    """Form 1: somebody else's activity as it came; where only the object was ever seen, its id says the same."""
    if is_moderators(out.event.content):
        # Never the moderator's own activity: it names who decided.
        deed = _deed(out, to_group=True)
        return deed if isinstance(deed, Lack) else wrap(out, str(deed["actor"]), deed, activity=activity)
    author = out.actor(out.event.author.native)
    if author is None and not isinstance(out.event.content, Retraction):
        return NO_ACTOR
    if out.is_foreign():
        inner = out.event.wire
        if inner is None:
            return _passed_on(out, str(author), activity)
        return wrap(out, str(author), inner, activity=activity)
    deed = _deed(out, to_group=True)
    return deed if isinstance(deed, Lack) else wrap(out, str(deed["actor"]), deed, activity=activity)


def is_moderators(content: Content) -> bool:
    """Did the group's moderators do it, and not who says it?"""
    return isinstance(content, Sanction | Lock | Restoration | Appointment) or (isinstance(content, Retraction) and content.moderator)


def _passed_on(out: Outgoing, author: str, activity: str) -> Document:
    """By its id alone, in place of a wrap. What begins a thread is boosted besides: that is the same act, so it has the same id."""
    content = out.event.content
    if isinstance(content, Message) and content.reply_to is None and content.thread is None:
        activity = activity_url(out.me, item_id(out.me.secret, out.event.id, out.group, "boost"))
    return boost(out, author, out.own_url(), activity=activity)


def _deed(out: Outgoing, *, to_group: bool) -> Made:
    """What one person did, by their own actor; in private for whom it is, and nobody else."""
    deed = _done(out, to_group=to_group)
    if isinstance(deed, Lack) or not out.is_private():
        return deed
    inner = deed.get("object")
    if isinstance(inner, dict) and "attributedTo" in inner:
        said = addressed(out, inner)
        if isinstance(said, Lack):
            return said
        deed = {**deed, "object": said}
    return addressed(out, deed)


def _done(out: Outgoing, *, to_group: bool) -> Made:
    content = out.event.content
    match content:
        case Message():
            return write_create(out, content, page=to_group)
        case Edit():
            return write_update(out, content, page=to_group)
        case Retraction():
            return write_retraction(out, content, to_group=to_group)
        case Reaction():
            return write_like(out, content, to_group=to_group)
        case Sanction():
            return write_block(out, content)
        case Lock():
            return write_lock(out, content)
        case Restoration():
            return write_restoration(out, content)
        case Appointment():
            return write_appointment(out, content)
        case Boost() | Membership() | Profile() | Notice() | Command() | Release() | Setting() | Sighting() | Report():
            return Lack("kind.not_carried", "The fediverse group has no way to show this.")
        case other:
            assert_never(other)


def document_of(event: Event, group: Native, refs: Refs, me: Node) -> Made:
    """What is served at `/o/{id}`: the canonical Note of the object's current form. Ask `refs.missing` before believing it."""
    deed = deed_of(event, group, refs, me)
    if isinstance(deed, Lack) or not isinstance(event.content, (Message, Edit)):
        return deed
    inner = deed["object"]
    served: Document = {"@context": deed["@context"]}
    return served | inner if isinstance(inner, dict) else deed
