"""In a hall words are the core's own subset with the people they name; here they are RichText with its mentions. Cleaned in both directions."""

from __future__ import annotations

from bridge.errors import Malformed
from bridge.model.content.message import Attachment, ContentNote, Mention, Message
from bridge.model.ids import LOOPBACK, Native, ObjectId
from bridge.model.richtext import RichText
from bridge.refs import Refs
from protocols.htmltree import flat, oversized, safe_href
from protocols.loopback.ids import written
from protocols.loopback.translate.frame import one_line, whom
from protocols.loopback.wire import Named, Words
from protocols.richtext import from_text, to_core

__all__ = ["name_of", "read_words", "write_words"]

MOST_MENTIONS = 50
MOST_FILES = 20
MOST_EMOJIS = 20
MOST_TITLE = 500
MOST_LANGUAGE = 35


def read_words(words: Words, refs: Refs, *, reply_to: ObjectId | None = None, thread: ObjectId | None = None) -> Message:
    """A message as it was said. Raises Malformed for more people or files than fit, and for a file without a web address."""
    for name, found, most in (
        ("mentions", words.mentions, MOST_MENTIONS),
        ("attachments", words.attachments, MOST_FILES),
        ("emojis", words.emojis, MOST_EMOJIS),
    ):
        if len(found) > most:
            raise Malformed(f"more than {most}", path=f"$.act.words.{name}")
    for number, emoji in enumerate(words.emojis):
        _web(emoji.url, f"emojis[{number}]")
    return Message(
        text=_text(words),
        reply_to=reply_to,
        thread=thread,
        mentions=tuple(Mention(whom(named.who, refs), one_line(named.name, 200)) for named in words.mentions),
        language=words.language[:MOST_LANGUAGE] if words.language else None,
        title=(one_line(words.title, MOST_TITLE) or None) if words.title else None,
        note=ContentNote(one_line(words.note.text, MOST_TITLE), words.note.sensitive) if words.note is not None else None,
        attachments=tuple(_file(number, file) for number, file in enumerate(words.attachments)),
        manner=words.manner,
        emojis=words.emojis,
        location=words.location,
        poll=words.poll,
    )


def _text(words: Words) -> RichText:
    if not words.html:
        return from_text(words.text)
    if oversized(words.html):
        return from_text(flat(words.html))
    return to_core(RichText(html=words.html, plain=words.text), len(words.mentions))


def _file(number: int, file: Attachment) -> Attachment:
    _web(file.url, f"attachments[{number}]")
    return file


def _web(url: str, where: str) -> None:
    if not url.startswith(("https://", "http://")) or safe_href(url) != url:
        raise Malformed("not a web address", path=f"$.act.words.{where}.url")


def write_words(message: Message, refs: Refs) -> Words:
    """The words whole. `html` stays away where plain text says the same."""
    text = to_core(message.text, len(message.mentions))
    return Words(
        text=text.plain,
        html="" if from_text(text.plain) == text else text.html,
        mentions=tuple(Named(name_of(mention.actor, refs), mention.name) for mention in message.mentions),
        language=message.language,
        title=message.title,
        note=message.note,
        attachments=message.attachments,
        manner=message.manner,
        emojis=message.emojis,
        location=message.location,
        poll=message.poll,
    )


def name_of(actor: Native, refs: Refs) -> str:
    """What the hall calls somebody: their own name here, their ghost's, or where they are at home."""
    ghost = refs.ghost_of(LOOPBACK, actor) if actor.protocol != LOOPBACK else None
    return written(ghost.native if ghost is not None else actor)
