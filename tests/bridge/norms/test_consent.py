"""N01: words stay where they were written until the person who wrote them says otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.model.actor import Mark
from bridge.model.audience import Audience
from bridge.model.content.membership import Change
from bridge.model.content.message import ContentNote, Message
from bridge.model.content.release import Ending
from bridge.model.richtext import from_plain
from bridge.moderation.holds import hold_of
from bridge.norms.consent import UNLINK
from bridge.norms.context import Crossing, Keep, Rank
from bridge.norms.decision import Verdict
from bridge.norms.judge import judge
from bridge.norms.wording import explain
from tests.bridge.norms.town import (
    ABROAD,
    BO,
    COMMONS,
    ELI,
    GROUP,
    GUS,
    LOOP,
    PORCH,
    STUDIO,
    T0,
    at,
    coming,
    crossed,
    edit,
    event,
    face,
    follower,
    member,
    post,
    reaction,
    reply,
    retraction,
    ruled,
    said,
    verdicts,
)  # fmt: skip

PASS, DELAY, HOLD, STAY = Verdict.PASS, Verdict.DELAY, Verdict.HOLD, Verdict.STAY


@pytest.mark.parametrize("facts", [member(Crossing.OFF), member(None)], ids=["off", "unknown"])
def test_somebody_who_never_said_yes_stays_and_hears_nothing_about_it(facts: object) -> None:
    """Vector 1."""
    decision = judge(post(author=ELI), at(COMMONS, GROUP, ABROAD, STUDIO, author=facts))
    assert {ruling.verdict for _, ruling in decision.rulings} == {STAY}
    assert [reason.code for reason in decision.reasons] == ["N01.off"]
    assert decision.explanation is None
    assert decision.tells == ()


def test_words_from_an_invited_room_are_for_the_community_only() -> None:
    """Vector 2."""
    assert ruled(post(), at(STUDIO, GROUP), GROUP).audience is Audience.COMMUNITY
    assert ruled(post(), at(STUDIO, GROUP), GROUP).verdict is PASS


def test_a_profile_that_asks_not_to_be_bridged_stays_out_of_the_rooms_without_a_sign() -> None:
    """Vector 3; the group still announces it on its own network."""
    decision = judge(reply(GUS, GROUP), at(GROUP, COMMONS, GROUP, author=follower(marks=frozenset({Mark.NOBRIDGE}))))
    assert [ruling.verdict for _, ruling in decision.rulings] == [STAY, PASS]
    assert decision.explanation is None
    assert decision.tells == ()


def test_the_house_sign_keeps_a_message() -> None:
    """Vector 4, first half: within grace, whatever the state."""
    decision = judge(post(), at(COMMONS, GROUP, keep=Keep.LOCAL))
    assert decision.strictest is STAY
    assert decision.explanation is None
    assert judge(post(), at(COMMONS, GROUP, keep=Keep.LOCAL, released=Ending.RELEASE)).strictest is STAY


def test_a_crossed_copy_is_taken_back_whatever_the_state() -> None:
    """Vector 4, second half."""
    assert verdicts(retraction(), at(COMMONS, GROUP, author=member(Crossing.OFF), keep=Keep.LOCAL)) == (PASS,)


def test_a_reply_to_somebody_who_stays_crosses_and_names_them_without_a_link() -> None:
    """Vector 5; the words of the other were cut off when the message was read."""
    context = at(COMMONS, GROUP, target=crossed(ELI, crossed=False, crossed_at=None), unlinked=frozenset({ELI.native}))
    assert ruled(reply(), context, GROUP).verdict is PASS
    assert ruled(reply(), context, GROUP).transforms == {UNLINK}


@pytest.mark.parametrize(("state", "audience"), [(Crossing.ON, Audience.PUBLIC), (Crossing.QUIET, Audience.UNLISTED)], ids=["on", "quiet"])
def test_a_yes_crosses_at_the_level_it_was_given(state: Crossing, audience: Audience) -> None:
    ruling = ruled(post(), at(COMMONS, GROUP, author=member(state)), GROUP)
    assert (ruling.verdict, ruling.audience) == (PASS, audience)


def test_quiet_in_an_open_room_with_hidden_history_is_unlisted() -> None:
    assert ruled(post(), at(PORCH, GROUP), GROUP).audience is Audience.UNLISTED
    assert ruled(post(), at(PORCH, GROUP, author=member(Crossing.QUIET)), GROUP).audience is Audience.UNLISTED


def test_an_ask_waits_a_day_for_its_author_and_then_stays() -> None:
    decision = judge(post(), at(COMMONS, GROUP, author=member(Crossing.ASK)))
    ruling = decision.ruling(GROUP.native)
    assert ruling is not None
    assert (ruling.verdict, ruling.until, ruling.on_expiry) == (HOLD, T0 + timedelta(hours=24), Ending.LOCAL)
    assert decision.explanation is not None
    assert decision.explanation.code == "N01.ask"
    assert decision.explanation.appeal == "!cross this"
    assert decision.tells[0].sign == "⏳"


def test_only_the_authors_own_tap_turns_an_ask_into_a_yes() -> None:
    ask = member(Crossing.ASK)
    waits = frozenset({"N01.ask"})
    assert judge(post(), at(COMMONS, GROUP, author=ask, waits=waits, released=Ending.RELEASE, keep=Keep.CROSS)).strictest is PASS
    assert judge(post(), at(COMMONS, GROUP, author=ask, waits=waits, released=Ending.RELEASE)).strictest is STAY
    assert judge(post(), at(COMMONS, GROUP, author=ask, waits=waits, released=Ending.LOCAL)).strictest is STAY


def test_a_wait_that_its_author_ended_at_home_stays_whatever_their_state() -> None:
    context = at(COMMONS, GROUP, released=Ending.LOCAL, waits=frozenset({"grace.own"}))
    assert judge(post(), context).strictest is STAY


def test_the_megaphone_crosses_one_message_of_somebody_who_is_off() -> None:
    assert ruled(post(author=ELI), at(COMMONS, GROUP, author=member(Crossing.OFF, consent=None), keep=Keep.CROSS), GROUP).verdict is DELAY
    assert ruled(post(author=ELI), at(COMMONS, GROUP, author=member(Crossing.OFF), keep=Keep.CROSS), GROUP).verdict is PASS


def test_the_megaphone_under_quiet_is_still_unlisted() -> None:
    assert ruled(post(), at(COMMONS, GROUP, author=member(Crossing.QUIET), keep=Keep.CROSS), GROUP).audience is Audience.UNLISTED


@pytest.mark.parametrize("text", ["Only here #local", "#NoBridge please", "!local hello", "  !LOCAL hello", "(#local)", "a\n#nobridge"])
def test_words_that_say_they_stay_do(text: str) -> None:
    decision = judge(post(text), at(COMMONS, GROUP))
    assert decision.strictest is STAY
    assert decision.reasons[0].code == "N01.kept"


@pytest.mark.parametrize("text", ["#localfood", "#local-food", "https://a.example/#local", "hello !local", "!locally", "local", "##local"])
def test_words_that_only_look_like_a_marker_cross(text: str) -> None:
    assert judge(post(text), at(COMMONS, GROUP)).strictest is PASS


def test_a_marker_counts_in_a_title_and_in_a_content_note() -> None:
    for message in (Message(from_plain("x"), title="#local"), Message(from_plain("x"), note=ContentNote("#nobridge"))):
        assert judge(event(message), at(COMMONS, GROUP)).strictest is STAY


def test_a_marker_in_the_words_beats_the_megaphone_and_says_so() -> None:
    decision = judge(post("#local"), at(COMMONS, GROUP, keep=Keep.CROSS))
    assert decision.strictest is STAY
    assert decision.explanation is not None
    assert (decision.explanation.code, decision.explanation.appeal) == ("N01.kept", "!moot help")
    assert "ask not to be bridged" in explain(decision.explanation).plain


@pytest.mark.parametrize("mark", [Mark.NOBRIDGE, Mark.NOBOT])
def test_a_refusal_on_the_account_comes_first_and_is_explained_to_who_said_yes(mark: Mark) -> None:
    decision = judge(post(), at(COMMONS, GROUP, author=member(marks=frozenset({mark}), consent=said(Crossing.ON, opted_in_by_act=False))))
    assert decision.strictest is STAY
    assert decision.explanation is not None
    assert decision.explanation.code == "N01.account_marker"


def test_nobot_yields_to_an_explicit_yes_and_nobridge_does_not() -> None:
    assert judge(post(), at(COMMONS, GROUP, author=member(marks=frozenset({Mark.NOBOT})))).strictest is PASS
    assert judge(post(), at(COMMONS, GROUP, author=member(marks=frozenset({Mark.NOBRIDGE})))).strictest is STAY
    assert judge(post(), at(COMMONS, GROUP, author=member(marks=frozenset({Mark.NOINDEX})))).strictest is PASS


def test_the_room_beats_the_community() -> None:
    off_here = said(Crossing.ON, rooms=((COMMONS.native, Crossing.OFF),))
    on_here = said(Crossing.OFF, rooms=((COMMONS.native, Crossing.ON),))
    assert judge(post(), at(COMMONS, GROUP, author=member(consent=off_here))).strictest is STAY
    assert judge(post(), at(COMMONS, GROUP, author=member(consent=on_here))).strictest is PASS
    assert judge(post(place=PORCH), at(PORCH, GROUP, author=member(consent=on_here))).strictest is STAY


def test_a_person_of_the_built_in_place_is_asked_as_well() -> None:
    assert judge(post(place=LOOP), at(LOOP, ABROAD, COMMONS, author=member(None))).mildest is STAY


def test_addressing_the_community_is_the_yes_on_the_fediverse() -> None:
    assert verdicts(post(author=GUS, place=GROUP), at(GROUP, COMMONS, GROUP)) == (PASS, PASS)


def test_off_said_aloud_keeps_a_fediverse_post_out_of_the_rooms() -> None:
    assert verdicts(post(author=GUS, place=GROUP), at(GROUP, COMMONS, GROUP, author=follower(consent=said(Crossing.OFF, GUS)))) == (
        STAY,
        PASS,
    )
    unspoken = said(Crossing.OFF, GUS, since=None)
    assert verdicts(post(author=GUS, place=GROUP), at(GROUP, COMMONS, GROUP, author=follower(consent=unspoken))) == (PASS, PASS)


def test_a_local_marker_keeps_a_fediverse_post_out_of_the_rooms() -> None:
    assert verdicts(post("#local", GUS, GROUP), at(GROUP, COMMONS, GROUP)) == (STAY, PASS)


class TestEdits:
    def test_an_edit_follows_what_crossed(self) -> None:
        assert judge(edit(), at(COMMONS, GROUP, target=crossed())).strictest is PASS
        assert judge(edit(), at(COMMONS, GROUP, author=member(Crossing.ASK), target=crossed())).strictest is PASS

    def test_an_edit_after_off_stays(self) -> None:
        later = said(Crossing.OFF, since=T0 - timedelta(minutes=1))
        assert judge(edit(), at(COMMONS, GROUP, author=member(consent=later), target=crossed())).strictest is STAY

    def test_an_edit_of_what_the_megaphone_crossed_follows_it(self) -> None:
        assert judge(edit(), at(COMMONS, GROUP, author=member(Crossing.OFF), target=crossed())).strictest is PASS
        assert judge(edit(), at(COMMONS, GROUP, author=member(None), target=crossed())).strictest is PASS
        assert judge(edit(), at(COMMONS, GROUP, author=member(None), target=crossed(crossed_at=None))).strictest is STAY

    def test_an_edit_that_adds_a_marker_stays_and_tells_how_to_take_the_copy_back(self) -> None:
        decision = judge(edit("#local after all"), at(COMMONS, GROUP, target=crossed()))
        assert decision.strictest is STAY
        assert decision.explanation is not None
        assert decision.explanation.appeal == "!forget this"

    def test_an_edit_keeps_its_authors_quiet(self) -> None:
        ruling = ruled(edit(), at(COMMONS, GROUP, author=member(Crossing.QUIET), target=crossed()), GROUP)
        assert ruling.audience is Audience.UNLISTED


def test_signs_are_not_asked_about_and_stay_under_ask_and_off() -> None:
    assert judge(reaction(), at(COMMONS, GROUP, target=crossed(GUS))).strictest is PASS
    for state in (Crossing.ASK, Crossing.OFF):
        decision = judge(reaction(), at(COMMONS, GROUP, author=member(state), target=crossed(GUS)))
        assert decision.strictest is STAY
        assert decision.explanation is None


def test_a_new_name_follows_words_that_may_cross() -> None:
    assert judge(face(), at(COMMONS, GROUP, author=member(Crossing.ASK))).strictest is PASS
    assert judge(face(), at(COMMONS, GROUP, author=member(Crossing.OFF))).strictest is STAY
    assert judge(face(ended=True), at(COMMONS, GROUP, author=member(Crossing.OFF))).strictest is PASS


def test_who_is_off_comes_and_goes_unseen() -> None:
    assert judge(coming(Change.JOIN, BO, COMMONS), at(COMMONS, GROUP, author=member(Crossing.OFF))).strictest is STAY
    assert judge(coming(Change.JOIN, BO, COMMONS), at(COMMONS, GROUP, author=member(Crossing.ASK))).strictest is STAY
    assert judge(coming(Change.FOLLOW), at(GROUP, GROUP, author=follower(Rank.VISITOR))).strictest is PASS


class TestLate:
    """S27: what was said long ago, while the node was down, asks before it crosses."""

    LONG_AGO = T0 - timedelta(hours=49)

    def test_words_that_come_two_days_late_ask_their_author_first(self) -> None:
        decision = judge(post(at=self.LONG_AGO), at(COMMONS, GROUP))
        ruling = decision.ruling(GROUP.native)
        assert ruling is not None
        assert (ruling.verdict, ruling.until, ruling.on_expiry) == (HOLD, T0 + timedelta(hours=24), Ending.LOCAL)
        assert decision.explanation is not None
        assert (decision.explanation.code, decision.explanation.appeal) == ("N01.late", "!cross this")
        hold = hold_of(post(at=self.LONG_AGO), decision, T0)
        assert hold is not None
        assert hold.kind == "ask", "nobody but its author lets it cross"

    def test_words_that_come_a_day_late_just_cross(self) -> None:
        assert verdicts(post(at=T0 - timedelta(hours=47)), at(COMMONS, GROUP)) == (PASS,)

    def test_only_the_authors_own_tap_lets_late_words_cross(self) -> None:
        waits = frozenset({"N01.late"})
        late = post(at=self.LONG_AGO)
        assert judge(late, at(COMMONS, GROUP, waits=waits, released=Ending.RELEASE, keep=Keep.CROSS)).strictest is PASS
        assert judge(late, at(COMMONS, GROUP, waits=waits)).strictest is STAY
        assert judge(late, at(COMMONS, GROUP, waits=waits, released=Ending.LOCAL)).strictest is STAY

    def test_what_we_let_wait_ourselves_is_not_late(self) -> None:
        waited = at(COMMONS, GROUP, waits=frozenset({"N05.media"}), released=Ending.RELEASE)
        assert judge(post(at=self.LONG_AGO), waited).strictest is PASS

    def test_who_addressed_the_group_is_not_asked(self) -> None:
        assert verdicts(reply(GUS, GROUP), at(GROUP, COMMONS, now=T0 + timedelta(days=5))) == (PASS,)

    def test_a_late_deletion_is_not_asked_about(self) -> None:
        assert verdicts(retraction(), at(COMMONS, GROUP, now=T0 + timedelta(days=5))) == (PASS,)

    def test_who_is_off_is_not_asked_about_late_words_either(self) -> None:
        decision = judge(post(at=self.LONG_AGO), at(COMMONS, GROUP, author=member(Crossing.OFF)))
        assert (decision.strictest, decision.explanation) == (STAY, None)
