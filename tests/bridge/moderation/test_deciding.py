"""Nobody moderates without a seat that is high enough, about what is their own, or with words an hour old; whichever way they took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.act import Act, Deed, Via
from bridge.model.ids import EventId, Native, Protocol
from bridge.model.role import Role
from bridge.moderation.deciding import NEEDED, ActFacts, Granted, Refused, decide, rank
from bridge.moderation.vocabulary import SAID, Said, Unread, read

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DEE, BO = Native(Protocol("matrix"), "@dee:hs"), Native(Protocol("matrix"), "@bo:hs")


def act(deed: Deed = Deed.REMOVE, via: Via = Via.ROOM, ago: float = 0) -> Act:
    return Act(EventId("act"), deed, DEE, NOW - timedelta(seconds=ago), via)


def facts(role: Role | None = Role.MODERATOR, owner: Native | None = BO, **more: bool) -> ActFacts:
    return ActFacts(NOW, role, owner=owner, **more)


ACTS = st.builds(act, st.sampled_from(Deed), st.sampled_from(Via), st.floats(0, 8_000))
FACTS = st.builds(
    facts,
    st.none() | st.sampled_from(Role),
    st.none() | st.sampled_from((DEE, BO)),
    vouched=st.booleans(),
    alone=st.booleans(),
    is_over=st.booleans(),
)


@given(ACTS, FACTS)
def test_what_is_granted_was_asked_by_somebody_who_may_about_something_of_somebody_elses(one: Act, known: ActFacts) -> None:
    if isinstance(decide(one, known), Granted):
        assert known.vouched or (known.role is not None and rank(known.role) >= rank(NEEDED[one.deed]))
        assert known.owner is not None
        assert known.owner != one.by or known.alone
        assert not known.is_over


@given(ACTS, FACTS, st.sampled_from(Role))
def test_a_higher_seat_never_may_less(one: Act, known: ActFacts, role: Role) -> None:
    lower = ActFacts(NOW, role, owner=known.owner, alone=known.alone, is_over=known.is_over)
    higher = ActFacts(NOW, Role.ADMIN, owner=known.owner, alone=known.alone, is_over=known.is_over)
    if isinstance(decide(one, lower), Granted):
        assert isinstance(decide(one, higher), Granted)


@pytest.mark.parametrize(
    ("one", "known", "code"),
    [
        (act(), facts(None), "act.no_seat"),
        (act(), facts(Role.HOST), "act.low_seat"),
        (act(Deed.BAN), facts(), "act.not_here"),
        (act(ago=3_601), facts(), "act.old"),
        (act(), facts(owner=None), "act.unknown"),
        (act(), facts(is_over=True), "act.over"),
        (act(), facts(owner=DEE), "act.own"),
    ],
)
def test_what_is_not_granted_says_why(one: Act, known: ActFacts, code: str) -> None:
    refused = decide(one, known)
    assert isinstance(refused, Refused)
    assert refused.code == code


def test_a_button_of_another_server_arrives_when_it_arrives() -> None:
    assert isinstance(decide(act(via=Via.NATIVE, ago=86_400), facts()), Granted)


def test_a_room_that_vouches_needs_no_seat_besides() -> None:
    assert decide(act(via=Via.NATIVE), facts(None, vouched=True)) == Granted("room")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("remove https://moot.example/o/abc", Said(Deed.REMOVE, "https://moot.example/o/abc")),
        ("REMOVE https://a.example/o/1 norm:n08 jobs topic please", Said(Deed.REMOVE, "https://a.example/o/1", "N08", "jobs topic please")),
        ("release k7t2mq", Said(Deed.RELEASE, "k7t2mq")),
        ("return k7t2mq we trade nothing", Said(Deed.RETURN, "k7t2mq", reason="we trade nothing")),
        ("return k7t2mq", Unread("act.why", "return")),
        ("remove", Unread("act.which", "remove")),
        ("remove it please", Unread("act.which", "remove")),
        ("I would remove it", None),
        ("", None),
    ],
)
def test_a_line_is_read_the_same_wherever_it_was_written(line: str, said: Said | Unread | None) -> None:
    assert read(line) == said


def test_a_line_that_answers_something_needs_no_name_for_it() -> None:
    assert read("remove jobs topic please", answers=True) == Said(Deed.REMOVE, reason="jobs topic please")


@given(st.text(max_size=3_000), st.booleans())
def test_no_line_is_more_than_it_says(line: str, answers: bool) -> None:
    said = read(line, answers=answers)
    if isinstance(said, Said):
        assert said.deed in SAID.values()
        assert len(said.reason) <= 301
        assert said.what or answers
