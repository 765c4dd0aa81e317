"""Make content fit what a place can carry, or say why it cannot; nothing is dropped without a word."""

from __future__ import annotations

import html
import re
from collections.abc import Set as AbstractSet

import msgspec

from bridge.model.capability import Capabilities
from bridge.model.content import Content, Edit, Message
from bridge.model.content.message import Attachment
from bridge.model.event import Event
from bridge.model.ids import Native
from bridge.model.richtext import RichText, from_plain
from bridge.norms.consent import UNLINK

SOMEBODY = "somebody"
"""What stands for the address of a person who has not agreed to be seen elsewhere."""

_MENTION = re.compile(r'<a data-mention="(\d+)">(.*?)</a>', re.DOTALL)
_KINDS = {"image": "a picture", "video": "a video", "audio": "a recording"}


def degrade(content: Content, capabilities: Capabilities, url: str | None) -> Content:
    """The same content, short enough and without files where the place has none; `url` is where the whole of it can be seen."""
    if isinstance(content, Message):
        return _fit(content, capabilities, url)
    if isinstance(content, Edit):
        return Edit(target=content.target, message=_fit(content.message, capabilities, url))
    return content


def transformed(event: Event, transforms: AbstractSet[str], unlinked: AbstractSet[Native]) -> Event:
    """The event as norms want it shown: under `unlink`, people of `unlinked` are plain text without a link (norms.md N01)."""
    content = event.content
    if UNLINK not in transforms or not unlinked or not isinstance(content, Message | Edit):
        return event
    message = content if isinstance(content, Message) else content.message
    plain = _unlink(message, unlinked)
    changed: Content = plain if isinstance(content, Message) else Edit(target=content.target, message=plain)
    return msgspec.structs.replace(event, content=changed)


def _unlink(message: Message, unlinked: AbstractSet[Native]) -> Message:
    """In canonical text a mention is `<a data-mention="N">`, N an index into `mentions`; those that stay are numbered anew."""
    kept = [number for number, mention in enumerate(message.mentions) if mention.actor not in unlinked]
    numbers = {old: new for new, old in enumerate(kept)}

    def link(found: re.Match[str]) -> str:
        new = numbers.get(int(found[1]))
        return found[2] if new is None else f'<a data-mention="{new}">{found[2]}</a>'

    def unnamed(text: str) -> str:
        # Clients without pills put the whole address where the name would be, and an address is a link by itself.
        for person in unlinked:
            text = text.replace(html.escape(person.id, quote=False), SOMEBODY).replace(person.id, SOMEBODY)
        return text

    return msgspec.structs.replace(
        message,
        text=RichText(html=unnamed(_MENTION.sub(link, message.text.html)), plain=unnamed(message.text.plain)),
        title=unnamed(message.title) if message.title else message.title,
        mentions=tuple(message.mentions[number] for number in kept),
    )


def _fit(message: Message, capabilities: Capabilities, url: str | None) -> Message:
    text = message.text
    attachments = message.attachments
    if attachments and not capabilities.attachments:
        text = _joined(text, [_line(attachment) for attachment in attachments])
        attachments = ()
    if len(text.html.encode()) > capabilities.max_text:
        text = _shortened(text, capabilities.max_text, url)
    if text is message.text and attachments is message.attachments:
        return message
    return msgspec.structs.replace(message, text=text, attachments=attachments)


def _line(attachment: Attachment) -> tuple[str, str]:
    kind = _KINDS.get(attachment.media_type.partition("/")[0], "a file")
    label = attachment.description or attachment.name or kind
    return f"{label} ({kind})", attachment.url


def _joined(text: RichText, lines: list[tuple[str, str]]) -> RichText:
    marked = "".join(
        f'<p><a href="{html.escape(url)}">{html.escape(label)}</a></p>'
        if url.startswith(("http://", "https://"))
        else f"<p>{html.escape(label)}</p>"
        for label, url in lines
    )
    plain = "\n".join(f"{label}: {url}" if url.startswith("http") else label for label, url in lines)
    return RichText(html=text.html + marked, plain=f"{text.plain}\n{plain}".strip("\n"))


def _shortened(text: RichText, limit: int, url: str | None) -> RichText:
    tail = "\n\n… this is the beginning; the rest is where it was written" + (f": {url}" if url else ".")
    room = max(200, limit // 2 - len(tail))
    cut = text.plain.encode()[:room].decode("utf-8", "ignore")
    return from_plain(cut.rstrip() + tail)
