"""Text as people format it: the one HTML subset the core knows, and nothing else.

`html` holds only: p br a(href) strong em u del code pre(code class=language-*) blockquote ul ol(start) li
span(data-spoiler) h1–h6 hr sup sub table thead tbody tr th td, nesting at most 30 deep, at most 64 KiB. Links are absolute http,
https or mailto. A mention is `<a data-mention="N">shown name</a>`: N is an index into the message's `mentions`; adapters turn it into
a pill or an h-card and back. In canonical form the top level is blocks only, bare addresses are links, and white space is as a browser
shows it. `protocols/richtext.py` is the only place that makes such values from foreign HTML.
"""

from __future__ import annotations

import html as _html

import msgspec


class RichText(msgspec.Struct, frozen=True):
    """`html`: the subset above, already clean; `plain`: what a person reads when nothing is formatted (no spoiler text)."""

    html: str = ""
    plain: str = ""

    def __bool__(self) -> bool:
        return bool(self.plain or self.html)


def from_plain(text: str) -> RichText:
    """Plain text as paragraphs: blank lines part paragraphs, single newlines become `<br>`."""
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    body = "".join(f"<p>{_html.escape(block.strip(chr(10)), quote=False).replace(chr(10), '<br>')}</p>" for block in blocks)
    return RichText(html=body, plain=text.strip("\n"))
