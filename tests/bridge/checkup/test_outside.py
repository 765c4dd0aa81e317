"""What an answer says about the way to it: the domain of handles must lead to this node, and only to it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridge.checkup.finding import Level
from bridge.checkup.outside import Asked, handle_finding

ORIGIN = "https://moot.example.org"
RIGHT = {"subject": "acct:example.org@example.org", "links": [{"rel": "self", "href": f"{ORIGIN}/actor"}]}


def asked(status: int, document: Any) -> Asked:
    body = msgspec.json.encode(document)
    return Asked("https://example.org/.well-known/webfinger", status, {"Content-Type": "application/jrd+json"}, body, f"{ORIGIN}/x")


def test_a_domain_of_handles_that_leads_here_is_well() -> None:
    assert handle_finding(asked(200, RIGHT), "example.org", ORIGIN).level is Level.OK


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (404, RIGHT),
        (200, {}),
        (200, []),
        (200, {**RIGHT, "subject": "acct:moot.example.org@moot.example.org"}),
        (200, {**RIGHT, "links": [{"rel": "self", "href": "https://elsewhere.example/actor"}]}),
        (200, {**RIGHT, "links": ["self"]}),
    ],
)
def test_one_that_does_not_is_told_what_to_redirect(status: int, document: Any) -> None:
    finding = handle_finding(asked(status, document), "example.org", ORIGIN)

    assert (finding.level, f"redirect /.well-known/webfinger to {ORIGIN}" in finding.remedy) == (Level.ERROR, True)
