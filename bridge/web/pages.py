"""What people see who open one of our addresses in a browser: whole pages without scripts, pictures or anything from another server.

Usable by keyboard and screen reader (WCAG 2.2 AA: landmarks, one heading of each page, language, contrast in light and dark).
"""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from bridge.model.actor import ActorKind, Ghost
from bridge.model.content import Message
from bridge.model.event import Event
from bridge.model.place import Community

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
_, _LANDING, _ACTOR, _POST = (_templates.get_template(f"{name}.html") for name in ("frame", "landing", "actor", "post"))


class SitePages:
    """The `Pages` port. `domain` stands in every address that people can follow."""

    def __init__(self, domain: str) -> None:
        self._domain = domain

    def landing(self, communities: Sequence[Community]) -> str:
        """The communities of this node."""
        return _LANDING.render(domain=self._domain, communities=communities)

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
