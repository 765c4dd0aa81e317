"""On Matrix this is an `m.room.member` event; on the fediverse a Follow or its Undo; here a Membership. Nobody is made to join by us.

https://spec.matrix.org/v1.18/client-server-api/#mroommember. A kick or ban of a ghost is an instruction and is read as one; the ghosts' own
coming and going is our doing and is not.
"""

from __future__ import annotations

from msgspec import UnsetType

from bridge.errors import Malformed
from bridge.model.content.membership import Change, Membership
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading, Refs
from protocols.matrix.ids import is_user_id
from protocols.matrix.translate import profile, sanction
from protocols.matrix.translate.frame import Frame, account, author_of, make
from protocols.matrix.wire import MatrixEvent, MemberContent, decode

__all__ = ["before", "read", "write"]

_CHANGES = {"join": Change.JOIN, "leave": Change.LEAVE, "invite": Change.INVITE}


def before(raw: MatrixEvent) -> MemberContent:
    """What the same state said last, as far as the homeserver tells."""
    previous = raw.unsigned.prev_content if raw.unsigned is not None else None
    if previous is None or isinstance(previous, UnsetType):
        return MemberContent()
    try:
        found: MemberContent = decode(previous, MemberContent)
    except Malformed:
        return MemberContent()
    return found


def read(frame: Frame, refs: Refs) -> Reading:
    user = frame.raw.state_key or ""
    if not is_user_id(user):
        return Ignored("a membership of nobody", refused=True)
    now: MemberContent = decode(frame.raw.content, MemberContent)
    then = before(frame.raw)
    me, sender = frame.me, frame.raw.sender
    lifted = then.membership == "ban" and now.membership == "leave"
    if now.membership == "ban" or lifted:
        if me.is_ours(sender):
            return Ignored("a decision that this node carried out")
        return sanction.read(frame, refs, user, now, lifted=lifted)
    change = _CHANGES.get(now.membership)
    if change is None:
        return Ignored(f"nothing follows from the membership {now.membership[:40]!r}")
    if me.is_ours(sender) and me.is_ours(user):
        return Ignored("an account of ours comes or goes by itself")
    if now.membership == "join" and then.membership == "join":
        return profile.read(frame, refs, user, now, then)
    subject = Native(MATRIX, user)
    if me.is_ghost(user):
        ghost = refs.ghost(subject)
        subject = ghost.of if ghost is not None else subject
    author = account(user, now.displayname, now.avatar_url) if user == sender and change is Change.JOIN else author_of(frame, refs)
    return make(frame, Membership(change=change, subject=subject, target=frame.room), author)


def write(item: Item) -> Omission:
    return Omission(
        item.event_id, item.place, "membership.not_carried", "Nobody is made to join a room; a ghost comes when it has to speak."
    )
