"""What people see who open one of our addresses in a browser: whole pages without scripts, pictures or anything from another server.

Usable by keyboard and screen reader (WCAG 2.2 AA: landmarks, one heading of each page, language, contrast in light and dark).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from bridge.model.actor import ActorKind, Ghost
from bridge.model.content import Message
from bridge.model.event import Event
from bridge.model.line import Line
from bridge.model.place import Community
from bridge.settings import Retention

__all__ = ["SitePages"]


_templates = Environment(
    loader=PackageLoader("bridge.web"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
# All are read with this module: rendering happens while others wait, and touches no disk.
_NAMES = ("frame", "landing", "actor", "post", "words", "thread", "way", "privacy", "contact")
_, _LANDING, _ACTOR, _POST, _WORDS, _THREAD, _WAY, _PRIVACY, _CONTACT = (_templates.get_template(f"{name}.html") for name in _NAMES)


_MAIL = re.compile(r"[^@\s/:?&%]{1,64}@[^@\s/:?&%]{1,255}")


class SitePages:
    """The `Pages` port. `domain` stands in every address that people can follow; `contact` is who answers for the node, as the settings
    have it, `retention` for how long what is done with is kept."""

    def __init__(self, domain: str, *, contact: str = "", retention: Retention | None = None) -> None:
        self._domain = domain
        self._contact = contact.strip()
        self._retention = retention or Retention()

    def landing(self, communities: Sequence[Community]) -> str:
        """The communities of this node."""
        return _LANDING.render(domain=self._domain, same_as="", communities=communities)

    def privacy(self) -> str:
        """What is kept, for how long, and how to object."""
        return _PRIVACY.render(domain=self._domain, same_as="", retention=self._retention, days=_days)

    def contact(self, communities: Sequence[Community]) -> str:
        """Who answers for this node, and for each community."""
        shown, link = _reached(self._contact)
        return _CONTACT.render(domain=self._domain, same_as="", contact=shown, link=link, communities=communities)

    def actor(self, ghost: Ghost, about: str, lately: Sequence[Line] = ()) -> str:
        """A community or a person. `about` is HTML that was cleaned already; `lately`: what was begun there, newest first."""
        return _ACTOR.render(
            domain=self._domain,
            same_as=ghost.native.id,
            lately=[(_title(line), line.url) for line in lately],
            name=ghost.name or ghost.handle,
            handle=ghost.handle,
            is_group=ghost.kind is ActorKind.GROUP,
            about=about,
        )

    def post(self, event: Event, *, address: str = "", thread: str = "") -> str:
        """Words that crossed, by `event.author` as the fediverse knows them; the HTML of the text was cleaned already. `address`: of the
        document it shows; `thread`: of the whole conversation.

        Raises TypeError for anything but words.
        """
        message = event.content
        if not isinstance(message, Message):
            raise TypeError(f"a page shows words, not a {type(message).__name__}")
        shown = _words(message, "h2")
        return _POST.render(domain=self._domain, same_as=address, author=event.author, at=event.at, words=shown, thread=thread)

    def thread(self, lines: Sequence[Line], group: Ghost, *, address: str, more: bool = False) -> str:
        """A whole conversation, oldest first; `more`: it is longer than what is shown."""
        title = _title(lines[0])
        words = partial(_words, heading="h3")
        return _THREAD.render(domain=self._domain, same_as=address, title=title, group=group, lines=lines, more=more, words=words)

    def way(self, ghost: Ghost, *, url: str = "", server: str = "", why: str = "") -> str:
        """Where somebody goes on to follow: `url` on their own `server`, or `why` that is not known."""
        name = ghost.name or ghost.handle
        return _WAY.render(domain=self._domain, same_as="", name=name, handle=ghost.handle, url=url, server=server, why=why)


class _File(msgspec.Struct, frozen=True):
    url: str
    kind: str
    description: str


_KINDS = {"image": "Picture", "video": "Film", "audio": "Recording"}
MOST_TITLE = 100


def _words(message: Message, heading: str) -> str:
    note = (message.note.text or "Sensitive") if message.note is not None else None
    files = [
        _File(file.url, _KINDS.get(file.media_type.partition("/")[0], "File"), file.description)
        for file in message.attachments
        if file.url.startswith(("https://", "http://"))
    ]
    return _WORDS.render(message=message, note=note, heading=heading, files=files)


def _title(line: Line) -> str:
    """Its title, else how it begins; nothing of what stands behind a warning."""
    message = line.message
    if message is None or message.note is not None:
        said = message.note.text if message is not None and message.note is not None else ""
        return said[:MOST_TITLE] or f"A conversation begun by {line.author.name or line.author.handle}"
    place = message.location.said if message.location is not None else ""
    text = " ".join((message.title or message.text.plain or place).split())
    if not text:
        return f"A conversation begun by {line.author.name or line.author.handle}"
    return text if len(text) <= MOST_TITLE else f"{text[:MOST_TITLE].rsplit(' ', 1)[0]} …"


def _days(count: int) -> str:
    return "one day" if count == 1 else f"{count} days"


def _reached(contact: str) -> tuple[str, str]:
    """How a contact is shown, and where it leads: a web page, a mail address, or nowhere that a browser knows."""
    if contact.startswith(("https://", "http://")):
        return contact, contact
    address = contact.removeprefix("mailto:")
    return (address, f"mailto:{address}") if _MAIL.fullmatch(address) else (contact, "")
