"""Nothing a peer sends is a notice; what the bridge says to one person is a direct `Note` by the group, with that person tagged.

Activitypub.md 3.3; GoToSocial 0.20 drops a direct Note silently when it has no Mention tag for whom it is for.
"""

from __future__ import annotations

import html

from bridge.model.content.message import Mention, Message
from bridge.model.content.notice import Notice
from bridge.model.ids import ACTIVITYPUB
from bridge.model.richtext import RichText
from protocols.activitypub.ids import object_url
from protocols.activitypub.translate.note import words_of
from protocols.activitypub.translate.outgoing import Lack, Made, Outgoing
from protocols.activitypub.wire import OBJECT_CONTEXT, Document, stamp


def write_notice(out: Outgoing, notice: Notice, *, activity: str) -> Made:
    """A sign without words has no private form there; who it is about sees nothing instead of something public."""
    if notice.to.protocol != ACTIVITYPUB:
        return Lack("notice.elsewhere", "This person does not live on the fediverse.")
    if not notice.text:
        return Lack("notice.sign", f"{notice.sign or 'A sign'} alone cannot be shown to one person on the fediverse.")
    actor = out.refs.actor(notice.to)
    if actor is None:
        return Lack("notice.gone", "This person could not be found any more.")
    body = notice.text.html or f"<p>{html.escape(notice.text.plain, quote=False)}</p>"
    greeting = f'<p><a data-mention="0">{html.escape(actor.handle)}</a></p>'
    words = words_of(out, Message(RichText(html=greeting + body), mentions=(Mention(notice.to, actor.handle),)), None)
    answered = out.url(notice.about) if notice.about else None
    url = object_url(out.me, out.event.id)
    note: Document = {
        "id": url,
        "type": "Note",
        "attributedTo": out.group.id,
        "to": [notice.to.id],
        "cc": [],
        "content": words.content,
        "published": stamp(out.event.at),
        "url": url,
        "tag": list(words.tags),
    }
    if answered:
        note["inReplyTo"] = answered
    return {
        "@context": OBJECT_CONTEXT,
        "id": activity,
        "type": "Create",
        "actor": out.group.id,
        "published": stamp(out.event.at),
        "to": [notice.to.id],
        "cc": [],
        "object": note,
    }
