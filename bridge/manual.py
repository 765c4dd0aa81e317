"""Promises that what is written about settings is what the code accepts: example file, reference table and effective configuration.

All three are rendered from the structs of `bridge/settings.py`; `tests/bridge/test_settings.py` compares the copies in the repository.
"""

from __future__ import annotations

import json
import re
import textwrap
import types
import typing
from collections.abc import Iterator

import msgspec
from msgspec import NODEFAULT, Meta

from bridge.settings import Settings

__all__ = ["Entry", "effective", "entries", "example", "reference", "to_toml"]

_HEAD = """\
# Folkmoot, all settings. Rendered from the code by `folkmoot settings --example`; change bridge/settings.py, not this file.
# A line such as "# port = 8420" shows the default, or an example where the default is nothing.
# Secrets are never here, but in files below data_dir/secrets.
"""


class Entry(msgspec.Struct, frozen=True):
    """One setting: its path as `("matrix", "prefix")`, what it means, what it may be, and its default (None when there is none)."""

    path: tuple[str, ...]
    description: str
    kind: str
    default: object | None
    example: object | None
    required: bool


class Heading(msgspec.Struct, frozen=True):
    """One section and what it is for."""

    path: tuple[str, ...]
    description: str
    optional: bool


def entries(section: type[msgspec.Struct] = Settings, path: tuple[str, ...] = ()) -> Iterator[Entry | Heading]:
    """All settings, plain ones of a section before its subsections, as TOML wants them."""
    nested: list[tuple[str, type[msgspec.Struct], str, bool]] = []
    for field in msgspec.structs.fields(section):
        meta, kind = _unwrap(field.type)
        inner = next((part for part in (kind, *typing.get_args(kind)) if isinstance(part, type) and issubclass(part, msgspec.Struct)), None)
        if inner is not None:
            nested.append((field.encode_name, inner, (meta and meta.description) or "", kind is not inner))
            continue
        default = None if field.default is NODEFAULT else field.default
        shown = (meta.examples or [None])[0] if meta else None
        yield Entry((*path, field.encode_name), (meta and meta.description) or "", _kind(kind, meta), default, shown, field.required)
    for name, inner, description, optional in nested:
        about = (inner.__doc__ or "").strip()
        yield Heading((*path, name), " ".join(filter(None, (about, description))), optional)
        yield from entries(inner, (*path, name))


def example() -> str:
    """The commented example file."""
    lines = [_HEAD]
    for entry in entries():
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
    for entry in entries():
        if isinstance(entry, Entry):
            default = "(required)" if entry.required else f"`{_toml(entry.default)}`"
            meaning = entry.description.replace("|", "\\|")
            lines.append(f"| `{'.'.join(entry.path)}` | {entry.kind} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def to_toml(settings: Settings, *, everything: bool = False) -> str:
    """The settings as a file that reads back to them: only what differs from the defaults, or everything."""
    lines: list[str] = []
    for entry in entries():
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
    files = "".join(f"# {settings.secrets / name}: ****\n" for name in ("secret.key", *tokens))
    masked = re.sub(r"(?<=://)[^/@\s\"]+(?=@)", "****", to_toml(settings, everything=True))
    return f"# origin: {settings.origin}\n{files}{masked}"


def _unwrap(annotation: object) -> tuple[Meta | None, object]:
    if typing.get_origin(annotation) is typing.Annotated:
        kind, *extras = typing.get_args(annotation)
        return next((extra for extra in extras if isinstance(extra, Meta)), None), kind
    return None, annotation


def _kind(kind: object, meta: Meta | None) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f"`{choice}`" for choice in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return "list of texts"
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    name = words[typing.cast("type", kind)]
    low = (meta.ge if meta.ge is not None else meta.gt) if meta else None
    if meta is None or low is None or meta.le is None:
        return name
    return f"{name}, {'over ' if meta.ge is None else ''}{_number(low)} to {_number(meta.le)}"


def _number(value: float) -> str:
    return f"{value:,}"


def _lookup(settings: object, path: tuple[str, ...]) -> tuple[object, bool]:
    """The value at a path, and whether there is one (a section left out has none)."""
    for name in path:
        if settings is None or isinstance(settings, types.NoneType):
            return None, False
        settings = getattr(settings, name)
    return settings, settings is not None


def _toml(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_toml(part) for part in value)}]"
    # JSON text is TOML text but for DEL, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
