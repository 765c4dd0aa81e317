"""The life of a case: it only ever goes on, ends by itself, nobody decides their own affair, and in the end nobody is named (norms.md 4.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.model.act import Deed
from bridge.model.case import Case, CaseId, Outcome, Raised, Ruled, Settlement, Stage
from bridge.model.content.report import Category
from bridge.model.ids import MATRIX, OURS, CommunityId, Native, ObjectId, derive
from bridge.moderation import cases as life
from bridge.moderation.cards import case_card, short
from bridge.moderation.cases import Refused, Subject
from bridge.moderation.deciding import NEEDED
from bridge.moderation.signs import SIGNS
from bridge.moderation.vocabulary import WHOLE_ID, Said, read

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BO, ANA, DEE, GUS, HANA = (Native(MATRIX, f"@{name}:hs.example") for name in ("bo", "ana", "dee", "gus", "hana"))
EVERYBODY = (BO, ANA, DEE, GUS, HANA)
NOBODY = Native(OURS, "nobody")
COMMUNITY = CommunityId("commons")
SUBJECT = Subject(COMMUNITY, ObjectId("post"), BO, kind="message", url="https://hs.example/@bo/1")
ORDER = list(Stage)


def hand(by: Native = ANA, *, host: str = "hs.example", standing: str = "known", at: datetime = NOON, **more: object) -> Raised:
    return Raised(by, host, standing, at, **more)  # type: ignore[arg-type]


def opened(*hands: Raised) -> Case:
    case = life.opened(CaseId("case"), SUBJECT, NOON)
    for one in hands or (hand(),):
        case = life.with_hand(case, one)
    return case


def settled(outcome: Outcome = Outcome.REMOVE, by: Native | None = DEE, at: datetime = NOON) -> Settlement:
    return Settlement(outcome, at, by, "N08", "jobs topic please")


def decided(outcome: Outcome = Outcome.REMOVE) -> Case:
    case = life.decided(opened(), settled(outcome))
    assert isinstance(case, Case)
    return life.told(case, NOON)


def test_members_count_each_and_strangers_of_one_server_once() -> None:
    hands = [hand(Native(MATRIX, f"@s{n}:n{n % 2}"), host=f"n{n % 2}.example", standing="visitor") for n in range(30)]
    assert life.weight(opened(*hands)) == 2
    assert life.weight(opened(*hands, hand(ANA), hand(GUS, standing="newcomer"))) == 4
    assert life.by_standing(opened(*hands, hand(ANA))) == {"known": 1, "server": 2}


def test_hands_beyond_the_list_are_counted_and_none_is_lost() -> None:
    case = opened(*(hand(Native(MATRIX, f"@m{n}:hs.example")) for n in range(life.MOST_RAISED + 3)))
    assert (len(case.raised), case.beyond) == (life.MOST_RAISED, 3)


def test_whose_hand_was_empty_five_times_in_a_month_raises_no_priority_and_is_still_heard() -> None:
    empty = []
    for number in range(life.UNFOUNDED):
        case = life.decided(opened(), settled(Outcome.NOTHING, at=NOON + timedelta(days=number)))
        assert isinstance(case, Case)
        empty.append(case)
    now = NOON + timedelta(days=6)
    assert not life.counts_for(tuple(empty), ANA, now)
    assert life.counts_for(tuple(empty[1:]), ANA, now)
    assert life.counts_for(tuple(empty), ANA, now + life.QUIETED)
    assert life.counts_for(tuple(empty), GUS, now)
    quiet = opened(hand(counts=False))
    assert (life.weight(quiet), len(quiet.raised)) == (0, 1)


@pytest.mark.parametrize("by", [BO, ANA])
def test_nobody_decides_about_themselves_or_their_own_report(by: Native) -> None:
    assert life.decided(opened(), settled(by=by)) == Refused("case.party")
    assert life.looked_into(opened(), by, NOON) == Refused("case.party")


def test_the_sealed_copies_are_opened_on_an_open_case_only_and_every_look_is_written_down() -> None:
    case = life.looked_into(life.looked_into(opened(), DEE, NOON), HANA, NOON)  # type: ignore[arg-type]
    assert isinstance(case, Case)
    assert [one.by for one in case.openings] == [DEE, HANA]
    assert (case.stage, case.seen_by) == (Stage.SEEN, DEE)
    closed = life.due(decided(), NOON + life.APPEAL_WITHIN, NOBODY)
    assert closed.drops
    assert life.looked_into(closed.case, DEE, NOON) == Refused("case.over")


def test_what_is_decided_is_decided_once() -> None:
    assert life.decided(decided(), settled()) == Refused("case.decided")


def test_an_appeal_is_one_word_of_whoever_it_concerns_within_thirty_days_and_once() -> None:
    assert life.appealed(opened(), BO, NOON) == Refused("appeal.nothing")
    assert life.appealed(decided(), ANA, NOON) == Refused("appeal.not_yours")
    assert life.appealed(decided(), BO, NOON + timedelta(days=31)) == Refused("appeal.late")
    case = life.appealed(decided(), BO, NOON + timedelta(days=30))
    assert isinstance(case, Case)
    assert case.stage is Stage.APPEALED
    assert life.appealed(case, BO, NOON) == Refused("appeal.again")


def test_whoever_decided_does_not_look_again_and_no_party_does() -> None:
    case = life.appealed(decided(), BO, NOON)
    assert isinstance(case, Case)
    assert life.reviewed(case, DEE, Ruled.STANDS, NOON) == Refused("appeal.decider")
    assert life.reviewed(case, ANA, Ruled.STANDS, NOON) == Refused("case.party")
    assert life.reviewed(decided(), HANA, Ruled.STANDS, NOON) == Refused("appeal.none_open")
    over = life.reviewed(case, HANA, Ruled.REVERSED, NOON, "it was on topic")
    assert isinstance(over, Case)
    assert over.appeal is not None
    assert (over.stage, over.appeal.ruled, over.appeal.reviewer) == (Stage.CLOSED, Ruled.REVERSED, HANA)


def test_names_stay_a_year_where_somebody_was_limited_and_ninety_days_else() -> None:
    for outcome, days in ((Outcome.NOTE, 90), (Outcome.RESTRICTION, 365)):
        closed = life.due(decided(outcome), NOON + life.APPEAL_WITHIN, NOBODY).case
        assert closed.closed_at is not None
        assert closed.due_at == closed.closed_at + timedelta(days=days)


def test_a_case_that_goes_on_in_another_takes_its_hands_along() -> None:
    one, other = opened(hand(ANA)), msgspec.structs.replace(opened(hand(ANA), hand(GUS)), id=CaseId("other"))
    merged = life.merged(one, other)
    assert not isinstance(merged, Refused)
    gone, both = merged
    assert (gone.stage, gone.into, gone.due_at) == (Stage.MERGED, other.id, None)
    assert {raised.by for raised in both.raised} == {ANA, GUS}
    assert life.merged(one, one) == Refused("case.same")


def test_a_case_is_split_by_naming_some_of_its_reports() -> None:
    parted = life.split(opened(hand(ANA), hand(GUS), hand(HANA)), frozenset({2, 3}), CaseId("new"))
    assert not isinstance(parted, Refused)
    rest, other = parted
    assert [one.by for one in rest.raised] == [ANA]
    assert ([one.by for one in other.raised], other.object, other.week) == ([GUS, HANA], None, "2026-W48")
    for wrong in ({1, 2, 3}, {4}, set()):
        assert life.split(opened(hand(ANA), hand(GUS), hand(HANA)), frozenset(wrong), CaseId("new")) == Refused("case.split")


def test_a_card_names_nobody_but_says_what_a_first_look_needs() -> None:
    card = case_card(
        opened(hand(ANA, category=Category.THREAT, words="he <b>means</b> it"), hand(GUS, host="n1.example", standing="visitor"))
    )
    for person in EVERYBODY:
        assert person.id not in card.plain + card.html
    assert "a threat" in card.plain
    assert "1 known member, 1 server of strangers (weight 2)" in card.plain
    assert "he &lt;b&gt;means&lt;/b&gt; it" in card.html


def test_a_card_offers_only_signs_that_are_carried_out() -> None:
    words = case_card(opened(hand(ANA))).plain
    assert {deed for sign, deed in SIGNS.items() if sign in words} == (set(NEEDED) - {Deed.RETURN}) & set(SIGNS.values())


@given(st.binary(min_size=20, max_size=20).map(lambda seed: derive(seed, "event")))
@example("a" * WHOLE_ID)
def test_every_id_on_a_card_can_be_typed(id_: str) -> None:
    """Six letters of base32 have no digit three times in ten, and were taken for a word."""
    shown = short(id_)
    assert read(f"release {shown}") == Said(Deed.RELEASE, shown)
    assert read(f"release {shown} welcome", answers=True) == Said(Deed.RELEASE, shown, reason="welcome")


class CaseLife(RuleBasedStateMachine):
    """Anything anybody may do with a case, in any order, with the clock going forward."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.case = opened()
        self.before = self.case
        self.everybody = {one.by for one in self.case.raised}

    def become(self, case: Case | Refused) -> None:
        self.before = self.case
        if isinstance(case, Case):
            self.case = case

    @initialize()
    def begin(self) -> None:
        self.case = self.before = opened()

    @rule(by=st.sampled_from(EVERYBODY), standing=st.sampled_from(("known", "newcomer", "visitor")), category=st.sampled_from(Category))
    def raise_a_hand(self, by: Native, standing: str, category: Category) -> None:
        if self.case.is_open and by != BO:
            self.become(life.with_hand(self.case, hand(by, standing=standing, at=self.now, category=category)))

    @rule(by=st.sampled_from(EVERYBODY))
    def look(self, by: Native) -> None:
        self.become(life.looked_into(self.case, by, self.now))

    @rule(by=st.sampled_from(EVERYBODY), outcome=st.sampled_from(Outcome))
    def decide(self, by: Native, outcome: Outcome) -> None:
        done = life.decided(self.case, settled(outcome, by, self.now))
        self.become(life.told(done, self.now) if isinstance(done, Case) else done)

    @rule(by=st.sampled_from(EVERYBODY))
    def appeal(self, by: Native) -> None:
        self.become(life.appealed(self.case, by, self.now))

    @rule(by=st.sampled_from(EVERYBODY), ruled=st.sampled_from(Ruled))
    def review(self, by: Native, ruled: Ruled) -> None:
        self.become(life.reviewed(self.case, by, ruled, self.now))

    @rule(days=st.integers(0, 40))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.become(life.due(self.case, self.now, NOBODY).case)

    @invariant()
    def it_only_goes_on(self) -> None:
        assert self.case.version >= self.before.version
        assert self.case == self.before or self.case.version > self.before.version
        if self.case.stage is not self.before.stage:
            assert ORDER.index(self.case.stage) > ORDER.index(self.before.stage)

    @invariant()
    def who_decides_is_no_party_and_who_reviews_did_not_decide(self) -> None:
        settlement, appeal = self.case.settlement, self.case.appeal
        if self.case.stage is Stage.PSEUDONYMISED:
            return
        if settlement is not None and settlement.by is not None:
            assert settlement.by != BO
            if appeal is not None and appeal.reviewer is not None:
                assert appeal.reviewer != settlement.by
        assert all(one.by != BO for one in self.case.openings)

    @invariant()
    def time_always_has_something_to_do_until_names_are_gone(self) -> None:
        assert (self.case.due_at is None) is (self.case.stage in (Stage.PSEUDONYMISED, Stage.MERGED))

    @invariant()
    def when_names_are_gone_nobody_is_named(self) -> None:
        if self.case.stage is Stage.PSEUDONYMISED:
            left = msgspec.json.encode(self.case).decode()
            assert not [person for person in EVERYBODY if person.id in left]

    def teardown(self) -> None:
        """However it stands, the clock alone brings it to its end."""
        for _ in range(60):
            self.now += timedelta(days=15)
            step = life.due(self.case, self.now, NOBODY)
            self.case = life.told(step.case, self.now)
        assert self.case.stage is Stage.PSEUDONYMISED


TestCaseLife = CaseLife.TestCase
TestCaseLife.settings = settings(stateful_step_count=30, deadline=None)
