"""Promises of judging that hold for any event in any context (norms.md 3.14)."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from statistics import median

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.model.audience import Audience
from bridge.model.content import CONTENT_TYPES
from bridge.model.content.edit import Edit
from bridge.model.content.membership import Change, Membership
from bridge.model.content.message import Message
from bridge.model.content.profile import Profile
from bridge.model.content.retraction import Retraction
from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, Native, Protocol
from bridge.model.place import admits, ceiling
from bridge.norms import NORMS
from bridge.norms.consent import UNLINK
from bridge.norms.context import Consent, Context, Crossing, Keep
from bridge.norms.decision import CounterOp, Finding, Reason, Rung, Tally, Tell, Verdict
from bridge.norms.judge import judge
from bridge.norms.norm import Footing, Norm, footing
from bridge.norms.normset import NormSet, plain
from bridge.norms.wording import UNTOLD, WORDS
from tests.strategies import cases, natives
from tests.strategies import contexts as any_context
from tests.strategies import events as any_event

EASY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

_canonical = msgspec.msgpack.Encoder(order="deterministic")

norms = st.lists(
    st.builds(
        Finding,
        reason=st.builds(Reason, norm=st.just("X"), code=st.sampled_from(("X.a", "X.b")), rung=st.sampled_from(Rung)),
        verdict=st.sampled_from(Verdict),
        wait=st.none() | st.floats(0, 90_000),
        audience=st.sampled_from(Audience),
        transforms=st.frozensets(st.sampled_from(("unlink", "no_preview"))),
        explain=st.booleans(),
        tells=st.lists(st.builds(Tell, to=natives(), code=st.sampled_from(("X.a", "X.b"))), max_size=2).map(tuple),
        counter_ops=st.lists(
            st.builds(CounterOp, kind=st.just(Tally.COUNT), key=st.sampled_from(("k", "l")), window=st.just(600)), max_size=2
        ).map(tuple),
    ),
    max_size=3,
).map(lambda found: Norm("X", "Another norm", "One more sentence.", 3, lambda _event, _context, _params: tuple(found)))


def of(*table: Norm) -> NormSet:
    return plain("builtin/1", table)


@EASY
@given(cases())
def test_judging_is_total_and_gives_the_same_bytes_twice(case: tuple[Event, Context]) -> None:
    event, context = case
    before = _canonical.encode(event), _canonical.encode(context)
    assert _canonical.encode(judge(event, context)) == _canonical.encode(judge(event, context))
    assert (_canonical.encode(event), _canonical.encode(context)) == before


@EASY
@given(any_context(), any_event())
def test_even_a_context_that_does_not_fit_the_event_is_judged(context: Context, event: Event) -> None:
    assert len(judge(event, context).rulings) == len(context.destinations)


@EASY
@given(cases(), norms, norms, st.randoms(use_true_random=False))
def test_the_order_of_norms_changes_nothing(case: tuple[Event, Context], one: Norm, two: Norm, dice: random.Random) -> None:
    table = [*NORMS, one, msgspec.structs.replace(two, id="Y")]
    first = judge(*case, of(*table))
    dice.shuffle(table)
    second = judge(*case, of(*table))
    assert (second.rulings, second.rung, second.reasons, second.explanation) == (
        first.rulings,
        first.rung,
        first.reasons,
        first.explanation,
    )
    assert set(second.tells) == set(first.tells)
    assert set(second.counter_ops) == set(first.counter_ops)


@EASY
@given(cases(), norms)
def test_one_norm_more_never_makes_it_laxer(case: tuple[Event, Context], more: Norm) -> None:
    few, many = judge(*case), judge(*case, of(*NORMS, more))
    assert many.rung >= few.rung
    for (_, before), (_, after) in zip(few.rulings, many.rulings, strict=True):
        assert after.verdict >= before.verdict
        assert after.audience >= before.audience
        assert after.transforms >= before.transforms
        if before.until is not None and after.until is not None:
            assert after.until >= before.until


@EASY
@given(cases())
def test_crossing_never_widens_a_circle(case: tuple[Event, Context]) -> None:
    event, context = case
    takes_back = footing(event.content) is Footing.TAKES_BACK
    for place, (_, ruling) in zip(context.destinations, judge(event, context).rulings, strict=True):
        assert ruling.audience >= event.audience
        if ruling.verdict < Verdict.STAY and not takes_back:
            assert ruling.audience >= ceiling(context.origin)
            assert ruling.audience < Audience.DIRECT
            assert admits(place, ruling.audience)


@EASY
@given(cases(), cases())
def test_a_second_crossing_never_reopens_what_the_first_closed(case: tuple[Event, Context], onward: tuple[Event, Context]) -> None:
    for _, ruling in judge(*case).rulings:
        again = msgspec.structs.replace(onward[0], audience=ruling.audience)
        assert all(second.audience >= ruling.audience for _, second in judge(again, onward[1]).rulings)


@EASY
@given(cases())
def test_automation_never_does_more_than_keep_at_home(case: tuple[Event, Context]) -> None:
    decision = judge(*case)
    assert decision.rung <= Rung.LOCAL
    assert all(ruling.verdict <= Verdict.STAY for _, ruling in decision.rulings)
    assert all(reason.code in WORDS for reason in decision.reasons)


@EASY
@given(cases(), norms)
def test_everything_that_waits_has_an_end(case: tuple[Event, Context], more: Norm) -> None:
    event, context = case
    for _, ruling in judge(event, context, of(*NORMS, more)).rulings:
        assert (ruling.until is not None) == (ruling.verdict in (Verdict.DELAY, Verdict.HOLD))
        assert ruling.until is None or context.now <= ruling.until <= context.now + timedelta(hours=25, seconds=1)


@EASY
@given(cases(Retraction, Membership, Profile), norms)
def test_taking_back_and_leaving_pass_whatever_norms_there_are(case: tuple[Event, Context], more: Norm) -> None:
    event, context = case
    content = event.content
    leaves = isinstance(content, Membership) and content.change in (Change.UNFOLLOW, Change.LEAVE)
    if isinstance(content, Retraction) or leaves or (isinstance(content, Profile) and content.ended):
        assert all(ruling.verdict is Verdict.PASS for _, ruling in judge(event, context, of(*NORMS, more)).rulings)


def swapped(case: tuple[Event, Context]) -> tuple[Event, Context]:
    """The same on the other protocols: every native id changes sides. What kind of place it is, is no matter of protocol."""
    turn = {MATRIX: ACTIVITYPUB, ACTIVITYPUB: LOOPBACK, LOOPBACK: MATRIX}

    def hook(value: object) -> object:
        if isinstance(value, dict):
            return {key: Protocol(turn[Protocol(str(inner))]) if key == "protocol" else hook(inner) for key, inner in value.items()}
        return [hook(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    event, context = (hook(msgspec.to_builtins(part)) for part in case)
    return msgspec.convert(event, Event), msgspec.convert(context, Context)


@EASY
@given(cases())
def test_which_network_somebody_writes_from_is_no_reason(case: tuple[Event, Context]) -> None:
    here, there = judge(*case), judge(*swapped(case))
    assert [ruling for _, ruling in there.rulings] == [ruling for _, ruling in here.rulings]
    assert set(there.reasons) == set(here.reasons)


@EASY
@given(cases())
def test_whoever_is_held_back_is_told_once_with_norm_end_and_appeal(case: tuple[Event, Context]) -> None:
    event, context = case
    decision = judge(event, context)
    if decision.explanation is not None:
        args = dict(decision.explanation.args)
        assert args["norm"]
        assert args["version"] == decision.norms
        assert decision.explanation.appeal
        assert WORDS[decision.explanation.code].told
        assert any(decision.explanation.code == ruling.reason for _, ruling in decision.rulings)
        assert len([tell for tell in decision.tells if tell.sign]) == 1
        held = [ruling for _, ruling in decision.rulings if ruling.verdict is Verdict.HOLD and ruling.reason == decision.explanation.code]
        assert not held or "until" in args
    elif decision.rung >= Rung.SLOW:
        untold = {reason.code for reason in decision.reasons if reason.rung >= Rung.SLOW}
        assert untold & (UNTOLD | {"N01.account_marker", "N01.kept", "N01.kept_edit"})


@pytest.mark.parametrize("kind", [kind for kind in CONTENT_TYPES if kind is not Retraction], ids=lambda kind: str(kind.__name__))
@EASY
@given(data=st.data())
def test_without_a_yes_no_kind_of_content_leaves(kind: type, data: st.DataObject) -> None:
    """Also what a content type that is added later must keep: its default is the rules of a post."""
    event, context = data.draw(cases(kind))
    consent = Consent(event.author.native, event.community, Crossing.OFF, since=context.now)
    author = msgspec.structs.replace(context.author, needs_consent=True, consent=data.draw(st.sampled_from((None, consent))))
    target = msgspec.structs.replace(context.target, crossed_at=None) if context.target is not None else None
    context = msgspec.structs.replace(context, author=author, target=target, keep=Keep.UNSAID)
    if footing(event.content) is not Footing.TAKES_BACK:
        assert all(ruling.verdict is Verdict.STAY for _, ruling in judge(event, context).rulings)


@EASY
@given(cases(Message, Edit))
def test_people_who_did_not_agree_are_named_without_a_link(case: tuple[Event, Context]) -> None:
    event, context = case
    context = msgspec.structs.replace(context, unlinked=frozenset({Native(MATRIX, "@eli:hs.example")}))
    for place, (_, ruling) in zip(context.destinations, judge(event, context).rulings, strict=True):
        if context.author.needs_consent or place.native.protocol != event.place.protocol:
            assert UNLINK in ruling.transforms


@EASY
@given(cases(Message))
def test_a_wait_that_is_over_is_no_wait(case: tuple[Event, Context]) -> None:
    over = Finding(Reason("X", "X.over", Rung.ALLOW), Verdict.DELAY, wait=0)
    plain = judge(*case)
    now = judge(*case, of(*NORMS, Norm("X", "Over", "Nothing.", 3, lambda _event, _context, _params: (over,))))
    assert [ruling.verdict for _, ruling in now.rulings] == [ruling.verdict for _, ruling in plain.rulings]


@pytest.mark.timing
def test_judging_takes_less_than_a_fifth_of_a_millisecond() -> None:
    seen: list[tuple[Event, Context]] = []

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases(Message, Edit))
    def collect(case: tuple[Event, Context]) -> None:
        seen.append(case)

    collect()
    spent = []
    for event, context in seen * 3:
        start = time.perf_counter()
        judge(event, context)
        spent.append(time.perf_counter() - start)
    assert median(spent) < 200e-6
