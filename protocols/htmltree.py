"""Foreign HTML becomes a small tree that holds only the core's subset, whatever was sent; `richtext` is the only reader of it.

The subset is drawn up in `bridge/model/richtext.py`. Bounds first (libraries.md 2.5: both parsers are quadratic in nested blocks), then
one walk over the parsed tree; nothing is copied through that is not named here.
"""

from __future__ import annotations

import html as _html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec
from selectolax.lexbor import LexborHTMLParser, LexborNode

MOST_BYTES = 64 * 1024
MOST_TAGS = 2_000
MOST_DEPTH = 30
MOST_RAW_DEPTH = 120
"""How deep we follow what was sent; below that only its text counts."""
MOST_URL = 2_048

DROPPED = frozenset({
    "mx-reply", "script", "style", "template", "title", "head", "iframe", "frame", "frameset", "noscript", "noembed", "noframes",
    "object", "embed", "applet", "svg", "math", "canvas", "audio", "video", "select", "textarea", "button", "input", "meta", "link", "base",
})  # fmt: skip
BLOCKS = frozenset({
    "p", "div", "section", "article", "header", "footer", "main", "aside", "nav", "figure", "figcaption", "details", "summary", "address",
    "center", "dl", "dt", "dd", "fieldset", "form", "body", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "hr",
    "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td",
})  # fmt: skip
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
INLINE = {
    "b": "strong", "strong": "strong", "i": "em", "em": "em", "cite": "em", "dfn": "em", "var": "em", "u": "u", "ins": "u",
    "del": "del", "s": "del", "strike": "del", "sup": "sup", "sub": "sub", "code": "code", "tt": "code", "kbd": "code", "samp": "code",
}  # fmt: skip

_SPACE = re.compile(r"[ \t\n\r\f]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_TAG = re.compile(r"<(/(?:p|div|li|h[1-6]|blockquote|pre|tr)|br)?[^<>]*>", re.IGNORECASE)
_LANGUAGE = re.compile(r"language-[A-Za-z0-9_+#.-]{1,40}")
_HOST = re.compile(r"(?:[^\W_](?:[\w-]{0,62})\.)*[^\W_][\w-]{0,62}\.?|\[[0-9a-fA-F:.]{2,45}\]")
_BARE = re.compile(r"https?://[^\s<>\"'`\xa0]{3,2000}")


class Element(msgspec.Struct):
    """One tag of the subset; `value` is the value of its one `attribute` (href, data-mention, class, data-spoiler, start).

    `classes` and `label` are only ever written, never read: the h-card of a mention, and what the picture of an emoji says in words.
    """

    tag: str
    children: list[Node] = msgspec.field(default_factory=list)
    attribute: str = ""
    value: str = ""
    classes: str = ""
    label: str = ""


Node: TypeAlias = "str | Element"
Link: TypeAlias = Callable[[str, str, str], "int | None"]
"""(href, shown text, classes) → the index of the mention this link is, or None."""
Picture: TypeAlias = Callable[[str, str], str]
"""(src, what it is called) → the words that stand for a custom emoji."""

BREAK = "br"
_SOFT = "soft"
"""A break that only counts between two pieces of text: what is left of a block inside inline text."""


def scrub(text: str) -> str:
    """Control characters and half surrogates go: no protocol carries them all."""
    return _CONTROL.sub("", text.encode("utf-8", "replace").decode("utf-8"))


def flat(html: str) -> str:
    """The text of an oversized document, tags struck out in one pass, cut to a size every later step can afford."""
    cut = html[:MOST_BYTES]
    text = scrub(_html.unescape(_TAG.sub(lambda tag: "\n" if tag[1] else "", cut))).strip()
    return text[:10_000] + "…" if len(text) > 10_000 or len(html) > MOST_BYTES else text


def oversized(html: str) -> bool:
    """Too long or too many tags to be handed to a parser."""
    if len(html) > MOST_BYTES or html.count("<") > MOST_TAGS:
        return True
    return len(html) > MOST_BYTES // 4 and len(html.encode("utf-8", "replace")) > MOST_BYTES


def safe_href(href: str | None) -> str | None:
    """An absolute http, https or mailto address, or None. Credentials in a URL are refused: they only ever disguise a host."""
    if not href or len(href) > MOST_URL:
        return None
    cleaned = _SPACE.sub(lambda run: "" if "\n" in run[0] or "\t" in run[0] or "\r" in run[0] else "%20", scrub(href).strip(" \t\n\r\f"))
    try:
        parts = urlsplit(cleaned)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return None
    if scheme == "mailto":
        return cleaned if "@" in parts.path else None
    if scheme not in {"http", "https"} or not host or "@" in parts.netloc or "\\" in cleaned or (port is not None and port > 65_535):
        return None
    return cleaned if _HOST.fullmatch(parts.netloc.removesuffix(f":{port}")) else None


def parse(html: str, link: Link, *, ours: int | None = None, picture: Picture | None = None) -> list[Element]:
    """Blocks of the subset. `ours`: the HTML is the core's own and has this many mentions; else `data-mention` means nothing.

    `link` is asked about every link before its address is judged, `picture` about every emoticon of Matrix.
    Oversized input comes back as flat paragraphs; our own is at most thirty
    deep, so its number of tags costs nothing.
    """
    if oversized(html) if ours is None else len(html) > MOST_BYTES:
        return _finish(paragraphs(flat(html)))
    body = LexborHTMLParser(scrub(html)).body
    if body is None:
        return []
    return _finish(_Walk(link, ours, picture).blocks(body, 0, 0))


def paragraphs(text: str) -> list[Element]:
    """Plain text: blank lines part paragraphs, single newlines become breaks."""
    made: list[Element] = []
    for block in re.split(r"\n[ \t]*\n\s*", scrub(text.replace("\r\n", "\n"))):
        children: list[Node] = []
        for number, line in enumerate(block.strip("\n").split("\n")):
            children += [Element(BREAK), line] if number else [line]
        if tidied := _tidy(children):
            made.append(Element("p", tidied))
    return made


def text_of(nodes: Sequence[Node]) -> str:
    """The bare text, breaks as newlines."""
    return "".join(node if isinstance(node, str) else "\n" if node.tag == BREAK else text_of(node.children) for node in nodes)


class _Walk:
    """One pass over a parsed document. `depth` counts kept ancestors, `raw` the ones that were sent."""

    def __init__(self, link: Link, ours: int | None, picture: Picture | None) -> None:
        self.link = link
        self.ours = ours
        self.picture = picture

    def blocks(self, parent: LexborNode, depth: int, raw: int) -> list[Element]:
        made: list[Element] = []
        run: list[Node] = []
        for child in _children(parent):
            if child.tag in BLOCKS and not _unwanted(child):
                self._flush(run, made)
                made += self.block(child, depth, raw + 1)
            else:
                self.inline(child, run, frozenset(), depth + 1, raw + 1)
        self._flush(run, made)
        return made

    @staticmethod
    def _flush(run: list[Node], made: list[Element]) -> None:
        if tidied := _tidy(run):
            made.append(Element("p", tidied))
        run.clear()

    def block(self, node: LexborNode, depth: int, raw: int) -> list[Element]:
        tag = node.tag or ""
        if raw > MOST_RAW_DEPTH:
            return _wrap("p", [scrub(node.text())])
        if tag == "hr":
            return [Element("hr")]
        if tag == "pre":
            return self._pre(node)
        if tag == "p" or tag in HEADINGS:
            run: list[Node] = []
            for child in _children(node):
                self.inline(child, run, frozenset(), depth + 1, raw)
            return _wrap(tag, run)
        if tag == "blockquote" and depth + 2 <= MOST_DEPTH:
            inside = self.blocks(node, depth + 1, raw)
            return [Element(tag, list(inside))] if inside else []
        if tag in {"ul", "ol"} and depth + 3 <= MOST_DEPTH:
            return self._list(node, tag, depth, raw)
        if tag == "table" and depth + 5 <= MOST_DEPTH:
            return self._table(node, depth, raw)
        return self.blocks(node, depth, raw)

    def _pre(self, node: LexborNode) -> list[Element]:
        text = "".join(_raw_text(node, 0)).replace("\r\n", "\n").replace("\r", "\n")
        if not text.strip():
            return []
        inner = next((child for child in _children(node) if child.tag == "code"), None)
        marked = _LANGUAGE.search((inner.attributes.get("class") or "") if inner is not None else (node.attributes.get("class") or ""))
        code = Element("code", [text], "class", marked[0]) if marked else Element("code", [text])
        return [Element("pre", [code])]

    def _list(self, node: LexborNode, tag: str, depth: int, raw: int) -> list[Element]:
        items: list[Node] = []
        stray: list[Node] = []
        for child in _children(node):
            if child.tag in BLOCKS:
                self._item(_wrap("p", stray), items)
                stray = []
                inside = self.blocks(child, depth + 2, raw + 1) if child.tag == "li" else self.block(child, depth + 2, raw + 1)
                self._item(inside, items)
            else:
                self.inline(child, stray, frozenset(), depth + 3, raw + 1)
        self._item(_wrap("p", stray), items)
        if not items:
            return []
        start = node.attributes.get("start") or ""
        numbered = tag == "ol" and start.isascii() and start.isdigit() and len(start) < 7 and int(start) != 1
        return [Element(tag, items, "start", str(int(start))) if numbered else Element(tag, items)]

    @staticmethod
    def _item(inside: list[Element], items: list[Node]) -> None:
        if not inside:
            return
        first, rest = inside[0], inside[1:]
        if first.tag == "p" and all(block.tag in {"ul", "ol"} for block in rest):
            items.append(Element("li", [*first.children, *rest]))
        else:
            items.append(Element("li", list(inside)))

    def _table(self, node: LexborNode, depth: int, raw: int) -> list[Element]:
        before: list[Element] = []
        sections: dict[str, list[Node]] = {"thead": [], "tbody": []}
        for child in _children(node):
            if child.tag == "caption":
                before += self.blocks(child, depth, raw + 1)
            elif child.tag in {"thead", "tbody", "tfoot"}:
                rows = sections["thead" if child.tag == "thead" else "tbody"]
                rows += [row for line in _children(child) if line.tag == "tr" and (row := self._row(line, depth, raw + 3))]
        kept: list[Node] = [Element(name, rows) for name, rows in sections.items() if rows]
        return [*before, Element("table", kept)] if kept else before

    def _row(self, line: LexborNode, depth: int, raw: int) -> Element | None:
        cells: list[Node] = []
        for cell in _children(line):
            if cell.tag in {"th", "td"}:
                run: list[Node] = []
                for child in _children(cell):
                    self.inline(child, run, frozenset(), depth + 4, raw)
                cells.append(Element(cell.tag, _tidy(run)))
        return Element("tr", cells) if any(text_of([cell]).strip() for cell in cells) else None

    def inline(self, node: LexborNode, run: list[Node], within: frozenset[str], depth: int, raw: int) -> None:
        tag = node.tag or ""
        if tag == "-text":
            run.append(_SPACE.sub(" ", scrub(node.text_content or "")))
        elif tag == "br":
            run.append(Element(BREAK))
        elif tag == "img":
            run.append(self._picture(node))
        elif tag.startswith("-") or _unwanted(node):
            return
        elif raw > MOST_RAW_DEPTH:
            run.append(_SPACE.sub(" ", scrub(node.text())))
        elif tag == "a" and "a" not in within:
            self._anchor(node, run, within, depth, raw)
        elif tag == "span" and (reason := _spoiler(node)) is not None and "span" not in within and depth < MOST_DEPTH:
            run.append(Element("span", self._inside(node, within | {"span"}, depth + 1, raw), "data-spoiler", reason))
        elif (kept := INLINE.get(tag)) and kept not in within and "code" not in within and depth < MOST_DEPTH:
            run.append(Element(kept, self._inside(node, within | {kept}, depth + 1, raw)))
        elif tag in BLOCKS:
            run += [Element(_SOFT), *(["• "] if tag == "li" else []), *self._inside(node, within, depth, raw), Element(_SOFT)]
        else:
            run += self._inside(node, within, depth, raw)
            if "ellipsis" in (node.attributes.get("class") or "").split():
                run.append("…")

    def _inside(self, node: LexborNode, within: frozenset[str], depth: int, raw: int) -> list[Node]:
        made: list[Node] = []
        for child in _children(node):
            self.inline(child, made, within, depth, raw + 1)
        return made

    def _picture(self, node: LexborNode) -> str:
        """What it shows, in words; a custom emoji's are for its reader to choose (MSC2545)."""
        shown = _SPACE.sub(" ", scrub(node.attributes.get("alt") or node.attributes.get("title") or ""))
        if self.picture is None or "data-mx-emoticon" not in node.attributes:
            return shown
        return self.picture(node.attributes.get("src") or "", shown)

    def _anchor(self, node: LexborNode, run: list[Node], within: frozenset[str], depth: int, raw: int) -> None:
        inside = self._inside(node, within | {"a"}, depth + 1, raw)
        shown = _SPACE.sub(" ", text_of(inside)).strip()
        index = self._mention(node, shown)
        if index is not None and shown and depth < MOST_DEPTH:
            run.append(Element("a", [shown], "data-mention", str(index)))
            return
        href = safe_href(node.attributes.get("href"))
        if href and shown and depth < MOST_DEPTH:
            run.append(Element("a", inside, "href", href))
        else:
            run += inside

    def _mention(self, node: LexborNode, shown: str) -> int | None:
        if self.ours is not None and (marked := node.attributes.get("data-mention")) is not None:
            valid = marked.isascii() and marked.isdigit() and len(marked) < 5 and int(marked) < self.ours
            return int(marked) if valid else None
        href = (node.attributes.get("href") or "").strip()
        return self.link(href, shown, node.attributes.get("class") or "") if href and len(href) <= MOST_URL else None


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def _unwanted(node: LexborNode) -> bool:
    """`.invisible`: the ends of a shortened link (Mastodon 4); `quote-inline`: the fallback of a quote (FEP-044f)."""
    if node.tag in DROPPED:
        return True
    if (node.tag or "-").startswith("-"):
        return False
    classes = node.attributes.get("class") or ""
    return not {"invisible", "quote-inline"}.isdisjoint(classes.split())


def _spoiler(node: LexborNode) -> str | None:
    attributes = node.attributes
    for name in ("data-mx-spoiler", "data-spoiler"):
        if name in attributes:
            return _SPACE.sub(" ", scrub(attributes[name] or "")).strip()[:200].strip()
    return None


def _raw_text(node: LexborNode, raw: int) -> Iterator[str]:
    for child in _children(node):
        if child.tag == "-text":
            yield scrub(child.text_content or "")
        elif child.tag == "br":
            yield "\n"
        elif raw > MOST_RAW_DEPTH:
            yield scrub(child.text())
        elif not (child.tag or "-").startswith("-") and not _unwanted(child):
            yield from _raw_text(child, raw + 1)


def _wrap(tag: str, run: list[Node]) -> list[Element]:
    tidied = _tidy(run)
    return [Element(tag, tidied)] if tidied else []


def _tidy(run: list[Node]) -> list[Node]:
    """White space as a browser would show it, no empty element, no break at either end."""
    _squeeze(_settle(run), _Trail())
    made = _prune(run)
    while made and isinstance(made[0], Element) and made[0].tag == BREAK:
        made.pop(0)
    while made and isinstance(made[-1], Element) and made[-1].tag == BREAK:
        made.pop()
    return made


def _settle(run: list[Node]) -> list[Node]:
    """Soft breaks become breaks where there is text on both sides in the same element, and nothing else does."""
    kept: list[Node] = []
    wanted = False
    for node in run:
        if isinstance(node, Element) and node.tag == _SOFT:
            wanted = True
            continue
        solid = bool(text_of([node]).strip(" ")) or (isinstance(node, Element) and node.tag == BREAK)
        if not solid and wanted:
            continue
        if wanted and solid and kept and not (isinstance(kept[-1], Element) and kept[-1].tag == BREAK):
            kept.append(Element(BREAK))
        wanted = wanted and not solid
        if isinstance(node, Element):
            _settle(node.children)
        kept.append(node)
    run[:] = kept
    return run


class _Trail(msgspec.Struct):
    """Where the last text went, and whether a following space would be shown."""

    blank: bool = True
    home: list[Node] | None = None
    at: int = 0


def _squeeze(nodes: list[Node], trail: _Trail, *, outer: bool = True) -> None:
    for number, node in enumerate(nodes):
        if isinstance(node, str):
            text = _SPACE.sub(" ", node)
            if trail.blank and text.startswith(" "):
                text = text[1:]
            nodes[number] = text
            if text:
                trail.blank, trail.home, trail.at = text.endswith(" "), nodes, number
        elif node.tag == BREAK:
            _trim(trail)
            trail.blank, trail.home = True, None
        else:
            _squeeze(node.children, trail, outer=False)
    if outer:
        _trim(trail)


def _trim(trail: _Trail) -> None:
    if trail.home is not None:
        last = trail.home[trail.at]
        if isinstance(last, str):
            trail.home[trail.at] = last.removesuffix(" ")


def _prune(nodes: Sequence[Node]) -> list[Node]:
    made: list[Node] = []
    for node in nodes:
        if isinstance(node, str):
            _append(made, node)
        elif node.tag == BREAK:
            made.append(node)
        else:
            node.children = _prune(node.children)
            if text_of(node.children).strip(" \n"):
                made.append(node)
            else:
                for child in node.children:
                    _append(made, child)
    return made


def _append(made: list[Node], node: Node) -> None:
    if not isinstance(node, str):
        made.append(node)
    elif node:
        if made and isinstance(made[-1], str):
            made[-1] += node
        else:
            made.append(node)


def _finish(blocks: list[Element]) -> list[Element]:
    for block in blocks:
        _linkify(block, 1)
    return blocks


def _linkify(element: Element, depth: int) -> None:
    """Bare addresses become links: Mastodon 4 shows `content` as it is and would leave them dead."""
    if element.tag in {"a", "code", "pre"}:
        return
    made: list[Node] = []
    for node in element.children:
        if isinstance(node, Element):
            _linkify(node, depth + 1)
            made.append(node)
        elif depth < MOST_DEPTH and "://" in node:
            made += _links(node)
        else:
            made.append(node)
    element.children = made


def _links(text: str) -> Iterator[Node]:
    done = 0
    for found in _BARE.finditer(text):
        shown = found[0].rstrip(".,;:!?…")
        while shown.endswith(")") and shown.count(")") > shown.count("("):
            shown = shown[:-1].rstrip(".,;:!?…")
        if safe_href(shown) != shown:
            continue
        if found.start() > done:
            yield text[done : found.start()]
        yield Element("a", [shown], "href", shown)
        done = found.start() + len(shown)
    if done < len(text):
        yield text[done:]
