"""Promises that a struct tree reads as a list of settings (path, meaning, kind, default), and that misfits are explained in its words."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator

import msgspec
from msgspec import NODEFAULT, Meta

from bridge.errors import BadSetting

__all__ = ["Entry", "Heading", "entries", "explain"]


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


def entries(section: type[msgspec.Struct], path: tuple[str, ...] = ()) -> Iterator[Entry | Heading]:
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


def explain(text: str, raw: object, tree: type[msgspec.Struct]) -> BadSetting:
    """msgspec's sentence about `raw` as an error with the path in front, the value found there, and what to write instead."""
    what, _, place = text.partition(" - at `")
    key = place.rstrip("`") or "$"
    known = {"$." + ".".join(entry.path): entry for entry in entries(tree)}
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        here = [path.removeprefix(f"{key}.") for path in known if path.rpartition(".")[0] == key]
        near = difflib.get_close_matches(unknown[1], here, n=1)
        remedy = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(here)}."
        return BadSetting("no such setting", key=f"{key}.{unknown[1]}", remedy=remedy)
    if missing := re.fullmatch(r"Object missing required field `(.+)`", what):
        key = f"{key}.{missing[1]}"
        wanted = known[key]
        example = wanted.example if isinstance(wanted, Entry) else None
        return BadSetting(
            "missing", key=key, remedy=f"{wanted.description} For example: {missing[1]} = {msgspec.json.encode(example).decode()}"
        )
    wanted = known[re.sub(r"\[[^]]*\]$", "", key)]
    kind = wanted.kind if isinstance(wanted, Entry) else f"a section, [{'.'.join(wanted.path)}]"
    found = f"{what[:1].lower()}{what[1:]}, found {_value_at(key, raw)!r}"
    return BadSetting(found, key=key, remedy=f"{wanted.description} It is {kind}.")


def _value_at(key: str, raw: object) -> object:
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", key):
        if name and isinstance(raw, dict):
            raw = raw.get(name)
        elif index and isinstance(raw, list):
            raw = raw[int(index)]
    return raw


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
