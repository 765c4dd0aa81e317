"""The log: what of a decision goes into it, whether its chain holds, and a public view that points at nobody (norms.md 4.6, property 13)."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.ids import MATRIX, CommunityId, EventId, Native
from bridge.model.logentry import GENESIS, Doing, LogEntry, Names, chained
from bridge.model.place import OPEN, Openness, Place, PlaceKind
from bridge.moderation import log
from bridge.moderation.log import FEWEST, Broken
from bridge.norms.decision import Decision, Reason, Ruling, Rung, Verdict
from tests.conformance.samples import ANA, NOW, SECRET, event, later

ROOM = Place(Native(MATRIX, "!room:hs.example"), PlaceKind.ROOM, "Commons", OPEN)
ELSEWHERE = Native(MATRIX, "!other:hs.example")


def decision(*reasons: Reason) -> Decision:
    waits = Ruling(Verdict.HOLD, event("said").audience, later(60))
    return Decision(event("said").id, "15", ((ELSEWHERE, waits),), Rung.HOLD, reasons)


def line_of(*reasons: Reason) -> LogEntry | None:
    return log.automatic(event("said"), decision(*reasons), standing="visitor", place=ROOM, now=NOW, secret=SECRET)


def chain(*doings: Doing) -> list[LogEntry]:
    entries: list[LogEntry] = []
    previous = GENESIS
    for seq, doing in enumerate(doings, 1):
        entry = LogEntry(f"e{seq}", CommunityId("commons"), NOW, doing, Names(whom=ANA), seq, f"digest{seq}", previous)
        previous = chained(previous, entry)
        entries.append(msgspec.structs.replace(entry, hash=previous))
    return entries


def test_what_a_norm_does_from_slow_up_is_a_line() -> None:
    line = line_of(Reason("N05", "N05.first_contact", Rung.HOLD), Reason("N07", "N07.note", Rung.LABEL))
    assert line is not None
    assert line.doing == Doing("hold", "automatic", "N05", "15", "message", "open room", "visitor", "matrix", 60)
    assert line.names == Names(whom=ANA, event=event("said").id, object=event("said").id, code="N05.first_contact")  # type: ignore[arg-type]
    assert line_of(Reason("N05", "N05.first_contact", Rung.HOLD)) == line


@pytest.mark.parametrize(
    "reason",
    [
        Reason("N01", "N01.off", Rung.LOCAL),
        Reason("loop", "loop.ghost", Rung.DECLINE),
        Reason("grace", "grace.own", Rung.SLOW),
        Reason("N20", "N20.nudge", Rung.NUDGE),
        Reason("N07", "N07.note", Rung.LABEL),
    ],
)
def test_the_authors_own_choice_the_transport_and_what_is_milder_are_no_lines(reason: Reason) -> None:
    assert line_of(reason) is None


def test_a_class_of_place_is_never_which_place() -> None:
    closed = Place(ROOM.native, PlaceKind.ROOM, "Studio", Openness())
    assert [log.place_class(place) for place in (ROOM, closed, Place(ROOM.native, PlaceKind.GROUP))] == [
        "open room",
        "closed room",
        "group",
    ]


def test_a_whole_chain_holds_and_goes_on_from_a_head_that_was_published() -> None:
    entries = chain(Doing("hold"), Doing("ban"), Doing("remove"))
    assert log.verify(entries) == (entries[-1].hash, 3)
    assert log.verify(entries[2:], entries[1].hash, 2) == (entries[-1].hash, 3)
    without_names = [msgspec.structs.replace(entry, names=None) for entry in entries]
    assert log.verify(without_names) == (entries[-1].hash, 3)


@given(st.integers(0, 4), st.sampled_from(("doing", "digest", "at", "id", "hash", "previous", "seq", "gone")))
def test_whatever_is_changed_afterwards_is_found(place: int, what: str) -> None:
    entries = chain(*(Doing("hold", norm=f"N0{n}") for n in range(5)))
    wrong = {
        "doing": {"doing": Doing("nudge")},
        "digest": {"digest": "another"},
        "at": {"at": NOW + timedelta(seconds=1)},
        "id": {"id": "another"},
        "hash": {"hash": "0" * 64},
        "previous": {"previous": "0" * 64},
        "seq": {"seq": 9},
    }
    if what == "gone":
        del entries[place]
        assert isinstance(log.verify(entries, after=0), Broken) is (place < 4)
        return
    entries[place] = msgspec.structs.replace(entries[place], **wrong[what])
    found = log.verify(entries)
    assert isinstance(found, Broken)


def test_what_was_rare_in_a_month_is_one_number() -> None:
    common = [Doing("hold", norm="N05", standing="visitor")] * FEWEST
    rare = [Doing("ban", by="moderator", norm="N08")] * 2 + [Doing("remove", by="host", norm="N08")] * 3
    found = log.public(chain(*common, *rare))
    assert [(line.month, line.count, line.effect, line.norm) for line in found.lines] == [("2026-11", FEWEST, "hold", "N05")]
    assert found.rare == {"2026-11": 5}


def test_a_month_with_almost_nothing_in_it_is_counted_with_the_next() -> None:
    entries = chain(*[Doing("ban", norm=f"N0{n}") for n in range(4)], *[Doing("warn", norm=f"N0{n}") for n in range(4)])
    december = [msgspec.structs.replace(entry, at=NOW + timedelta(days=30)) for entry in entries[4:]]
    assert log.public(entries[:4]).rare == {}
    assert log.public([*entries[:4], *december]).rare == {"2026-12": 8}


def test_a_decision_about_a_server_is_public_by_its_domain() -> None:
    (deed,) = log.public(chain(Doing("server block", by="admin", norm="N15", domain="hostile.example", seconds=60))).servers
    assert (deed.domain, deed.effect, deed.norm, deed.seconds) == ("hostile.example", "server block", "N15", 60)


@given(st.lists(st.sampled_from(("hold", "ban", "remove")), min_size=1, max_size=40))
def test_no_person_no_id_and_no_hash_of_one_is_in_the_public_view(effects: list[str]) -> None:
    entries = []
    previous = GENESIS
    for seq, effect in enumerate(effects, 1):
        names = Names(ANA, Native(MATRIX, "@dee:hs.example"), EventId("theevent"), case="thecase", reason="because")
        entry = LogEntry(f"entry{seq}", CommunityId("commons"), NOW, Doing(effect), names, seq, f"digest{seq}", previous)
        previous = chained(previous, entry)
        entries.append(msgspec.structs.replace(entry, hash=previous))
    shown = msgspec.json.encode(log.public(entries)).decode()
    for text in (ANA.id, "@dee", "theevent", "thecase", "because", "entry1", "digest1"):
        assert text not in shown
