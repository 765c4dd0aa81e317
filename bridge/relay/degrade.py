"""Make content fit what a place can carry, or say why it cannot; nothing is dropped without a word."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from bridge.model.capability import Capabilities
from bridge.model.content import Content, Edit, Message, Reaction
from bridge.model.content.message import Attachment, Emoji
from bridge.model.event import Event
from bridge.model.ids import Native
from bridge.model.richtext import RichText, from_plain
from bridge.norms.consent import UNLINK

SOMEBODY = "somebody"
"""What stands for the address of a person who has not agreed to be seen elsewhere."""

_MENTION = re.compile(r'<a data-mention="(\d+)">(.*?)</a>', re.DOTALL)
_KINDS = {"image": "a picture", "video": "a video", "audio": "a recording"}


def degrade(content: Content, capabilities: Capabilities, url: str | None, files: Mapping[str, Attachment] | None = None) -> Content:
    """The same content, short enough and without files where the place has none; `url` is where the whole of it can be seen.

    `files`: by source, those that have an address that is open to everybody, as people of the place fetch them.
    """
    if isinstance(content, Message):
        return _fit(content, capabilities, url, files or {})
    if isinstance(content, Edit):
        return Edit(target=content.target, message=_fit(content.message, capabilities, url, files or {}))
    if isinstance(content, Reaction) and capabilities.fetches:
        return signed(content, files or {})
    return content


def pictured(content: Content) -> tuple[Attachment, ...]:
    """Every file that it shows, custom emoji among them."""
    if isinstance(content, Reaction):
        emojis: tuple[Emoji, ...] = (content.emoji,) if content.emoji is not None else ()
        return tuple(_file(emoji) for emoji in emojis)
    message = content.message if isinstance(content, Edit) else content
    return (*message.attachments, *map(_file, message.emojis)) if isinstance(message, Message) else ()


def _file(emoji: Emoji) -> Attachment:
    return Attachment(emoji.url, emoji.media_type, name=emoji.name)


def signed(reaction: Reaction, files: Mapping[str, Attachment]) -> Reaction:
    """With a picture that everybody can fetch, else with its name alone."""
    emoji = reaction.emoji
    if emoji is None or is_web(emoji.url):
        return reaction
    return msgspec.structs.replace(reaction, emoji=next(iter(_open((emoji,), files)), None))


def _open(emojis: tuple[Emoji, ...], files: Mapping[str, Attachment]) -> tuple[Emoji, ...]:
    """Those whose picture everybody can fetch; of the others the text has the names."""
    made = []
    for emoji in emojis:
        found = files.get(emoji.url)
        if is_web(emoji.url):
            made.append(emoji)
        elif found is not None and found.media_type.startswith("image/"):
            made.append(Emoji(emoji.name, found.url, found.media_type))
    return tuple(made)


def opened(message: Message, files: Mapping[str, Attachment], url: str | None) -> Message:
    """Its files as everybody can fetch them; one that nobody can becomes a line that says what it is and where."""
    here = [attachment if is_web(attachment.url) else files.get(attachment.url) for attachment in message.attachments]
    lines = [_line(attachment, url) for attachment, found in zip(message.attachments, here, strict=True) if found is None]
    kept = tuple(found for found in here if found is not None)
    emojis = _open(message.emojis, files)
    if kept == message.attachments and emojis == message.emojis:
        return message
    text = _joined(message.text, lines) if lines else message.text
    return msgspec.structs.replace(message, attachments=kept, emojis=emojis, text=text)


def is_web(address: str) -> bool:
    """Can anybody fetch it?"""
    return address.startswith(("https://", "http://"))


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


def _fit(message: Message, capabilities: Capabilities, url: str | None, files: Mapping[str, Attachment]) -> Message:
    if capabilities.fetches:
        message = opened(message, files, url)
    text = message.text
    attachments = message.attachments
    if attachments and not capabilities.attachments:
        text = _joined(text, [_line(attachment, url) for attachment in attachments])
        attachments = ()
    if len(text.html.encode()) > capabilities.max_text:
        text = _shortened(text, capabilities.max_text, url)
    if text is message.text and attachments is message.attachments:
        return message
    return msgspec.structs.replace(message, text=text, attachments=attachments)


def _line(attachment: Attachment, url: str | None) -> tuple[str, str]:
    """What it is, and where: at its own address, else where its message can be read, else nowhere that others can go."""
    kind = _KINDS.get(attachment.media_type.partition("/")[0], "a file")
    label = " ".join((attachment.description or attachment.name).split())[:200]
    named = f"{label} (" if label else "("
    if is_web(attachment.url):
        return f"{named}{kind})", attachment.url
    return f"{named}{kind}; {'open it in the room' if url else 'it stays in the room'})", url or ""


def _joined(text: RichText, lines: list[tuple[str, str]]) -> RichText:
    marked = "".join(
        f'<p><a href="{html.escape(url)}">{html.escape(label)}</a></p>' if is_web(url) else f"<p>{html.escape(label)}</p>"
        for label, url in lines
    )
    plain = "\n".join(f"{label}: {url}" if is_web(url) else label for label, url in lines)
    return RichText(html=text.html + marked, plain=f"{text.plain}\n{plain}".strip("\n"))


def _shortened(text: RichText, limit: int, url: str | None) -> RichText:
    tail = "\n\n… this is the beginning; the rest is where it was written" + (f": {url}" if url else ".")
    room = max(200, limit // 2 - len(tail))
    cut = text.plain.encode()[:room].decode("utf-8", "ignore")
    return from_plain(cut.rstrip() + tail)
