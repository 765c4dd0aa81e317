"""Names on the fediverse: always possible, different for different people, never a name that speaks for the place (design section 4)."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.moderation.handles import LONGEST, RESERVED, default_handle, flaw

SHAPE = re.compile(r"[a-z0-9_]+([.-]+[a-z0-9_]+)*")

localparts = st.text(st.sampled_from("abz019._=-/+ABé🌻 :@\n"), max_size=80) | st.text(max_size=300)
servers = st.sampled_from(
    ("hs.example", "a.example", "localhost:8008", "127.0.0.1:8448", "[::1]:8448", "xn--bcher-kva.example", "HS.Example")
)
ids = st.builds(lambda localpart, server: f"@{localpart}:{server}", localparts, servers)


@pytest.mark.parametrize(
    ("native", "handle"),
    [
        ("@alice:hs.example", "alice_hs.example"),
        ("@bo.smith:hs.example", "bo.smith_hs.example"),
        ("@a_b:hs.example", "a_b_hs.example"),
        ("@ana:localhost:8008", "ana_localhost_8008"),
        ("ana", "ana"),
    ],
)
def test_an_ordinary_id_suggests_itself(native: str, handle: str) -> None:
    assert default_handle(native) == handle


@given(ids | st.text(max_size=300))
def test_every_id_suggests_a_name_that_is_possible(native: str) -> None:
    handle = default_handle(native)
    assert flaw(handle) is None
    assert SHAPE.fullmatch(handle)
    assert len(handle) <= LONGEST
    assert default_handle(native) == handle


@given(ids, ids)
def test_different_ids_suggest_different_names(one: str, two: str) -> None:
    assume(one != two)
    assert default_handle(one) != default_handle(two)


def test_capitals_and_long_names_do_not_meet() -> None:
    names = [
        default_handle(native)
        for native in ("@bo:hs.example", "@Bo:hs.example", f"@{'x' * 90}:hs.example", f"@{'x' * 91}:hs.example", "@b=6f:hs.example")
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_name_that_speaks_for_the_place_is_refused(name: str) -> None:
    assert flaw(name) in ("handle.reserved", "handle.shape")
    assert flaw(default_handle(name)) is None


@pytest.mark.parametrize("name", ["", "Bo", "-bo", "bo-", "bo..", "b o", "bo\n", "bö", "bo@x", "a/b", "%62o"])
def test_a_name_of_another_shape_is_refused(name: str) -> None:
    assert flaw(name) == "handle.shape"


def test_the_nodes_own_domain_is_nobodys_name() -> None:
    assert flaw("moot.example", "Moot.example") == "handle.reserved"
    assert flaw("moot.example", "other.example") is None
    assert flaw("x" * 64) is None
    assert flaw("x" * 65) == "handle.long"
