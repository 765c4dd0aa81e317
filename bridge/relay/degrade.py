"""Make content fit what a place can carry, or say why it cannot; nothing is dropped without a word."""

from __future__ import annotations

import html

from bridge.model.capability import Capabilities
from bridge.model.content import Content, Edit, Message
from bridge.model.content.message import Attachment
from bridge.model.richtext import RichText, from_plain

_KINDS = {"image": "a picture", "video": "a video", "audio": "a recording"}


def degrade(content: Content, capabilities: Capabilities, url: str | None) -> Content:
    """The same content, short enough and without files where the place has none; `url` is where the whole of it can be seen."""
    if isinstance(content, Message):
        return _fit(content, capabilities, url)
    if isinstance(content, Edit):
        return Edit(target=content.target, message=_fit(content.message, capabilities, url))
    return content


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
    return Message(
        text=text,
        reply_to=message.reply_to,
        thread=message.thread,
        mentions=message.mentions,
        language=message.language,
        title=message.title,
        note=message.note,
        attachments=attachments,
        manner=message.manner,
    )


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
