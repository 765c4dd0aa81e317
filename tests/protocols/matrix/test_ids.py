"""Ghost ids and transaction ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.model.ids import ACTIVITYPUB, MATRIX, ItemId, Native
from protocols.matrix.ids import actor_link, event_link, ghost_id, is_user_id, linked_user, transaction_id
from tests.protocols.matrix.world import ME

HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?){0,6}(:[0-9]{2,5})?", fullmatch=True)
NAMES = st.text(min_size=1, max_size=300).filter(lambda name: "@" not in name)


def of(text: str) -> Native:
    return Native(ACTIVITYPUB, f"https://a.example/u/{text}")


def test_a_ghost_shows_name_and_home() -> None:
    assert ghost_id(ME, of("1"), "@sam@a.example", "a.example") == "@_moot_sam=40a.example:hs.test"
    assert ghost_id(ME, of("1"), "@bo:other.hs", "other.hs") == "@_moot_bo=3aother.hs=40other.hs:hs.test"


def test_folded_and_reused_names_get_a_keyed_hash_and_keep_the_host_last() -> None:
    folded = ghost_id(ME, of("1"), "@Sam@a.example", "a.example")
    again = ghost_id(ME, of("2"), "@sam@a.example", "a.example", distinct=True)
    assert folded.startswith("@_moot_sam==")
    assert folded.endswith("=40a.example:hs.test")
    assert len({folded, again, ghost_id(ME, of("1"), "@sam@a.example", "a.example")}) == 3


@given(NAMES, HOSTS, NAMES, HOSTS)
def test_two_people_never_share_a_ghost(name: str, host: str, other: str, elsewhere: str) -> None:
    """Matrix trap S15: grinding, confusables, case."""
    one, two = (name, host), (other, elsewhere)
    first = ghost_id(ME, of(f"{name}@{host}"), f"@{name}@{host}", host)
    second = ghost_id(ME, of(f"{other}@{elsewhere}"), f"@{other}@{elsewhere}", elsewhere)
    assert (first == second) == (one == two)


@given(NAMES, HOSTS, st.booleans())
def test_a_ghost_id_is_always_a_valid_id_of_ours(name: str, host: str, distinct: bool) -> None:
    made = ghost_id(ME, of(name), f"@{name}@{host}", host, distinct=distinct)
    assert len(made.encode()) <= 255
    assert is_user_id(made)
    assert ME.is_ghost(made)
    local = made.removeprefix("@").partition(":")[0]
    assert set(local) <= set("abcdefghijklmnopqrstuvwxyz0123456789._=-")


def test_a_host_that_fills_the_whole_name_is_cut_and_told_apart() -> None:
    long = ".".join(["a" * 60] * 4)
    made = {ghost_id(ME, of(name), f"@{name}@{long}", long) for name in ("sam", "bo")}
    assert len(made) == 2
    assert all(len(one.encode()) <= 255 for one in made)


def test_two_ghosts_never_share_a_transaction_id() -> None:
    """Finding F4: Synapse would give the second one the first one's event and send nothing."""
    item = ItemId("abcdefghijklmnopqrstuvwxyz")
    made = {
        transaction_id(item, "@_moot_a:hs.test"),
        transaction_id(item, "@_moot_b:hs.test"),
        transaction_id(item, "@_moot_a:hs.test", "2"),
    }
    assert len(made) == 3
    assert {len(one) for one in made} == {42}
    assert transaction_id(item, "@_moot_a:hs.test") in made


@given(st.from_regex(r"@[a-z0-9._=/+-]{1,40}:[a-z0-9.-]{1,30}(:[0-9]{1,5})?", fullmatch=True))
def test_a_pill_names_the_person_it_was_made_for(user: str) -> None:
    assert linked_user(actor_link(user)) == Native(MATRIX, user)


def test_other_links_name_nobody() -> None:
    for href in (
        "https://matrix.to/#/!room:hs.test",
        "https://matrix.to/#/%23alias:hs.test",
        "https://matrix.to.evil.example/#/@ana:hs.test",
        "https://evil.example/#/@ana:hs.test",
        "https://matrix.to/#/@ana",
        "https://matrix.to/#/@a%0Ana:hs.test",
        "javascript:alert(1)",
        event_link("!room", "$event", "hs.test"),
    ):
        assert linked_user(href) is None, href
    assert linked_user("https://matrix.to/#/%40ana%3Ahs.test?via=hs.test") == Native(MATRIX, "@ana:hs.test")
    assert linked_user("matrix:u/ana:hs.test?action=chat") == Native(MATRIX, "@ana:hs.test")


def test_a_stranger_with_a_lookalike_name_is_no_ghost_of_ours() -> None:
    assert not ME.is_ghost("@_moot_sam=40a.example:other.hs")
    assert not ME.is_ours("@moot:other.hs")
    assert not ME.is_ours("@moott:hs.test")
