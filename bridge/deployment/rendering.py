"""Renders each kind of file from settings; pure."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from bridge.deployment import KINDS
from bridge.settings import AppserviceListen, Settings

__all__ = ["PROGRAM", "render"]

HOME: Final = "/srv/folkmoot"
PROGRAM: Final = f"{HOME}/.venv/bin/folkmoot"
"""Where a checkout installs itself, when it lies where the examples have it."""

SETTINGS_FILE: Final = "/etc/folkmoot/folkmoot.toml"
UID: Final = 8420

MARGIN: Final = 16_384
"""Bytes a proxy takes more than the node."""

_STATE: Final = PurePath("/var/lib")

_templates = Environment(
    loader=PackageLoader("bridge.deployment"),
    autoescape=False,  # noqa: S701  (no HTML; what goes in is checked settings)
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
# All are read with this module, so that rendering touches no disk.
_FILES = {name: _templates.get_template(kind.template) for name, kind in KINDS.items()}


def render(kind: str, settings: Settings, *, upstream: str = "", program: str = PROGRAM, settings_file: str = SETTINGS_FILE) -> str:
    """The file. `upstream`: HOST:PORT at which the web server reaches the node, where it is not simply `listen`. Raises KeyError."""
    media = settings.media_origin.partition("://")[2].partition(":")[0]
    data = PurePath(settings.data_dir)
    door = settings.matrix.listen if settings.matrix is not None else AppserviceListen()
    return _FILES[kind].render(
        after="postgresql.service matrix-synapse.service" if settings.matrix is not None else "postgresql.service",
        body=settings.limits.body_bytes + MARGIN,
        data=data,
        domain=settings.domain,
        door=door.port,
        home=HOME,
        host=settings.host,
        names=list(dict.fromkeys((settings.host.partition(":")[0], media))),
        origin=settings.origin,
        port=settings.listen.port,
        program=program,
        server_name=settings.matrix.server_name if settings.matrix is not None else settings.domain,
        settings_file=settings_file,
        state=str(data.relative_to(_STATE)) if data.is_relative_to(_STATE) else "",
        uid=UID,
        upstream=upstream or settings.listen.local,
    )
