"""On Matrix a question with answers to choose from is a `poll.start` (MSC3381); elsewhere it is words, and the way to where it is asked.

Votes stay in the room: a Question on a server that hears of none of them would show a count that is wrong.
"""

from __future__ import annotations

import html as _html
from collections.abc import Iterator
from typing import Any

from bridge.model.content.edit import Edit
from bridge.model.content.message import Message
from bridge.model.ids import MATRIX, Native
from bridge.model.richtext import RichText
from bridge.refs import Ignored, Reading, Refs
from protocols.htmltree import scrub
from protocols.matrix.translate.frame import Frame, aim, author_of, make, page
from protocols.matrix.translate.relation import Standing, read_relation
from protocols.matrix.wire import PollContent, decode
from protocols.richtext import to_core

__all__ = ["EVENT_TYPES", "read"]

EVENT_TYPES = ("m.poll.start", "org.matrix.msc3381.poll.start")
MOST_ANSWERS = 20
MOST_LETTERS = 1_000

_POLLS = ("m.poll", "org.matrix.msc3381.poll.start")
_TEXTS = ("m.text", "org.matrix.msc1767.text", "body")


def read(frame: Frame, refs: Refs) -> Reading:
    content = decode(frame.raw.content, PollContent)
    relation = content.relates_to
    changes = relation is not None and relation.rel_type == "m.replace"
    new: Any = content.new_content if changes else dict(zip(_POLLS, (content.poll, content.unstable), strict=True))
    text = _words(new if isinstance(new, dict) else {}, page(frame))
    if text is None:
        return Ignored("a poll without a question: it was taken back, or was never whole")
    if relation is None or not changes:
        standing = read_relation(frame, refs, relation)
        message = Message(text=text, reply_to=standing.reply_to, thread=standing.thread, poll=True)
        return make(frame, message, author_of(frame, refs), mark=content.mark, thread=standing.native)
    target = aim(frame, refs, relation.event_id)
    if target is None:
        return Ignored("an edit of something in another room", refused=True)
    known = target.known
    if known is not None and known.author != Native(MATRIX, frame.raw.sender):
        return Ignored("an edit by somebody who did not write it", refused=True)
    standing = Standing(known.reply_to, known.thread) if known is not None else Standing()
    message = Message(text=text, reply_to=standing.reply_to, thread=standing.thread, poll=True)
    return make(frame, Edit(target=target.id, message=message), author_of(frame, refs), mark=content.mark)


def _words(content: dict[str, Any], url: str | None) -> RichText | None:
    """The question, its answers, and where to vote. None without a question."""
    poll: dict[str, Any] = next((content[kind] for kind in _POLLS if isinstance(content.get(kind), dict)), {})
    question = _said(poll.get("question"))
    if not question:
        return None
    answers = "".join(f"<li>{answer}</li>" for answer in _answers(poll.get("answers")))
    where = f'<p><a href="{_html.escape(url)}">Vote in the room</a></p>' if url else "<p>The vote is in the room.</p>"
    return to_core(RichText(html=f"<p>{question}</p><ul>{answers}</ul>{where}"), 0)


def _answers(given: object) -> Iterator[str]:
    for answer in given[:MOST_ANSWERS] if isinstance(given, list) else ():
        if said := _said(answer):
            yield said


def _said(thing: object) -> str:
    """Its words, escaped: a string, or a list of the same in several forms (MSC1767)."""
    if not isinstance(thing, dict):
        return ""
    for name in _TEXTS:
        value = thing.get(name)
        forms = value if isinstance(value, list) else [{"body": value}]
        for form in forms[:10]:
            body = form.get("body") if isinstance(form, dict) and form.get("mimetype", "text/plain") == "text/plain" else None
            if isinstance(body, str) and (line := " ".join(scrub(body).split())):
                return _html.escape(line[:MOST_LETTERS], quote=False)
    return ""
