"""What an order means: the person's own word, the audience named back, and nobody else's words touched (N01, N02)."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.changes import PutConsent
from bridge.model.actor import ActorKind, Ghost
from bridge.model.content.release import Ending, Release
from bridge.model.ids import ACTIVITYPUB, MATRIX, EventId, Native, ObjectId
from bridge.model.place import Community, Place
from bridge.model.record import Hold
from bridge.moderation.acts import BY_AUTHOR, About, Acts, Crowd, Embody, OrderFacts, answer, handle_wanted, mark
from bridge.moderation.commands import Cross, CrossThis, ForgetThis, Grace, Help, Order, Status, Unknown, Who, parse
from bridge.norms.context import Consent, Crossing, Keep
from bridge.norms.judge import judge
from tests.bridge.norms.town import BO, CELLAR, COMMONS, COMMUNITY, ELI, GROUP, GUS, PORCH, STUDIO, T0, at, member, post, said
from tests.strategies import words

ON, OFF, ASK, QUIET = Crossing.ON, Crossing.OFF, Crossing.ASK, Crossing.QUIET
THIS = ObjectId("this")
FACE = Ghost(Native(ACTIVITYPUB, "https://moot.example/u/1"), BO.native, "bo", ActorKind.PERSON)
FRESH = OrderFacts(
    now=T0,
    domain="moot.example",
    author=BO,
    community=Community(COMMUNITY, "commons", "Async Collaboration"),
    needs_consent=True,
    place=COMMONS,
    rooms=(COMMONS, STUDIO),
)


def facts(**more: object) -> OrderFacts:
    return msgspec.structs.replace(FRESH, **more)


def about(author: object = BO.native, **more: object) -> About:
    return msgspec.structs.replace(About(THIS, BO.native), author=author, **more)


def hold(kind: str, author: Native = BO.native) -> Hold:
    return Hold(EventId("held"), COMMUNITY, THIS, author, kind, "x", T0, T0 + timedelta(hours=24), Ending.LOCAL, b"")


def put(acts: Acts) -> Consent | None:
    found = [change.consent for change in acts.changes if isinstance(change, PutConsent)]
    assert len(found) <= 1
    return found[0] if found else None


def told(acts: Acts) -> str:
    assert len(acts.notices) == 1
    return acts.notices[0].text.plain


class TestSayingYes:
    def test_it_names_back_who_will_read_it_under_which_name_and_how_to_stop(self) -> None:
        acts = answer(parse("!cross on"), facts(rooms=(COMMONS,)))
        assert put(acts) == Consent(BO.native, COMMUNITY, ON, since=T0, opted_in_by_act=True)
        assert acts.embody == Embody(BO, "bo_hs.example")
        text = told(acts)
        for part in ("“Commons”", "anyone on the web can read it", "@bo_hs.example@moot.example", "earlier words stay", "!cross off"):
            assert part in text
        assert acts.notices[0].to == BO.native

    def test_the_chosen_name_is_the_one_that_is_made(self) -> None:
        acts = answer(Cross(ON, "bo.smith"), facts())
        assert acts.embody == Embody(BO, "bo.smith")
        assert "@bo.smith@moot.example" in told(acts)

    def test_who_has_a_name_keeps_it(self) -> None:
        acts = answer(Cross(ON), facts(ghost=FACE))
        assert acts.embody is None
        assert "@bo@moot.example" in told(acts)
        other = answer(Cross(ON, "robert"), facts(ghost=FACE))
        assert (other.changes, other.embody) == ((), None)
        assert "it stays" in told(other)
        assert put(answer(Cross(ON, "bo"), facts(ghost=FACE))) is not None

    def test_a_name_that_was_taken_back_is_not_worn_again(self) -> None:
        ended = msgspec.structs.replace(FACE, ended=T0)
        assert answer(Cross(ON), facts(ghost=ended)).embody == Embody(BO, "bo_hs.example")

    @pytest.mark.parametrize(("order", "taken"), [(Cross(ON, "sam"), True), (Cross(ON), True), (Cross(ON, "moot.example"), False)])
    def test_without_a_name_nothing_crosses(self, order: Cross, taken: bool) -> None:
        acts = answer(order, facts(taken=taken))
        assert (acts.changes, acts.embody) == ((), None)
        assert len(acts.notices) == 1

    @pytest.mark.parametrize(
        ("state", "room", "part"),
        [
            (ON, COMMONS, "public: anyone on the web can read it"),
            (QUIET, COMMONS, "unlisted"),
            (ON, PORCH, "unlisted"),
            (ON, STUDIO, "for the community"),
            (QUIET, STUDIO, "for the community"),
            (ON, CELLAR, "encrypted"),
        ],
    )
    def test_the_circle_it_names_is_the_one_that_is_kept(self, state: Crossing, room: Place, part: str) -> None:
        assert part in told(answer(Cross(state, here=True), facts(place=room)))
        consent = put(answer(Cross(state, here=True), facts(place=room)))
        assert consent is not None
        ruling = judge(post(place=room), at(room, GROUP, author=member(consent=consent))).ruling(GROUP.native)
        assert ruling is not None
        assert part.split(":", maxsplit=1)[0].removeprefix("for the ") in (ruling.audience.name.lower(), "encrypted")

    def test_for_all_rooms_it_names_the_widest_circle(self) -> None:
        assert "anyone on the web" in told(answer(Cross(ON), facts(place=STUDIO)))
        assert "anyone on the web" in told(answer(Cross(ON), facts(place=None)))
        assert "the rooms of Async Collaboration" in told(answer(Cross(ON), facts(place=None)))

    def test_ask_says_what_to_answer(self) -> None:
        text = told(answer(Cross(ASK), facts()))
        assert "!cross this" in text
        assert "Without one it stays" in text

    def test_here_needs_a_room(self) -> None:
        acts = answer(Cross(ON, here=True), facts(place=None))
        assert acts.changes == ()
        assert "here" in told(acts)

    def test_here_leaves_the_rest_as_it_was(self) -> None:
        consent = put(answer(Cross(ON, here=True), facts(consent=said(OFF, grace=60))))
        assert consent is not None
        assert (consent.state, consent.in_room(COMMONS.native), consent.in_room(STUDIO.native), consent.grace) == (OFF, ON, OFF, 60)

    def test_a_general_word_counts_in_the_room_it_is_said_in_and_leaves_other_exceptions(self) -> None:
        before = said(OFF, rooms=((COMMONS.native, OFF), (STUDIO.native, OFF)))
        consent = put(answer(Cross(ON), facts(consent=before)))
        assert consent is not None
        assert (consent.in_room(COMMONS.native), consent.in_room(STUDIO.native)) == (ON, OFF)


class TestSayingNo:
    def test_it_stops_at_once_everywhere_and_says_what_happens_to_the_past(self) -> None:
        before = said(ON, rooms=((STUDIO.native, ON),))
        acts = answer(Cross(OFF), facts(consent=before, holds=(hold("grace"),), crossed=3, ghost=FACE))
        consent = put(acts)
        assert consent is not None
        assert (consent.state, consent.rooms, consent.since, consent.opted_in_by_act) == (OFF, (), T0, False)
        assert acts.releases == (Release(EventId("held"), Ending.LOCAL, BY_AUTHOR),)
        assert acts.retract == ()
        text = told(acts)
        assert "3 messages" in text
        assert "!forget this" in text

    def test_for_this_room_other_waits_go_on(self) -> None:
        acts = answer(Cross(OFF, here=True), facts(consent=said(ON), holds=(hold("grace"),)))
        consent = put(acts)
        assert consent is not None
        assert (consent.state, consent.in_room(COMMONS.native), consent.opted_in_by_act) == (ON, OFF, True)
        assert acts.releases == ()

    def test_it_needs_no_name(self) -> None:
        assert put(answer(Cross(OFF), facts(taken=True))) is not None


class TestOnTheFediverse:
    HERE = facts(author=GUS, needs_consent=False, place=None, community=FRESH.community)

    def test_there_is_on_and_off(self) -> None:
        on, off = answer(Cross(ON), self.HERE), answer(Cross(OFF), self.HERE)
        assert put(on) == Consent(GUS.native, COMMUNITY, ON, since=T0, opted_in_by_act=True)
        assert put(off) == Consent(GUS.native, COMMUNITY, OFF, since=T0)
        assert on.embody is off.embody is None
        assert "stay on the fediverse" in told(off)

    @pytest.mark.parametrize("order", [Cross(ASK), Cross(QUIET), Cross(ON, "gus"), Cross(ON, here=True)])
    def test_every_other_choice_is_made_where_the_post_is_written(self, order: Cross) -> None:
        acts = answer(order, self.HERE)
        assert acts.changes == ()
        assert "addressing @commons@moot.example is your yes" in told(acts)

    def test_a_post_of_their_own_can_be_taken_back_from_the_rooms(self) -> None:
        mine = about(GUS.native, crossed=True)
        assert answer(ForgetThis(), msgspec.structs.replace(self.HERE, about=mine)).retract == (THIS,)
        assert answer(CrossThis(), msgspec.structs.replace(self.HERE, about=about(GUS.native))).cross == ()


class TestOneMessage:
    def test_it_crosses_alone_under_a_name_that_is_shown_first(self) -> None:
        acts = answer(CrossThis(), facts(about=about()))
        assert acts.cross == (THIS,)
        assert acts.embody == Embody(BO, "bo_hs.example")
        assert acts.changes == ()
        assert "@bo_hs.example@moot.example" in told(acts)
        assert "they stay where you write them" in told(acts)

    def test_the_yes_to_an_ask_ends_its_wait(self) -> None:
        acts = answer(CrossThis(), facts(about=about(hold=hold("ask")), ghost=FACE, consent=said(ASK)))
        assert acts.releases == (Release(EventId("held"), Ending.RELEASE, BY_AUTHOR),)
        assert acts.cross == ()

    @pytest.mark.parametrize("kind", ["review", "grace", "parent"])
    def test_it_does_not_shorten_another_wait(self, kind: str) -> None:
        acts = answer(CrossThis(), facts(about=about(hold=hold(kind))))
        assert (acts.releases, acts.cross) == ((), ())

    @pytest.mark.parametrize("state", [about(crossed=True), about(retracted=True), about(crossed=True, retracted=True)])
    def test_what_crossed_or_was_taken_back_crosses_no_second_time(self, state: About) -> None:
        assert answer(CrossThis(), facts(about=state)).cross == ()

    def test_nothing_said_in_an_encrypted_room_crosses(self) -> None:
        acts = answer(CrossThis(), facts(about=about(), place=CELLAR))
        assert (acts.cross, acts.embody) == ((), None)

    def test_a_taken_name_is_told_before_anything_crosses(self) -> None:
        acts = answer(CrossThis(), facts(about=about(), taken=True))
        assert (acts.cross, acts.embody) == ((), None)

    def test_which_one_is_asked(self) -> None:
        for order in (CrossThis(), ForgetThis()):
            assert "Which message?" in told(answer(order, facts()))


class TestNobodyElse:
    @pytest.mark.parametrize("order", [CrossThis(), ForgetThis()])
    @pytest.mark.parametrize("state", [about(ELI.native), about(ELI.native, crossed=True), about(ELI.native, hold=hold("ask", ELI.native))])
    def test_only_the_author_crosses_or_takes_back(self, order: Order, state: About) -> None:
        acts = answer(order, facts(about=state))
        assert acts == Acts(notices=acts.notices)
        assert "Only the person who wrote" in told(acts)

    @pytest.mark.parametrize("keep", [Keep.CROSS, Keep.LOCAL])
    @pytest.mark.parametrize("author", [ELI.native, None])
    def test_a_sign_on_somebody_elses_message_is_only_a_sign(self, keep: Keep, author: Native | None) -> None:
        for state in (about(author), about(author, crossed=True), about(author, hold=hold("ask", ELI.native))):
            assert mark(keep, facts(about=state)) == Acts()

    def test_whose_message_is_unknown_stays(self) -> None:
        assert answer(CrossThis(), facts(about=about(None))).cross == ()


class TestSigns:
    def test_the_megaphone_is_cross_this(self) -> None:
        assert mark(Keep.CROSS, facts(about=about())) == answer(CrossThis(), facts(about=about()))

    def test_the_house_ends_a_wait_without_a_word(self) -> None:
        acts = mark(Keep.LOCAL, facts(about=about(hold=hold("grace"))))
        assert acts == Acts(releases=(Release(EventId("held"), Ending.LOCAL, BY_AUTHOR),))

    def test_the_house_takes_back_what_crossed(self) -> None:
        assert mark(Keep.LOCAL, facts(about=about(crossed=True))).retract == (THIS,)

    @pytest.mark.parametrize("state", [None, about(), about(retracted=True), about(crossed=True, retracted=True)])
    def test_the_house_on_what_stays_changes_nothing(self, state: About | None) -> None:
        assert mark(Keep.LOCAL, facts(about=state)) == Acts()

    @pytest.mark.parametrize("state", [about(crossed=True), about(retracted=True), about(hold=hold("review")), about(hold=hold("grace"))])
    def test_the_megaphone_on_what_is_on_its_way_changes_nothing(self, state: About) -> None:
        assert mark(Keep.CROSS, facts(about=state)) == Acts()


class TestForgetting:
    def test_ones_own_is_taken_back(self) -> None:
        acts = answer(ForgetThis(), facts(about=about(crossed=True)))
        assert acts.retract == (THIS,)
        assert "30 days" in told(acts)

    def test_what_waits_stays(self) -> None:
        acts = answer(ForgetThis(), facts(about=about(hold=hold("review"))))
        assert acts.releases == (Release(EventId("held"), Ending.LOCAL, BY_AUTHOR),)

    @pytest.mark.parametrize("state", [about(), about(None), about(retracted=True, crossed=True)])
    def test_what_never_left_has_no_copies(self, state: About) -> None:
        acts = answer(ForgetThis(), facts(about=state))
        assert (acts.retract, acts.releases) == ((), ())
        assert "no copies" in told(acts)


class TestAsking:
    def test_who_names_the_room_and_the_group(self) -> None:
        text = told(answer(Who(), facts(crowd=Crowd(members=7, followers=12, servers=1))))
        for part in ("Anyone on the web can read “Commons”", "@commons@moot.example", "12 followers on 1 server", "7 people"):
            assert part in text

    def test_who_points_at_nobody(self) -> None:
        assert "Fewer than five people" in told(answer(Who(), facts(crowd=Crowd(members=1))))

    def test_who_in_private_tells_of_every_room(self) -> None:
        text = told(answer(Who(), facts(place=None, rooms=(COMMONS, STUDIO, PORCH, CELLAR))))
        assert "Only people who were let in read “Studio”" in text
        assert "And 1 other room." in text

    def test_status_tells_how_it_stands(self) -> None:
        text = told(answer(Status(), facts(consent=said(QUIET, grace=60), ghost=FACE, crossed=1, holds=(hold("ask"),))))
        for part in ("unlisted", "@bo@moot.example", "60 seconds", "1 message.", "Waiting: 1 message"):
            assert part in text
        assert "they stay where you write them" in told(answer(Status(), facts()))

    def test_help_lists_every_word_people_may_say(self) -> None:
        text = told(answer(Help(), facts(graces=frozenset({0, 2}))))
        for part in ("!cross on", "!cross this", "!forget this", "!who", "!grace", "0, 2", "!moot status"):
            assert part in text

    def test_grace_keeps_everything_else(self) -> None:
        assert put(answer(Grace(60), facts(consent=said(QUIET)))) == said(QUIET, grace=60)
        assert put(answer(Grace(0), facts())) == Consent(BO.native, COMMUNITY, OFF, grace=0)

    def test_what_was_not_understood_says_what_would_be(self) -> None:
        assert "!moot help" in told(answer(Unknown("unknown.order"), facts()))

    def test_an_answer_goes_where_it_was_asked(self) -> None:
        room = Native(MATRIX, "!dm:hs.example")
        assert answer(Help(), facts(answer_in=room)).notices[0].answer_in == room


def test_a_name_is_looked_up_only_when_one_would_be_given() -> None:
    assert handle_wanted(Cross(ON), BO, None) == "bo_hs.example"
    assert handle_wanted(Cross(ASK, "bob"), BO, None) == "bob"
    assert handle_wanted(CrossThis(), BO, None) == handle_wanted(Keep.CROSS, BO, None) == "bo_hs.example"
    for order in (Cross(OFF), Help(), Keep.LOCAL):
        assert handle_wanted(order, BO, None) is None
    assert handle_wanted(Cross(ON), BO, FACE) is None


orders = st.one_of(
    st.builds(Cross, st.sampled_from(Crossing), st.none() | st.sampled_from(("bo", "sam.x")), st.booleans()),
    st.sampled_from((CrossThis(), Grace(0), Grace(60), ForgetThis(), Who(), Help(), Status())),
    words().map(parse),
)
situations = st.builds(
    OrderFacts,
    now=st.just(T0),
    domain=st.just("moot.example"),
    author=st.sampled_from((BO, GUS)),
    community=st.builds(Community, st.just(COMMUNITY), st.just("commons"), words()),
    needs_consent=st.booleans(),
    consent=st.none() | st.sampled_from([said(state) for state in Crossing]),
    ghost=st.sampled_from((None, FACE)),
    taken=st.booleans(),
    place=st.sampled_from((None, COMMONS, STUDIO, CELLAR)),
    rooms=st.sampled_from(((), (COMMONS,), (COMMONS, STUDIO, PORCH, CELLAR))),
    about=st.none()
    | st.builds(
        About,
        st.just(THIS),
        st.sampled_from((None, BO.native, ELI.native, GUS.native)),
        st.booleans(),
        st.booleans(),
        st.sampled_from((None, *(hold(kind) for kind in ("ask", "review", "grace", "parent")))),
    ),
    holds=st.sampled_from(((), (hold("ask"),))),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(orders, situations)
def test_every_order_is_answered_once_and_touches_only_its_author(order: Order | Unknown, where: OrderFacts) -> None:
    if where.consent is not None:
        where = msgspec.structs.replace(where, consent=msgspec.structs.replace(where.consent, actor=where.author.native))
    acts = answer(order, where)
    assert len(acts.notices) == 1
    assert acts.notices[0].to == where.author.native
    text = acts.notices[0].text.plain
    assert len(text.split()) <= 75
    assert "…" not in text
    assert not re.search(r"\{\w+\}", text)
    assert all(isinstance(change, PutConsent) and change.consent.actor == where.author.native for change in acts.changes)
    if acts.retract or acts.cross:
        assert where.about is not None
        assert where.about.author == where.author.native
    if acts.embody is not None:
        assert acts.embody.actor == where.author
        assert not where.taken
