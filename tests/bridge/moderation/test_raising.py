"""A raised hand in a line of words, and what is said of a case: understood whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.case import Outcome, Ruled
from bridge.model.content.report import Category
from bridge.moderation import casewords, raising
from bridge.moderation.casewords import CaseWord, View
from bridge.moderation.raising import Appealing, Asked, Raise, Why, asked, category_of


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("!report", Raise()),
        ("!report spam", Raise(Category.SPAM)),
        ("!Report Threat: he means it", Raise(Category.THREAT, "he means it")),
        ("!report doxxing named forward meine Adresse", Raise(Category.PRIVATE, "meine Adresse", named=True, forward=True)),
        ("!report https://a.example/o/1 unkind", Raise(Category.UNKIND, url="https://a.example/o/1")),
        ("!report das ist 🙁", Raise(words="das ist 🙁")),
        ("!why", Why()),
        ("!why ab12cd", None),
        ("!why ab23cd", Why("ab23cd")),
        ("!appeal", Appealing()),
        ("!appeal ab23cd it was on topic", Appealing("ab23cd", "it was on topic")),
        ("!appeal das war zum Thema", Appealing("", "das war zum Thema")),
        ("!reporting", None),
        ("!cross on", None),
        ("report spam", None),
        ("appeal", None),
    ],
)
def test_a_line_is_one_thing(line: str, meant: Asked | None) -> None:
    if line == "!why ab12cd":
        meant = Why()  # no id of ours has a 1 in it
    assert asked(line, private=False) == meant


def test_in_private_the_sign_may_be_missing() -> None:
    assert asked("appeal", private=True) == Appealing()
    assert asked("report spam", private=True) == Raise(Category.SPAM)
    assert asked("help", private=True) is None


@given(st.text(max_size=700), st.booleans())
def test_any_line_is_heard_without_a_fault(line: str, private: bool) -> None:
    found = asked(line, private=private)
    assert found is None or len(getattr(found, "words", "")) <= raising.LONGEST


def test_the_flag_is_one_with_and_without_its_selector() -> None:
    assert raising.is_flag("🚩")
    assert raising.is_flag("🚩\ufe0f")
    assert not raising.is_flag("🏳️")


def test_words_of_a_server_may_name_the_category_themselves() -> None:
    assert category_of("Rule 3: spam, again") is Category.SPAM
    assert category_of("harassment of a member") is Category.UNKIND
    assert category_of("other") is Category.OTHER


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("", CaseWord(view=View.LIST)),
        ("list", CaseWord(view=View.LIST)),
        ("ab23cd", CaseWord("ab23cd", view=View.SHOW)),
        ("AB23CD open", CaseWord("ab23cd", view=View.OPEN)),
        ("ab23cd seen", CaseWord("ab23cd", view=View.SEEN)),
        ("ab23cd nothing it is fine", CaseWord("ab23cd", outcome=Outcome.NOTHING, reason="it is fine")),
        ("ab23cd removed", CaseWord("ab23cd", outcome=Outcome.REMOVE)),
        ("ab23cd refer", CaseWord("ab23cd", outcome=Outcome.REFER)),
        ("ab23cd reversed it was on topic", CaseWord("ab23cd", ruled=Ruled.REVERSED, reason="it was on topic")),
        ("ab23cd merge ef45gh", CaseWord("ab23cd", into="ef45gh")),
        ("ab23cd split 2 3", CaseWord("ab23cd", hands=frozenset({2, 3}))),
    ],
)
def test_what_is_said_of_a_case_is_one_thing(words: str, meant: CaseWord) -> None:
    assert casewords.read(words) == meant


@pytest.mark.parametrize(
    "words", ["ab1", "ab23cd burn it", "ab23cd open wide", "ab23cd merge", "ab23cd split", "ab23cd split 0", "ab23cd stays", "list all"]
)
def test_what_cannot_be_understood_is_nothing(words: str) -> None:
    assert casewords.read(words) is None
