"""The `Norms` port: versions of norm files chain, and counters are bounded, lapse, and go with the person they are about."""

from __future__ import annotations

from functools import partial

import pytest

from bridge.changes import DropCounters, PutCounters, PutNorms
from bridge.errors import Conflict
from bridge.norms.counters import Count, Crowd, Leak, Ring
from bridge.norms.version import Version, hash_of
from storage import SqlStore
from storage.changes.norms import put_counters
from tests.conformance.samples import NOW, later

RING = Count("ring", Ring(7, (1, 0, 2), 3), later(3600), "ana")
CROWD = Count("crowd", Crowd((("a", 1), ("b", 2))), later(3600))
LEAK = Count("leak", Leak(1.5, 7.25), later(60), "bo")


def version(number: int, words: str, parent: str = "", name: str = "node") -> Version:
    return Version(name, number, hash_of(words), parent, NOW, words)


async def test_counters_come_back_as_they_were_and_twice_is_once(store: SqlStore) -> None:
    change = PutCounters((RING, CROWD, LEAK), NOW)
    await store.journal.commit([change, change])
    assert await store.norms.counters(("ring", "crowd", "leak", "none")) == {"ring": RING, "crowd": CROWD, "leak": LEAK}
    more = Count("ring", Ring(8, (1, 0, 2, 1), 4), later(7200), "ana")
    await store.journal.commit([PutCounters((more,), later(1))])
    assert await store.norms.counters(("ring",)) == {"ring": more}
    assert await store.norms.counters(()) == {}


async def test_a_window_that_has_passed_leaves_nothing(store: SqlStore) -> None:
    await store.journal.commit([PutCounters((RING, LEAK), NOW)])
    await store.sweep(later(61))
    assert set(await store.norms.counters(("ring", "leak"))) == {"ring"}
    await store.sweep(later(3601))
    assert await store.norms.counters(("ring", "leak")) == {}


async def test_beyond_the_bound_the_least_recently_used_goes_and_no_other(store: SqlStore) -> None:
    for second, names in ((1, "a"), (2, "bc"), (3, "a"), (4, "de")):
        change = PutCounters(tuple(Count(name, Leak(1, 0), later(9000)) for name in names), later(second))
        await store.database.write(partial(put_counters, change=change, most=3))
    assert set(await store.norms.counters(("a", "b", "c", "d", "e"))) == {"a", "d", "e"}
    await store.sweep(later(9001))
    await store.database.write(lambda connection: put_counters(connection, PutCounters((RING, CROWD, LEAK), later(9002)), 3))
    assert len(await store.norms.counters(("ring", "crowd", "leak"))) == 3


async def test_what_was_counted_of_somebody_goes_with_them(store: SqlStore) -> None:
    await store.journal.commit([PutCounters((RING, CROWD, LEAK), NOW)])
    await store.journal.commit([DropCounters(("ana", "nobody", ""))])
    assert set(await store.norms.counters(("ring", "crowd", "leak"))) == {"crowd", "leak"}


async def test_versions_of_a_file_are_a_chain_and_the_last_is_in_force(store: SqlStore) -> None:
    first, other = version(1, "one"), version(1, "theirs", name="community:asynco")
    second = version(2, "two", first.hash)
    await store.journal.commit([PutNorms(first), PutNorms(other), PutNorms(second), PutNorms(second)])
    assert await store.norms.current() == (other, second)
    assert await store.norms.history("node") == (first, second)
    assert await store.norms.history("pack:none") == ()


@pytest.mark.parametrize(
    "wrong", [version(2, "two", "sha256:other"), version(3, "three", hash_of("one")), version(1, "else"), version(2, "two")], ids=str
)
async def test_no_version_is_written_over_or_out_of_turn(store: SqlStore, wrong: Version) -> None:
    await store.journal.commit([PutNorms(version(1, "one"))])
    with pytest.raises(Conflict, match="the norm file node"):
        await store.journal.commit([PutNorms(wrong)])
    assert await store.norms.current() == (version(1, "one"),)
