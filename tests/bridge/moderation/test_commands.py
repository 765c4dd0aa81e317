"""One line of plain words becomes one order, and nothing else ever does (norms.md 4.2, matrix.md S4)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.portal import Callers
from bridge.moderation.commands import (
    LONGEST,
    Answer,
    Cancel,
    Confirm,
    Cross,
    CrossThis,
    Doors,
    Export,
    ForgetMe,
    ForgetSince,
    ForgetThis,
    ForgetThread,
    Grace,
    Help,
    Look,
    Order,
    Reply,
    Status,
    Unknown,
    Who,
    Write,
    mark_of,
    parse,
)
from bridge.moderation.wording import NOTICES
from bridge.norms.context import Crossing, Keep

ON, OFF, ASK, QUIET = Crossing.ON, Crossing.OFF, Crossing.ASK, Crossing.QUIET


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("!cross on", Cross(ON)),
        ("!cross off", Cross(OFF)),
        ("!cross ask", Cross(ASK)),
        ("!cross quiet", Cross(QUIET)),
        ("!cross on bo.smith", Cross(ON, "bo.smith")),
        ("!cross on @bo", Cross(ON, "bo")),
        ("!cross bo on", Cross(ON, "bo")),
        ("!cross off here", Cross(OFF, here=True)),
        ("!cross on bo here", Cross(ON, "bo", here=True)),
        ("!Cross ON Bo", Cross(ON, "bo")),
        ("  !cross \u00a0 on  ", Cross(ON)),
        ("!cross on\n", Cross(ON)),
        ("!cross this", CrossThis()),
        ("!forget this", ForgetThis()),
        ("!forget thread", ForgetThread()),
        ("!forget me", ForgetMe()),
        ("!forget since 2026-05-01", ForgetSince(date(2026, 5, 1))),
        ("!forget confirm ab12cd", Confirm("ab12cd")),
        ("!forget cancel", Cancel()),
        ("!export", Export()),
        ("!export since 2026-05-01", Export(date(2026, 5, 1))),
        ("!look", Look()),
        ("!grace 0", Grace(0)),
        ("!grace 60", Grace(60)),
        ("!grace 15s", Grace(15)),
        ("!who", Who()),
        ("!moot", Help()),
        ("!moot help", Help()),
        ("!moot status", Status()),
        ("!moot cross on", Cross(ON)),
    ],
)
def test_the_vocabulary_is_understood(words: str, order: Order) -> None:
    assert parse(words) == order
    assert parse(words, private=True) == order


@pytest.mark.parametrize(
    ("words", "order"),
    [("help", Help()), ("who", Who()), ("cross on", Cross(ON)), ("status", Status()), ("forget this", ForgetThis()), ("!help", Help())],
)
def test_in_private_the_sign_in_front_may_be_missing(words: str, order: Order) -> None:
    assert parse(words, private=True) == order
    assert parse(words) == Unknown("unknown.order")


def test_a_development_node_allows_other_waits() -> None:
    assert parse("!grace 2", graces={0, 2, 15}) == Grace(2)
    assert parse("!grace 2") == Unknown("unknown.grace", (("choices", "0, 15, 60"),))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "unknown.nothing"),
        (" \n ", "unknown.nothing"),
        ("!cross on\n!forget this", "unknown.one_line"),
        ("!cross\non", "unknown.one_line"),
        ("!cross\u2028on", "unknown.one_line"),
        ("!cross\u0085on", "unknown.one_line"),
        ("!cross\ton", "unknown.one_line"),
        ("!cross o\x00n", "unknown.one_line"),
        ("!cross \u202eno", "unknown.one_line"),
        ("!cross o\u200bn", "unknown.one_line"),
        ("!cross on \ud800", "unknown.one_line"),
        ("!сross on", "unknown.plain_letters"),
        ("！cross on", "unknown.plain_letters"),
        ("!cross as\u212a", "unknown.plain_letters"),
        ("!cross on böö", "unknown.plain_letters"),
        ("!cross on " + "x" * LONGEST, "unknown.long"),
        ("!cross", "unknown.cross"),
        ("!cross on off", "unknown.cross"),
        ("!cross on on", "unknown.cross"),
        ("!cross on here here", "unknown.cross"),
        ("!cross on a b", "unknown.cross"),
        ("!cross off bo", "unknown.cross"),
        ("!cross this on", "unknown.cross"),
        ("!cross on admin", "handle.reserved"),
        ("!cross on .bo", "handle.shape"),
        ("!cross on bo/../../x", "handle.shape"),
        ("!cross on " + "x" * 65, "handle.long"),
        ("!grace", "unknown.grace"),
        ("!grace -1", "unknown.grace"),
        ("!grace 15 60", "unknown.grace"),
        ("!grace 00", "unknown.grace"),
        ("!forget everything", "unknown.forget"),
        ("!forget since yesterday", "unknown.forget"),
        ("!forget since 2026-5-1", "unknown.forget"),
        ("!forget since 20260501", "unknown.forget"),
        ("!forget me now", "unknown.forget"),
        ("!forget confirm", "unknown.forget"),
        ("!export all", "unknown.export"),
        ("!cancel", "unknown.order"),
        ("!forget", "unknown.forget"),
        ("!who else", "unknown.order"),
        ("!moot moot help", "unknown.order"),
        ("!moot create x", "unknown.order"),
        ("!!cross on", "unknown.order"),
        ("hello there", "unknown.order"),
        ("cross on", "unknown.order"),
    ],
)
def test_what_is_not_an_order_is_unknown_and_answered(words: str, why: str) -> None:
    unknown = parse(words)
    assert isinstance(unknown, Unknown)
    assert unknown.why == why
    assert why in NOTICES


@given(st.text(max_size=300), st.booleans())
def test_any_words_are_parsed(words: str, private: bool) -> None:
    order = parse(words, private=private)
    assert not isinstance(order, Unknown) or order.why in NOTICES


@given(st.sampled_from(("!cross on", "!cross off", "!forget this")), st.characters(categories=("C", "Zl", "Zp")), st.text(max_size=20))
def test_no_character_that_structures_text_makes_a_second_order(first: str, between: str, second: str) -> None:
    assert parse(f"{first}{between}{second} x") == Unknown("unknown.one_line")


@pytest.mark.parametrize("sign", ["📣", "📣\ufe0f", "📣\ufe0e"])
def test_the_megaphone_is_a_yes(sign: str) -> None:
    assert mark_of(sign) is Keep.CROSS


@pytest.mark.parametrize("sign", ["🏠", "🏠\ufe0f", "🏠\ufe0e"])
def test_the_house_keeps(sign: str) -> None:
    assert mark_of(sign) is Keep.LOCAL


@pytest.mark.parametrize("sign", ["", "🏡", "📢", "👍", ":house:", "📣📣", "🏠 "])
def test_any_other_sign_is_a_sign(sign: str) -> None:
    assert mark_of(sign) is None


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("accept", Answer(Reply.ACCEPT)),
        ("Accept k7fd", Answer(Reply.ACCEPT, "k7fd")),
        ("not now k7fd", Answer(Reply.NOT_NOW, "k7fd")),
        ("!never k7fd", Answer(Reply.NEVER, "k7fd")),
        ("✅ k7fd", Answer(Reply.ACCEPT, "k7fd")),
        ("✔️ k7fd", Answer(Reply.ACCEPT, "k7fd")),
        ("⛔ k7fd", Answer(Reply.NEVER, "k7fd")),
        ("🔕 k7fd", Doors(strangers=False)),
        ("knocks", Doors()),
        ("!knocks members", Doors(Callers.MEMBERS)),
        ("knocks no strangers", Doors(strangers=False)),
        ("knocks strangers", Doors(strangers=True)),
        ("write @Sam@a.example", Write("@sam@a.example")),
        ("write", Unknown("unknown.write")),
        ("knocks everybody", Unknown("unknown.knocks")),
        ("never k7fd please", Unknown("unknown.order")),
        ("✅", Unknown("unknown.plain_letters")),
        ("🌻 k7fd", Unknown("unknown.plain_letters")),
    ],
)
def test_what_is_said_of_private_words(words: str, order: object) -> None:
    assert parse(words, private=True) == order


def test_private_words_are_answered_in_private_alone() -> None:
    for words in ("!accept k7fd", "!never k7fd", "!write @sam@a.example", "✅ k7fd"):
        assert isinstance(parse(words), Unknown)
