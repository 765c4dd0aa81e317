"""Promises that what is written about settings is what the code accepts: example file, reference table and effective configuration.

All three are rendered from the structs of `bridge/settings.py`; `tests/bridge/test_settings.py` compares the copies in the repository.
"""

from __future__ import annotations

import json
import re
import textwrap

from bridge.description import Entry, Heading, entries
from bridge.settings import Settings

__all__ = ["effective", "example", "reference", "to_toml"]

_HEAD = """\
# Folkmoot, all settings. Rendered from the code by `folkmoot settings --example`; change bridge/settings.py, not this file.
# A line such as "# port = 8420" shows the default, or an example where the default is nothing.
# Secrets are never here, but in files below data_dir/secrets.
"""


def example() -> str:
    """The commented example file."""
    lines = [_HEAD]
    for entry in entries(Settings):
        comment = textwrap.wrap(entry.description, 110, initial_indent="# ", subsequent_indent="# ")
        if isinstance(entry, Heading):
            shown = f"[{'.'.join(entry.path)}]"
            lines += ["", *comment, f"# {shown}" if entry.path[0] == "development" else shown, ""]
            continue
        value = entry.default if entry.example is None else entry.example
        lines += [*comment, f"{'' if entry.required else '# '}{entry.path[-1]} = {_toml(value)}", ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


def reference() -> str:
    """The table of all settings, in Markdown."""
    lines = ["| setting | value | default | meaning |", "| --- | --- | --- | --- |"]
    for entry in entries(Settings):
        if isinstance(entry, Entry):
            default = "(required)" if entry.required else f"`{_toml(entry.default)}`"
            meaning = entry.description.replace("|", "\\|")
            lines.append(f"| `{'.'.join(entry.path)}` | {entry.kind} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def to_toml(settings: Settings, *, everything: bool = False) -> str:
    """The settings as a file that reads back to them: only what differs from the defaults, or everything."""
    lines: list[str] = []
    for entry in entries(Settings):
        holder, found = _lookup(settings, entry.path)
        if not found:
            continue
        if isinstance(entry, Heading):
            lines += ["", f"[{'.'.join(entry.path)}]"]
        elif everything or entry.required or holder != entry.default:
            lines.append(f"{entry.path[-1]} = {_toml(holder)}")
    text = "\n".join(lines) + "\n"
    # A section without lines says nothing, except that of Matrix, whose presence is the setting; it always has lines.
    return text if everything else re.sub(r"\n\[[a-z._]+\]\n(?=\n|\Z)", "", text)


def effective(settings: Settings) -> str:
    """Everything in force, defaults included, with passwords in URLs and all secret files masked."""
    tokens = ("as_token", "hs_token") if settings.matrix else ()
    password = ("database_password",) if settings.storage.url else ()
    files = "".join(f"# {settings.secrets / name}: ****\n" for name in ("secret.key", *tokens, *password))
    masked = re.sub(r"(?<=://)[^/@\s\"]+(?=@)", "****", to_toml(settings, everything=True))
    return f"# origin: {settings.origin}\n{files}{masked}"


def _lookup(settings: object, path: tuple[str, ...]) -> tuple[object, bool]:
    """The value at a path, and whether there is one (a section left out has none)."""
    for name in path:
        if settings is None:
            return None, False
        settings = getattr(settings, name)
    return settings, settings is not None


def _toml(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_toml(part) for part in value)}]"
    # JSON text is TOML text but for DEL, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
