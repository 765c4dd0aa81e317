"""A post on the fediverse is a message of ours; a message of ours is a `Note` there, and a `Page` for software that reads groups.

Activitypub.md 3.2–3.5, 3.8, 3.11. Reading tolerates what peers send; writing sends only what the strictest parses (Lemmy 1.0).
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime

import msgspec

from bridge.model.content import Edit
from bridge.model.content.message import ContentNote, Manner, Mention, Message
from bridge.model.event import Provenance
from bridge.model.ids import ACTIVITYPUB, OURS, Native, ObjectId
from bridge.model.record import KnownObject
from bridge.model.richtext import RichText
from bridge.ports import Node
from bridge.refs import Refs
from protocols.activitypub.ids import host_of, is_ours, native, object_url, page_url, tag_url, thread_url
from protocols.activitypub.translate.actor import page_of
from protocols.activitypub.translate.addressing import address
from protocols.activitypub.translate.attachment import read_attachments, read_played, write_attachment
from protocols.activitypub.translate.emoji import read_emojis, write_emoji
from protocols.activitypub.translate.location import read_location, without_line, write_location
from protocols.activitypub.translate.outgoing import NO_ACTOR, Made, Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import OBJECT_CONTEXT, Document, is_activity_type, stamp
from protocols.richtext import Dialect, from_html, plain_of, to_html

SAID = frozenset({"Note", "Page", "Article", "Question", "Video", "Event", "Image", "Audio", "Document", "ChatMessage"})
"""Types that are something said; Mastodon, Lemmy, PeerTube and Mobilizon between them send all of these."""

_ABSTRACT = frozenset({"Page", "Article", "Video", "Event", "Image", "Audio", "Document"})
"""Here `summary` is an abstract, not a content warning."""

_POINTED_AT = frozenset({"Article", "Video", "Event", "Image", "Audio", "Document"})
"""What is elsewhere: title, a few words, and where it is."""

_PLAYED = frozenset({"Video", "Image", "Audio", "Document"})

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_SPOILER = re.compile(r'<span data-spoiler="([^"]*)">')
MOST_SUMMARY = 500
UNNAMED = "Sensitive"
"""What stands before words whose author hid them and did not say why."""


def is_vote(said: Thing) -> bool:
    """A poll vote: named, an answer, without words. snac 2.94 sends `<br>` for words, Takahe 0.11 one id for activity and Note."""
    return said.type == "Note" and bool(said.text("name") and said.one_id("inReplyTo")) and not plain_of(_content(said))


def only_a_tally(said: Thing) -> bool:
    """GoToSocial 0.20 sends an Update for every vote; only one with a new `updated` has new words."""
    return said.type == "Question" and said.text("updated") in {"", said.text("published")}


def digest_of(said: Thing) -> str:
    """The same for everything that shows the same: what names one revision, however it reached us."""
    shown = [
        _content(said),
        said.text("summary"),
        said.text("name"),
        bool(said.flag("sensitive")),
        [[thing.one_id("url"), thing.text("name"), thing.text("summary")] for thing in said.things("attachment")],
        [option.text("name") for option in _options(said)],
        said.text("updated"),
        *([place.members for place in said.things("location")]),
    ]
    return hashlib.blake2b(msgspec.json.encode(shown), digest_size=16).hexdigest()


def language_of(said: Thing) -> str | None:
    """The key of `contentMap` whose words are `content`, else its first; Lemmy's `language`."""
    named = said.thing("contentMap")
    content = said.text("content")
    tags = list(named.members) if named else []
    tag = next((tag for tag in tags if named and named.text(tag) == content), tags[0] if tags else "")
    language = said.thing("language")
    tag = tag or (language.text("identifier") if language else "")
    return tag if _LANGUAGE.fullmatch(tag) and tag.lower() != "und" else None


def provenance_of(said: Thing) -> Provenance:
    """The mark another bridge of our kind left (`origin`: node and hops), if there is one."""
    mark = said.thing("origin")
    hops = int(mark.number("hops") or 0) if mark else 0
    node = mark.text("node")[:255] if mark else ""
    return Provenance(native(said.id), node=node, hops=max(0, min(hops, 100)), url=page_of(said) or said.id)


def read_message(said: Thing, people: People, *, reply_to: ObjectId | None, thread: ObjectId | None, parent: Native | None) -> Message:
    """The words. `parent`: who is answered; a bare tag for them is no mention, every reply carries one."""
    text, named = from_html("".join(_body(said)), mention=people.named)
    mentions = (*named, *people.unnamed(named, parent))
    location = read_location(said)
    text = without_line(text, location, len(named))
    summary = "" if said.type in _ABSTRACT else _summary(said)
    sensitive = bool(said.flag("sensitive"))
    note: ContentNote | None
    if summary == UNNAMED and said.thing("origin") is not None:
        note = ContentNote()
    else:
        # Without words of warning it is the files that are hidden, except on Lemmy, where the whole post is.
        note = ContentNote(summary) if summary else ContentNote() if sensitive and (said.type == "Page" or not text) else None
    if note is not None and note.text == spoiler_summary(text):
        note = None
    title = " ".join(said.text("name").split())[:MOST_SUMMARY] or None if reply_to is None else None
    return Message(
        text=text,
        reply_to=reply_to,
        thread=thread,
        mentions=mentions,
        language=language_of(said),
        title=title,
        note=note,
        attachments=read_attachments(said, sensitive=sensitive) + (read_played(said, sensitive=sensitive) if said.type in _PLAYED else ()),
        emojis=read_emojis(said, text.plain, title or ""),
        location=location,
        poll=bool(_options(said)),
    )


def spoiler_summary(text: RichText) -> str | None:
    """What stands before words that hold a hidden part: the fediverse hides whole posts, not parts of them."""
    found = _SPOILER.search(text.html)
    if found is None:
        return None
    return f"Spoiler: {html.unescape(found[1])}" if found[1] else "Spoiler"


def _summary(said: Thing) -> str:
    text = said.text("summary")
    return " ".join((plain_of(text) if "<" in text else text).split())[:MOST_SUMMARY]


def _content(said: Thing) -> str:
    if content := said.text("content"):
        return content
    named = said.thing("contentMap")
    return next((named.text(tag) for tag in named.members if named.text(tag)), "") if named else ""


def _options(said: Thing) -> list[Thing]:
    return [option for name in ("oneOf", "anyOf") for option in said.things(name)][:50]


def _body(said: Thing) -> Iterator[str]:
    content = _content(said)
    if said.type in _POINTED_AT:
        content = said.text("summary") or content
    yield content
    if options := _options(said):
        lines = "".join(f"<li>{_escape(option.text('name'))}</li>" for option in options)
        yield f"<ul>{lines}</ul>"
        yield _line(page_of(said) or said.id, "Vote where it was asked")
    links = [link for link in said.things("attachment") if link.type == "Link"]
    for url, name in [(link.text("href"), link.text("name")) for link in links]:
        yield _line(url, name)
    if said.type in _POINTED_AT:
        yield _line(page_of(said) or said.id, "")
    if quoted := _quoted(said):
        yield f"<p>RE: {_link(quoted, quoted)}</p>"


def _quoted(said: Thing) -> str:
    """What it quotes, by any of the names for that; by a tag alone FEP-e232 does (Mitra)."""
    named = (said.one_id(name) for name in ("quote", "quoteUrl", "quoteUri", "_misskey_quote"))
    tagged = (tag.text("href") for tag in said.tagged("Link") if is_activity_type(tag.text("mediaType")))
    return next((url for url in (*named, *tagged) if url), "")


def _line(url: str, name: str) -> str:
    return f"<p>{_link(url, name or url)}</p>" if url else ""


def _link(url: str, shown: str) -> str:
    return f'<a href="{_escape(url)}">{_escape(shown)}</a>'


def _escape(text: str) -> str:
    return html.escape(text[:2_048])


class People:
    """Who the Mention tags of a post name; one of our people's actors is read as the person it speaks for. Whoever asks for them before the
    words are read need not read the words twice."""

    def __init__(self, said: Thing, refs: Refs, me: Node) -> None:
        self.tags = [(tag.text("href"), tag.text("name")) for tag in said.tagged("Mention") if tag.text("href")]
        self.who = {href: self._person(href, refs, me) for href, _ in self.tags}
        self.by_name: dict[str, str] = {}
        for href, name in self.tags:
            whole = name.lower().removeprefix("@")
            self.by_name.setdefault(whole, href)
            self.by_name.setdefault(whole.partition("@")[0], href)

    @staticmethod
    def _person(href: str, refs: Refs, me: Node) -> Native:
        ghost = refs.ghost(native(href)) if is_ours(me, href) else None
        return ghost.of if ghost is not None else native(href)

    def named(self, href: str, shown: str, classes: str) -> Native | None:
        if href in self.who:
            return self.who[href]
        marked = "mention" in classes.split() and "hashtag" not in classes.split()
        if not self.who or not (marked or shown.startswith("@")):
            return None
        page = f"{href.rstrip('/').rpartition('/')[2].removeprefix('@').lower()}@{host_of(href)}"
        known = self.by_name.get(shown.lower().removeprefix("@")) or self.by_name.get(page)
        return self.who[known] if known else None

    def unnamed(self, named: tuple[Mention, ...], parent: Native | None) -> Iterator[Mention]:
        seen = {mention.actor for mention in named}
        for href, name in self.tags:
            actor = self.who[href]
            if actor not in seen and actor.protocol != OURS and parent not in {actor, native(href)}:
                seen.add(actor)
                yield Mention(actor, name or href)


# ----------------------------------------------------------------------------------------------------------------- writing

MOST_TOPICS = 20
"""Hashtags of one message; further ones are plain text."""

MOST_TITLE = 200
"""Characters of a title made from the first line, as Lemmy and PieFed make theirs."""


class Words(msgspec.Struct, frozen=True):
    """How one message is said on the fediverse: HTML, the same without formatting (names as shown, no links), tags, and whom it should reach."""

    content: str
    plain: str
    tags: tuple[Document, ...]
    people: tuple[str, ...]


def words_of(out: Outgoing, message: Message, parent: Native | None) -> Words:
    """`parent`: the author of what is answered; they get a tag even when they are not named (GoToSocial 0.20 drops what tags nobody)."""
    cards: dict[Native, tuple[str, str, str]] = {}
    for who in dict.fromkeys([*(mention.actor for mention in message.mentions), *([parent] if parent else [])]):
        if (card := _card(out, who)) is not None:
            cards[who] = card
    named = [mention if mention.actor in cards else Mention(mention.actor, _bare(mention.name)) for mention in message.mentions]
    text = message.text
    if message.manner is Manner.EMOTE:
        name = html.escape(out.event.author.name or out.event.author.handle.partition(":")[0], quote=False)
        text = RichText(
            html=f"<p>* {name} {text.html.removeprefix('<p>')}" if text.html.startswith("<p>") else f"<p>* {name}</p>{text.html}"
        )
    topics: dict[str, str] = {}

    def topic(name: str) -> str | None:
        if name.casefold() not in topics and len(topics) >= MOST_TOPICS:
            return None
        topics.setdefault(name.casefold(), name)
        return tag_url(out.me, name)

    content = to_html(
        text,
        named,
        mention=lambda mention: cards[mention.actor][1] if mention.actor in cards else None,
        dialect=Dialect.FEDIVERSE,
        hashtag=topic,
    )
    if message.location is not None:
        content += f"<p>{_escape(message.location.said)}</p>"
    for attachment in message.attachments:
        if not _is_web(attachment.url):
            content += f"<p>({_escape(attachment.description or attachment.name or 'a file that stays where it was sent')})</p>"
    tags: list[Document] = [{"type": "Mention", "href": actor, "name": name} for actor, _, name in cards.values()]
    tags += [{"type": "Hashtag", "href": tag_url(out.me, name), "name": f"#{name}"} for name in topics.values()]
    tags += [tag for emoji in message.emojis if (tag := write_emoji(emoji)) is not None]
    return Words(content, _plain(message, cards.keys()), tuple(tags), tuple(actor for actor, _, _ in cards.values()))


def note_of(out: Outgoing, message: Message, *, edited: bool, published: datetime | None, page: bool = False) -> Made:
    """The object: a `Note`, or with `page` the projection of a new thread that Lemmy 1.0 can read inside an Announce.

    A title is only ever put on what starts a thread: PieFed 1.6 takes a named answer for a vote.
    """
    event = out.event
    author = out.actor(event.author.native)
    if author is None:
        return NO_ACTOR
    target = event.content.target if isinstance(event.content, Edit) else ObjectId(event.id)
    answered, answered_url = _answered(out, message)
    other = answered.author if answered and answered.author != event.author.native else None
    words = words_of(out, message, out.correspondent() if out.is_private() else other)
    where = address(event.audience, out.group.id, author, words.people)
    thread = thread_url(out.me, message.thread if answered_url and message.thread else target)
    note: Document = {
        "@context": OBJECT_CONTEXT,
        "id": object_url(out.me, target),
        "type": "Page" if page and not answered_url else "Note",
        "attributedTo": author,
        "to": where.to,
        "cc": where.cc,
        "audience": out.group.id,
        "content": words.content,
        "mediaType": "text/html",
        "url": object_url(out.me, target),
        "context": thread,
        "conversation": thread,
        "replies": f"{object_url(out.me, target)}/replies",
        "tag": list(words.tags),
        "attachment": [write_attachment(attachment) for attachment in message.attachments if _is_web(attachment.url)],
    }
    if published is not None:
        note["published"] = stamp(published)
    if edited:
        note["updated"] = stamp(event.at)
    if answered_url:
        note["inReplyTo"] = answered_url
    if message.location is not None:
        note["location"] = write_location(message.location)
    _say_before(note, message)
    if note["type"] == "Page":
        note["name"] = _title(message, words.plain)
        if message.language:
            note["language"] = {"identifier": message.language, "name": message.language}
    else:
        if message.title and not answered_url:
            note["name"] = message.title
        if message.language:
            note["contentMap"] = {message.language: words.content}
    if out.is_marked():
        note["origin"] = {"node": event.provenance.node or out.me.domain, "hops": event.provenance.hops + 1}
    return note


def _answered(out: Outgoing, message: Message) -> tuple[KnownObject | None, str | None]:
    """What it answers there: the parent if it crossed, else the root of the thread, else nothing."""
    for target in dict.fromkeys(target for target in (message.reply_to, message.thread) if target is not None):
        if (url := out.url(target)) is not None:
            return out.object(target), url
    return None, None


def _card(out: Outgoing, who: Native) -> tuple[str, str, str] | None:
    """(actor id, page, `@user@host`); None for somebody who has no actor: they are named in words only, never linked (N01)."""
    if who.protocol == ACTIVITYPUB:
        actor = out.refs.actor(who)
        return (who.id, actor.url or who.id, actor.handle) if actor is not None else None
    ghost = out.refs.ghost_of(ACTIVITYPUB, who)
    if ghost is None or ghost.ended is not None:
        return None
    return ghost.native.id, page_url(out.me, ghost.handle), f"@{ghost.handle}@{out.me.domain}"


def _bare(name: str) -> str:
    """A name in words; a Matrix address of somebody who did not say yes is nobody's to publish."""
    return "somebody" if _ADDRESS.fullmatch(name.strip()) else name


_ADDRESS = re.compile(r"@[^\s:]+:[^\s]+")


def _plain(message: Message, shown: AbstractSet[Native]) -> str:
    """The words as they were typed, people who have no actor named as `content` names them."""
    plain = message.text.plain
    for mention in message.mentions:
        if mention.actor not in shown:
            for called in {mention.name, mention.actor.id}:
                plain = plain.replace(called, _bare(called)) if called else plain
    return plain


def _say_before(note: Document, message: Message) -> None:
    summary = message.note.text if message.note else ""
    summary = summary or spoiler_summary(message.text) or ""
    if message.note is not None and not summary and (message.text or message.location):
        summary = UNNAMED  # else the words would stand there for everyone: only a summary hides them
    if summary and note["type"] == "Note":
        note["summary"] = summary
    if message.note is not None or summary or any(attachment.sensitive for attachment in message.attachments):
        note["sensitive"] = True


def _title(message: Message, plain: str) -> str:
    """Lemmy wants one. Never the hidden words: what stands before them, else the first line of `plain`."""
    hidden = message.note.text or UNNAMED if message.note else None
    said = (*plain.split("\n"), *(attachment.description or attachment.name for attachment in message.attachments))
    first = next((line for line in said if line.strip()), message.location.said if message.location else "")
    title = " ".join((message.title or hidden or spoiler_summary(message.text) or first).split())
    return title if len(title) <= MOST_TITLE else f"{title[: MOST_TITLE - 1]}…" if title else "…"


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))
