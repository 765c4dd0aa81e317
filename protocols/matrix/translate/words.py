"""Text on Matrix is `body` with optional `formatted_body` and `m.mentions`; ours is RichText with its mentions.

https://spec.matrix.org/v1.18/client-server-api/#mroommessage-msgtypes and, for fallbacks that old clients still send,
https://spec.matrix.org/v1.12/client-server-api/#fallbacks-for-rich-replies. Sizes: matrix.md section 13.
"""

from __future__ import annotations

import html as _html
import re
from typing import Any

import msgspec
from selectolax.lexbor import LexborHTMLParser

from bridge.model.content.message import ContentNote, Emoji, Manner, Mention, Message
from bridge.model.ids import ACTIVITYPUB, MATRIX, Native
from bridge.model.richtext import RichText, from_plain
from bridge.refs import Refs
from protocols.htmltree import oversized, scrub
from protocols.matrix.capabilities import MOST_CONTENT
from protocols.matrix.ids import Me, actor_link, is_user_id, linked_user, users_in
from protocols.matrix.translate.emoji import Emojis, shown_as
from protocols.matrix.wire import TEXTS, NewContent, dump
from protocols.richtext import Dialect, clean, from_html, from_text, to_html, with_names

__all__ = ["HTML", "Words", "fits", "language_of", "read_words", "spoken", "whom", "write_words"]

HTML = "org.matrix.custom.html"
MOST_MENTIONS = 50
HIDDEN = "(content hidden)"
LANGUAGE = "org.matrix.msc3554.lang"
MOST_TEXTS = 10

_MANNERS = {"m.emote": Manner.EMOTE, "m.notice": Manner.NOTICE}
_MSGTYPES = {Manner.TEXT: "m.text", Manner.EMOTE: "m.emote", Manner.NOTICE: "m.notice"}
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_QUOTE = re.compile(r"\A(?:> ?[^\n]*(?:\n|\Z))+\n?")
"""The lines before a reply that repeat what is answered."""


class Words(msgspec.Struct, frozen=True):
    """What a person said, without what their client added."""

    text: RichText
    mentions: tuple[Mention, ...] = ()
    note: ContentNote | None = None
    manner: Manner = Manner.TEXT
    emojis: tuple[Emoji, ...] = ()


def read_words(content: NewContent, me: Me, refs: Refs, *, answers: bool) -> Words:
    """`answers`: it is a reply, so quoted lines at its start are the words of somebody else, who may not have agreed to cross.

    An account of Matrix is named by its pill or its id, whether or not the sender meant to notify it: outside, its address is its own
    business (N01). Somebody elsewhere is named only when that was meant, since they would be notified.
    """
    listed = content.mentions.user_ids[:MOST_MENTIONS] if content.mentions is not None else None

    def named(href: str, _shown: str, _classes: str) -> Native | None:
        user = linked_user(href)
        if user is None or (listed is not None and user.id not in listed and me.is_ghost(user.id)):
            return None
        return whom(user.id, me, refs)

    note = None
    emojis = Emojis()
    if content.format == HTML and content.formatted_body:
        inner, note = _unveil(content.formatted_body)
        text, mentions = from_html(inner, mention=named, emoji=emojis.name)
    else:
        body = _QUOTE.sub("", content.body, count=1) if answers and content.body.startswith(">") else content.body
        text, mentions = from_text(body), ()
    text, mentions = with_names(text, mentions, named=lambda handle: refs.actor_called(ACTIVITYPUB, handle))
    seen = {mention.actor for mention in mentions}
    unshown: list[Mention] = []
    typed = [user for user in users_in(text.plain) if not me.is_ours(user)]
    for user in (*(listed or ()), *typed[:MOST_MENTIONS]):
        actor = whom(user, me, refs)
        if actor is not None and actor not in seen:
            seen.add(actor)
            unshown.append(Mention(actor, _called(user, refs)))
    return Words(text, (*mentions, *unshown), note, _MANNERS.get(content.msgtype, Manner.TEXT), emojis.found)


def whom(user: str, me: Me, refs: Refs) -> Native | None:
    """The person a Matrix id stands for: themselves, or the one whose ghost it is; nobody for the bot."""
    if user == me.bot or not is_user_id(user):
        return None
    native = Native(MATRIX, user)
    if not me.is_ghost(user):
        return native
    ghost = refs.ghost(native)
    return ghost.of if ghost is not None else None


def _called(user: str, refs: Refs) -> str:
    ghost = refs.ghost(Native(MATRIX, user))
    return (ghost.name or ghost.handle or user) if ghost is not None else user


def _unveil(html: str) -> tuple[str, ContentNote | None]:
    """A message that is one spoiler from end to end is a content note and what it hides."""
    if "data-mx-spoiler" not in html or oversized(html):
        return html, None
    body = LexborHTMLParser(scrub(html)).body
    parts = (
        []
        if body is None
        else [child for child in body.iter(include_text=True) if child.tag != "-text" or (child.text_content or "").strip()]
    )
    if len(parts) == 1 and parts[0].tag == "p":
        parts = [child for child in parts[0].iter(include_text=True) if child.tag != "-text" or (child.text_content or "").strip()]
    if len(parts) != 1 or parts[0].tag != "span" or "data-mx-spoiler" not in parts[0].attributes:
        return html, None
    reason = " ".join((parts[0].attributes["data-mx-spoiler"] or "").split())[:200]
    return parts[0].inner_html or "", ContentNote(text=reason)


def write_words(message: Message, me: Me, refs: Refs, url: str | None) -> dict[str, Any]:
    """`msgtype`, `body`, `format` and `formatted_body` together, and always `m.mentions`: without it nobody is notified."""
    people: list[str] = []

    def link(mention: Mention) -> str | None:
        user = _matrix_id(mention.actor, refs)
        if user is not None:
            return actor_link(user)
        known = refs.actor(mention.actor)
        address = known.url if known is not None and known.url else mention.actor.id
        return address if address.startswith(("https://", "http://")) else None

    for mention in message.mentions:
        user = _matrix_id(mention.actor, refs)
        if user is not None and user not in people and user != me.bot:
            people.append(user)
    text = message.text
    if message.title:
        title = _html.escape(message.title, quote=False)
        inside = text.html or from_plain(text.plain).html
        text = RichText(html=f"<p><strong>{title}</strong></p>{inside}", plain=f"{message.title}\n\n{text.plain}".strip("\n"))
    if message.location is not None:
        said = message.location.said
        inside = text.html or from_plain(text.plain).html
        text = RichText(html=f"{inside}<p>{_html.escape(said, quote=False)}</p>", plain=f"{text.plain}\n\n{said}".strip("\n"))
    shown = to_html(text, message.mentions, mention=link, dialect=Dialect.MATRIX, emoji=shown_as(message.emojis, refs))
    body = scrub(text.plain)
    if message.note is not None:
        reason = " ".join(scrub(message.note.text).split())
        shown = clean(f'<span data-mx-spoiler="{_html.escape(reason)}">{shown}</span>', Dialect.MATRIX)
        body = " ".join(filter(None, (f"[{reason}]" if reason else "", HIDDEN, url)))
    content: dict[str, Any] = {
        "msgtype": _MSGTYPES[message.manner],
        "body": body or " ",
        "m.mentions": {"user_ids": people[:MOST_MENTIONS]} if people else {},
    }
    if shown != _html.escape(body, quote=False):
        content |= {"format": HTML, "formatted_body": shown}
    return content


def language_of(content: NewContent) -> str | None:
    """The language that its sender named for the words (MSC3554); nobody's language is guessed."""
    texts = content.texts if isinstance(content.texts, list) else []
    for text in texts[:MOST_TEXTS]:
        if isinstance(text, dict) and text.get("body") == content.body:
            named = text.get(LANGUAGE, text.get("lang"))
            return named if isinstance(named, str) and _LANGUAGE.fullmatch(named) else None
    return None


def spoken(content: dict[str, Any], language: str | None) -> dict[str, Any]:
    """The same, with the language of its words."""
    return {**content, TEXTS: [{"body": content["body"], LANGUAGE: language}]} if language else content


def _matrix_id(actor: Native, refs: Refs) -> str | None:
    if actor.protocol == MATRIX:
        return actor.id if is_user_id(actor.id) else None
    ghost = refs.ghost_of(MATRIX, actor)
    return ghost.native.id if ghost is not None else None


def fits(content: dict[str, Any]) -> bool:
    """Will the homeserver take it? It counts the whole signed event, so we stay well below."""
    return len(dump(content)) <= MOST_CONTENT
