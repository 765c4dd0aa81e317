"""On Matrix this is an `m.image`, `m.video`, `m.audio`, `m.file`, `m.location` or a sticker; here it becomes words that say what it is.

https://spec.matrix.org/v1.18/client-server-api/#mroommessage-msgtypes; captions since Matrix 1.10. A place in the world is never turned
into a map link: the words of the sender say as much as they wished to say.
"""

from __future__ import annotations

import html as _html

from bridge.model.richtext import RichText
from protocols.htmltree import scrub
from protocols.matrix.translate.words import Words
from protocols.matrix.wire import NewContent
from protocols.richtext import to_core

__all__ = ["described", "is_media"]

_KINDS = {
    "m.image": ("🖼", "a picture"),
    "m.video": ("🎬", "a video"),
    "m.audio": ("🔊", "a recording"),
    "m.file": ("📎", "a file"),
    "m.sticker": ("🖼", "a sticker"),
    "m.location": ("📍", "a place"),
}


def is_media(msgtype: str) -> bool:
    return msgtype in _KINDS


def described(content: NewContent, msgtype: str, words: Words, url: str | None) -> RichText:
    """Its caption, then one line that names it and says where it can be seen. `url` None: the room is not for everyone."""
    sign, kind = _KINDS[msgtype]
    captioned = content.filename is not None and content.filename != content.body
    name = " ".join(scrub((content.filename if captioned else content.body) or "").split())[:200] or kind
    label = _html.escape(name, quote=False)
    linked = f'<a href="{_html.escape(url)}">{label}</a>' if url else label
    told = "" if name == kind else f"{kind}; "
    line = f"<p>{sign} {linked} ({told}{'open it in the room' if url else 'it is in the room'})</p>"
    return to_core(RichText(html=(words.text.html if captioned else "") + line), len(words.mentions))
