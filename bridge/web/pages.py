"""What people see who open one of our addresses in a browser: whole pages without scripts, pictures or anything from another server.

Usable by keyboard and screen reader (WCAG 2.2 AA: landmarks, one heading of each page, language, contrast in light and dark).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from bridge.model.actor import ActorKind, Ghost
from bridge.model.content import Message
from bridge.model.event import Event
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
_NAMES = ("frame", "landing", "actor", "post", "privacy", "contact")
_, _LANDING, _ACTOR, _POST, _PRIVACY, _CONTACT = (_templates.get_template(f"{name}.html") for name in _NAMES)


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
        return _LANDING.render(domain=self._domain, communities=communities)

    def privacy(self) -> str:
        """What is kept, for how long, and how to object."""
        return _PRIVACY.render(domain=self._domain, retention=self._retention, days=_days)

    def contact(self, communities: Sequence[Community]) -> str:
        """Who answers for this node, and for each community."""
        shown, link = _reached(self._contact)
        return _CONTACT.render(domain=self._domain, contact=shown, link=link, communities=communities)

    def actor(self, ghost: Ghost, about: str) -> str:
        """A community or a person. `about` is HTML that was cleaned already."""
        return _ACTOR.render(
            domain=self._domain,
            name=ghost.name or ghost.handle,
            handle=ghost.handle,
            is_group=ghost.kind is ActorKind.GROUP,
            about=about,
        )

    def post(self, event: Event) -> str:
        """Words that crossed, by `event.author` as the fediverse knows them; the HTML of the text was cleaned already.

        Raises TypeError for anything but words.
        """
        message = event.content
        if not isinstance(message, Message):
            raise TypeError(f"a page shows words, not a {type(message).__name__}")
        note = (message.note.text or "Sensitive") if message.note is not None else None
        return _POST.render(domain=self._domain, author=event.author, at=event.at, message=message, note=note)


def _days(count: int) -> str:
    return "one day" if count == 1 else f"{count} days"


def _reached(contact: str) -> tuple[str, str]:
    """How a contact is shown, and where it leads: a web page, a mail address, or nowhere that a browser knows."""
    if contact.startswith(("https://", "http://")):
        return contact, contact
    address = contact.removeprefix("mailto:")
    return (address, f"mailto:{address}") if _MAIL.fullmatch(address) else (contact, "")
