"""The one place that makes text of ours from foreign HTML, and foreign HTML from text of ours; nothing unclean passes either way.

Order, always: bound the size, parse and rebuild (`htmltree`), nh3 last. Tag lists: activitypub.md 3.4 for the fediverse, matrix.md 12.2 and
https://spec.matrix.org/v1.18/client-server-api/#mroommessage-msgtypes for Matrix; the core's own in `bridge/model/richtext.py`.
"""

from __future__ import annotations

import enum
import html as _html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import nh3

from bridge.model.content.message import Mention
from bridge.model.ids import Native
from bridge.model.richtext import RichText
from protocols.htmltree import BREAK, HEADINGS, Element, Node, Picture, flat, oversized, paragraphs, parse, scrub, text_of

__all__ = ["Dialect", "clean", "from_html", "from_text", "plain_of", "to_html", "with_names"]

MOST_CANONICAL = 64 * 1024
MOST_PASSES = 4
MOST_NAMES = 20
"""Names of one message that are looked up."""

_HANDLE = re.compile(r"(?<![\w@.:/-])@\w(?:[\w.-]{0,62}\w)?@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{2,5})?(?![\w@-])")
_HASHTAG = re.compile(r"(?<![\w/#&@])#(\w{0,99}[^\W\d_]\w{0,99})")
_OPAQUE = frozenset({"a", "code", "pre"})
_EMOJI = re.compile(r":([A-Za-z0-9_]{1,100}):")
_EMOJI_HEIGHT = 32


class Dialect(enum.StrEnum):
    """Whose HTML: the subset a side shows."""

    CORE = "core"
    MATRIX = "matrix"
    FEDIVERSE = "fediverse"


_STYLES = {"strong", "em", "u", "del", "code", "sup", "sub"}
_CORE_TAGS = {"p", "br", "a", *_STYLES, "pre", "blockquote", "ul", "ol", "li", "span", *HEADINGS, "hr"}
_CORE_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
_MATRIX_TAGS = _CORE_TAGS | {"b", "i", "s", "div", "caption", "img", "details", "summary"}
_FEDIVERSE_TAGS = {"p", "br", "a", "span", "del", "pre", "code", "em", "strong", "b", "i", "u", "ul", "ol", "li", "blockquote"}
_EMPTIED = {"script", "style", "mx-reply", "title", "template", "iframe", "noscript", "svg", "math"}
_LANGUAGE = re.compile(r"language-[A-Za-z0-9_+#.-]{1,40}")
_CLASS = re.compile(r"(?:h|p|u|dt|e)-[a-z][a-z-]*|mention|hashtag|ellipsis|invisible|quote-inline")


def _filter(tag: str, attribute: str, value: str) -> str | None:
    """What tag lists cannot say: which classes, and that a picture comes from the homeserver's own media."""
    if attribute == "class":
        wanted = _LANGUAGE if tag == "code" else _CLASS
        kept = " ".join(word for word in value.split() if wanted.fullmatch(word))
        return kept or None
    if tag == "img" and attribute == "src":
        return value if value.startswith("mxc://") else None
    if tag == "ol" and attribute == "start":
        return value if value.isascii() and value.isdigit() else None
    return value


_WEB = {"http", "https", "mailto"}
_CORE = nh3.Cleaner(
    tags=_CORE_TAGS,
    clean_content_tags=_EMPTIED,
    attributes={"a": {"href", "data-mention"}, "code": {"class"}, "span": {"data-spoiler"}, "ol": {"start"}},
    attribute_filter=_filter,
    url_schemes=_WEB,
    link_rel=None,
)
_CLEANERS: Mapping[Dialect, nh3.Cleaner] = {
    Dialect.CORE: _CORE,
    Dialect.MATRIX: nh3.Cleaner(
        tags=_MATRIX_TAGS,
        clean_content_tags=_EMPTIED,
        attributes={
            "a": {"href", "target"},
            "code": {"class"},
            "span": {"data-mx-spoiler", "data-mx-color", "data-mx-bg-color", "data-mx-maths"},
            "div": {"data-mx-maths"},
            "ol": {"start"},
            "img": {"src", "alt", "title", "width", "height", "data-mx-emoticon"},
        },
        attribute_filter=_filter,
        url_schemes=_WEB | {"mxc", "ftp", "magnet"},
        link_rel=None,
    ),
    Dialect.FEDIVERSE: nh3.Cleaner(
        tags=_FEDIVERSE_TAGS,
        clean_content_tags=_EMPTIED,
        # data-spoiler and language classes are ours and Matrix's; a server that does not know them leaves them out
        attributes={
            "a": {"href", "class"},
            "span": {"class", "data-spoiler"},
            "code": {"class"},
            "ol": {"start", "reversed"},
            "li": {"value"},
        },
        attribute_filter=_filter,
        url_schemes=_WEB,
        link_rel="nofollow noopener noreferrer",
    ),
}


def clean(html: str, dialect: Dialect) -> str:
    """The last step before HTML leaves: only what the dialect lists. Oversized input comes back as text. Idempotent."""
    if oversized(html):
        html = _serialise(paragraphs(flat(html)))
    cleaner, before = _CLEANERS[dialect], scrub(html)
    for _ in range(MOST_PASSES):
        # Taking a tag out can leave markup that parses in another way (`<h1><b><h1>`): what a browser builds must be what was judged.
        after = cleaner.clean(before)
        if after == before:
            return after
        before = after
    return cleaner.clean(_serialise(paragraphs(flat(html))))


def from_html(
    html: str, *, mention: Callable[[str, str, str], Native | None], emoji: Picture | None = None
) -> tuple[RichText, tuple[Mention, ...]]:
    """Foreign HTML as the core's text and the people it names. `mention(href, shown text, classes)` tells whom a link names, or None.
    `emoji(src, what it is called)` gives the words that stand for an emoticon of Matrix.

    Never raises; whatever cannot be kept becomes its text.
    """
    mentions: list[Mention] = []

    def link(href: str, shown: str, classes: str) -> int | None:
        actor = mention(href, shown, classes)
        if actor is None or not shown:
            return None
        named = Mention(actor, shown)
        if named not in mentions:
            mentions.append(named)
        return mentions.index(named)

    blocks = parse(html, link, picture=emoji)
    return _rich(blocks, len(mentions)), tuple(mentions)


def from_text(text: str) -> RichText:
    """Plain text as people type it: paragraphs, breaks, and bare addresses as links."""
    if oversized(text):
        text = text[:10_000] + "…"
    return to_core(RichText(plain=text), 0)


def to_core(text: RichText, mentions: int) -> RichText:
    """A value in canonical form: what `from_html` would have made of it. `mentions`: how many it has."""
    return _rich(_tree(text, mentions), mentions)


def with_names(
    text: RichText, mentions: Sequence[Mention], *, named: Callable[[str], Native | None]
) -> tuple[RichText, tuple[Mention, ...]]:
    """The same with every `@sam@a.example` that `named` knows as a mention; nothing inside links and code is looked at."""
    if _HANDLE.search(text.html) is None:
        return text, tuple(mentions)
    found = list(mentions)
    asked: dict[str, Native | None] = {}

    def link(match: re.Match[str]) -> Element | None:
        if match[0] not in asked and len(asked) < MOST_NAMES:
            asked[match[0]] = named(match[0])
        actor = asked.get(match[0])
        if actor is None:
            return None
        who = Mention(actor, match[0])
        if who not in found:
            found.append(who)
        return Element("a", [match[0]], "data-mention", str(found.index(who)))

    blocks = _tree(text, len(mentions))
    for block in blocks:
        _replace(block, _HANDLE, link)
    return (_rich(blocks, len(found)), tuple(found)) if len(found) > len(mentions) else (text, tuple(mentions))


def _replace(element: Element, pattern: re.Pattern[str], made: Callable[[re.Match[str]], Element | None]) -> None:
    """Every match in plain text becomes what `made` makes of it, or stays."""
    if element.tag in _OPAQUE:
        return
    children: list[Node] = []
    for child in element.children:
        if isinstance(child, Element):
            _replace(child, pattern, made)
            children.append(child)
            continue
        done = 0
        for match in pattern.finditer(child):
            new = made(match)
            if new is not None:
                children += [child[done : match.start()], new] if match.start() > done else [new]
                done = match.end()
        if done < len(child):
            children.append(child[done:])
    element.children = children


def to_html(
    text: RichText,
    mentions: Sequence[Mention],
    *,
    mention: Callable[[Mention], str | None],
    dialect: Dialect,
    hashtag: Callable[[str], str | None] | None = None,
    emoji: Callable[[str], str | None] | None = None,
) -> str:
    """HTML of one side. `mention` gives the address a mention links to (a matrix.to pill, a profile page); None leaves the bare name.
    `hashtag` gives the address for a `#name` in plain text, without its sign; `emoji` on Matrix the picture for a `:name:`.

    On the fediverse headings become bold paragraphs and tables become lines (activitypub.md 3.4).
    """
    writer = _Writer(mentions, mention, dialect)
    blocks = _tree(text, len(mentions))
    if hashtag is not None:
        for block in blocks:
            _replace(block, _HASHTAG, lambda match: _tagged(match[1], hashtag))
    if emoji is not None:
        for block in blocks:
            _replace(block, _EMOJI, lambda match: _pictured(match[0], emoji(match[1])))
    if dialect is Dialect.MATRIX and len(blocks) == 1 and blocks[0].tag == "p":
        return _CLEANERS[dialect].clean(_serialise(writer.nodes(blocks[0].children)))
    return _CLEANERS[dialect].clean(_serialise(writer.nodes(blocks)))


def _tagged(name: str, hashtag: Callable[[str], str | None]) -> Element | None:
    href = hashtag(name)
    return Element("a", ["#", Element("span", [name])], "href", href, "mention hashtag") if href is not None else None


def _pictured(called: str, source: str | None) -> Element | None:
    return Element("img", [], "src", source, label=called) if source is not None else None


def plain_of(html: str) -> str:
    """What a person reads without formatting: lists with marks, quotes behind `> `, links with their address, spoilers hidden."""
    return _plain(parse(html, _nobody) if oversized(html) else parse(html, _nobody, ours=10_000))


def _nobody(_href: str, _shown: str, _classes: str) -> int | None:
    return None


def _tree(text: RichText, mentions: int) -> list[Element]:
    source = text.html or _serialise(paragraphs(text.plain))
    return parse(source, _nobody, ours=mentions)


def _rich(blocks: list[Element], mentions: int) -> RichText:
    made = _serialise(blocks)
    if len(made) > MOST_CANONICAL // 4 and len(made.encode()) > MOST_CANONICAL:
        blocks = paragraphs(_plain(blocks)[:10_000] + "…")
        made = _serialise(blocks)
    checked = _CORE.clean(made)
    if checked != made:  # nh3 found an address it cannot read (a port or a label out of range): what is left is read once more
        blocks = parse(checked, _nobody, ours=mentions)
        checked = _CORE.clean(_serialise(blocks))
    return RichText(html=checked, plain=_plain(blocks))


def _escape(text: str) -> str:
    return _html.escape(text, quote=False).replace("\xa0", "&nbsp;")


def _serialise(nodes: Sequence[Node]) -> str:
    return "".join(_serial(nodes))


def _serial(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield _escape(node)
            continue
        yield f"<{node.tag}"
        if node.tag == "img":
            called = _escape(node.label).replace(chr(34), "&quot;")
            yield f' data-mx-emoticon="" alt="{called}" title="{called}" height="{_EMOJI_HEIGHT}"'
        if node.attribute:
            yield f' {node.attribute}="{_escape(node.value).replace(chr(34), "&quot;")}"'
        if node.classes:
            yield f' class="{node.classes}"'
        yield ">"
        if node.tag not in {BREAK, "hr", "img"}:
            yield from _serial(node.children)
            yield f"</{node.tag}>"


class _Writer:
    """Rewrites the core's tree into one dialect's."""

    def __init__(self, mentions: Sequence[Mention], mention: Callable[[Mention], str | None], dialect: Dialect) -> None:
        self.mentions = mentions
        self.mention = mention
        self.dialect = dialect

    def nodes(self, nodes: Sequence[Node]) -> list[Node]:
        made: list[Node] = []
        for node in nodes:
            if isinstance(node, str):
                made.append(node)
            else:
                made += self.element(node)
        return made

    def element(self, node: Element) -> list[Node]:
        if node.attribute == "data-mention":
            return self._named(self.mentions[int(node.value)])
        if node.tag == "img":
            return [node]
        inside = self.nodes(node.children)
        if node.classes == "mention hashtag":
            return [Element("a", inside, "href", node.value, node.classes)]
        if self.dialect is Dialect.MATRIX:
            attribute = "data-mx-spoiler" if node.attribute == "data-spoiler" else node.attribute
            return [Element(node.tag, inside, attribute, node.value)]
        if node.tag in HEADINGS:
            return [Element("p", [Element("strong", inside)])]
        if node.tag == "hr":
            return [Element("p", ["—"])]
        if node.tag in {"sup", "sub"}:
            return inside
        if node.tag == "table":
            return self._rows(node)
        return [Element(node.tag, inside, node.attribute, node.value)]

    def _rows(self, table: Element) -> list[Node]:
        lines: list[Node] = []
        for section in table.children:
            for row in section.children if isinstance(section, Element) else ():
                lines += [Element(BREAK)] if lines else []
                for number, cell in enumerate(row.children if isinstance(row, Element) else ()):
                    lines += [" | "] if number else []
                    lines += self.nodes(cell.children) if isinstance(cell, Element) else []
        return [Element("p", lines)]

    def _named(self, who: Mention) -> list[Node]:
        href = self.mention(who)
        if href is None:
            return [who.name]
        if self.dialect is Dialect.MATRIX:
            return [Element("a", [who.name], "href", href)]
        at, name = ("@", who.name[1:]) if who.name.startswith("@") and len(who.name) > 1 else ("", who.name)
        shown: list[Node] = [at, Element("span", [name])]
        return [Element("span", [Element("a", shown, "href", href, "u-url mention")], "class", "h-card")]


def _plain(blocks: Sequence[Element]) -> str:
    return "\n\n".join(filter(None, (_lines(block) for block in blocks)))


def _lines(block: Element) -> str:
    match block.tag:
        case "blockquote":
            inner = _plain([child for child in block.children if isinstance(child, Element)])
            return "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))
        case "ul" | "ol":
            return "\n".join(_items(block))
        case "pre":
            return text_of(block.children).rstrip("\n")
        case "hr":
            return "———"
        case "table":
            rows = [row for part in block.children if isinstance(part, Element) for row in part.children if isinstance(row, Element)]
            return "\n".join(" | ".join(_inline(cell.children) for cell in row.children if isinstance(cell, Element)) for row in rows)
        case _:
            return _inline(block.children)


def _items(block: Element) -> Iterator[str]:
    number = int(block.value) if block.attribute == "start" else 1
    for offset, item in enumerate(child for child in block.children if isinstance(child, Element)):
        mark = f"{number + offset}. " if block.tag == "ol" else "- "
        lines = _item(item.children).split("\n")
        yield mark + lines[0]
        for line in lines[1:]:
            yield f"{' ' * len(mark)}{line}".rstrip()


_INSIDE = {"p", "blockquote", "ul", "ol", "pre", "hr", "table", *HEADINGS}


def _item(children: Sequence[Node]) -> str:
    inline = [child for child in children if isinstance(child, str) or child.tag not in _INSIDE]
    blocks = [child for child in children if isinstance(child, Element) and child.tag in _INSIDE]
    return "\n".join(filter(None, (_inline(inline), *(_lines(block) for block in blocks))))


def _inline(nodes: Sequence[Node]) -> str:
    return "".join(_shown(node) for node in nodes)


def _shown(node: Node) -> str:
    if isinstance(node, str):
        return node
    if node.tag == BREAK:
        return "\n"
    if node.attribute == "data-spoiler":
        return f"[spoiler: {node.value}]" if node.value else "[spoiler]"
    inside = _inline(node.children)
    return _address(inside, node.value) if node.attribute == "href" else inside


def _address(shown: str, href: str) -> str:
    """`shown`, and the address where it says something else; a shortened address is written out, tags and names stand alone."""
    bare = href.removeprefix("mailto:").removeprefix("https://").removeprefix("http://").removeprefix("www.")
    short = shown.removeprefix("https://").removeprefix("http://").removeprefix("www.").removesuffix("…")
    if short and bare.startswith(short):
        return href.removeprefix("mailto:")
    return shown if shown.startswith(("#", "@")) else f"{shown} ({href})"
