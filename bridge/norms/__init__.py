"""The norms built in, one line each; the order changes nothing but which reason is named first."""

from __future__ import annotations

from bridge.norms import audience, consent, grace, knocks, loops, welcome
from bridge.norms.norm import Norm
from bridge.norms.normset import NormSet, plain

VERSION = "builtin/1"

NORMS: tuple[Norm, ...] = (
    loops.NORM,
    consent.NORM,
    audience.NORM,
    grace.NORM,
    welcome.NORM,
    knocks.NORM,
)

DEFAULT: NormSet = plain(VERSION, NORMS)
"""What a node runs that has no norm file."""
