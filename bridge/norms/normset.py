"""The norms in force at one spot as one value: which, with what parameters, for whom, and under which version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from bridge.model.event import Event
from bridge.norms.context import Context
from bridge.norms.decision import CounterOp
from bridge.norms.norm import MOST_COUNTERS, Norm, Params, concerns
from bridge.norms.scope import ALL, Scope


class Active(msgspec.Struct, frozen=True):
    """One norm with its parameters. `title`, `rule` and `why` by language, where the community has its own words; `since` when,
    `review_by` and `decision` are shown with it.
    """

    norm: Norm
    params: Params = Params()
    enabled: bool = True
    scope: Scope = ALL
    title: tuple[tuple[str, str], ...] = ()
    rule: tuple[tuple[str, str], ...] = ()
    why: tuple[tuple[str, str], ...] = ()
    since: str = ""
    review_by: str = ""
    decision: str = ""

    @property
    def id(self) -> str:
        """As norm files name it."""
        return self.norm.name or self.norm.id


class NormSet(msgspec.Struct, frozen=True):
    """`version` as people read it, `hash` of all that matters in `active` (`sha256:…`); every decision names the version."""

    version: str
    hash: str
    active: tuple[Active, ...]

    def params(self, id: str) -> Params | None:  # noqa: A002  (as in norm files)
        """Of the norm with this id; None when it is not in force."""
        return next((one.params for one in self.active if id in (one.id, one.norm.id) and one.enabled), None)

    def counts(self, event: Event, context: Context) -> tuple[CounterOp, ...]:
        """What this event adds to, over all norms that are asked about it; a key that two norms name is counted once."""
        found: dict[str, CounterOp] = {}
        for one in self.active:
            if one.norm.counts is not None and one.enabled and concerns(one.norm, event) and one.scope.covers(event, context):
                for op in one.norm.counts(event, context, one.params)[:MOST_COUNTERS]:
                    found.setdefault(op.key, op)
        return tuple(found.values())


def normset(version: str, active: Iterable[Active]) -> NormSet:
    """With the hash of its behaviour: norms, parameters, scopes and switches, in any order."""
    norms = tuple(active)
    lines = sorted(_line(one) for one in norms)
    return NormSet(version, "sha256:" + hashlib.sha256(b"\n".join(lines)).hexdigest(), norms)


def _line(one: Active) -> bytes:
    said = {"id": one.id, "uses": one.norm.uses, "params": one.params, "enabled": one.enabled, "scope": one.scope}
    return msgspec.json.encode(said, order="deterministic")


def tuned(norms: NormSet, id: str, **params: object) -> NormSet:  # noqa: A002  (as in norm files)
    """The same set with some parameters of one norm changed."""
    changed = [
        msgspec.structs.replace(one, params=msgspec.structs.replace(one.params, **params)) if id == one.id else one for one in norms.active
    ]
    return normset(norms.version, changed)


def plain(version: str, norms: Iterable[Norm]) -> NormSet:
    """Every norm as it comes: switched on, everywhere, with its default parameters."""
    return normset(version, (Active(norm, norm.params()) for norm in norms))
