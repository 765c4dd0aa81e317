"""Everything a norm says to people: complete, short, kind, and safe against what strangers call themselves."""

from __future__ import annotations

import ast
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import norms
from bridge.norms import NORMS
from bridge.norms.decision import Explanation
from bridge.norms.wording import UNTOLD, WORDS, appeal, bounded, explain, fill, line, moment, sentence

HERE = Path(norms.__file__).parent
ARGS = (("norm", "Nobody faces a crowd alone"), ("until", "2026-11-22T18:40:00+00:00"), ("version", "builtin/1"))
UNKIND = re.compile(r"\b(?:you must|must not|violat\w*|illegal|forbidden|abus\w*|spam\w*|guilty|bad)\b", re.IGNORECASE)


def codes_in_use() -> set[str]:
    """Every second argument of a Reason in the norm files."""
    found = set()
    for file in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason" and isinstance(node.args[1], ast.Constant):
                found.add(str(node.args[1].value))
    return found


def emoji(text: str) -> int:
    return len([char for char in text if unicodedata.category(char) == "So"])


def test_every_code_has_its_words_and_every_word_its_code() -> None:
    assert codes_in_use() == set(WORDS)


def test_every_norm_says_its_rule_in_one_sentence() -> None:
    assert len({norm.id for norm in NORMS}) == len(NORMS)
    for norm in NORMS:
        assert norm.title
        assert norm.rule.endswith(".")


@pytest.mark.parametrize("code", WORDS)
def test_words_are_short_kind_and_carry_one_emoji_at_most(code: str) -> None:
    words = WORDS[code]
    assert words.sentence.endswith(".")
    assert len(words.sentence.split()) <= 30
    for text in (words.sentence, fill(words.told, ARGS)):
        assert len(text.split()) <= 60
        assert emoji(text) <= 1
        assert not UNKIND.search(text)
    if words.told:
        first = words.told.split("\n\n")[0]
        assert first.endswith((".", "?"))
        assert words.appeal
        assert "{norm}" in words.told


def test_an_explanation_names_norm_end_and_what_one_can_do() -> None:
    text = explain(Explanation("N05.first_contact", ARGS, "help"))
    assert "Nobody faces a crowd alone" in text.plain
    assert "22 November, 18:40 UTC" in text.plain
    assert "…" not in text.plain
    assert "<code>help</code>" in text.html


def test_an_unknown_code_is_shown_as_itself() -> None:
    assert sentence("N99.new") == "N99.new"
    assert explain(Explanation("N99.new")).plain == "N99.new"
    assert appeal("N99.new") == ""


def test_what_explains_itself_is_never_told() -> None:
    assert "N01.off" in UNTOLD
    assert "N05.counted" in UNTOLD
    assert "N05.first_contact" not in UNTOLD


def test_a_moment_is_the_same_for_everyone() -> None:
    at = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
    assert moment(at) == moment(at.astimezone(timezone(timedelta(hours=9)))) == "22 November, 18:40 UTC"
    assert fill("{until}", (("until", "soon"),)) == "soon"


@given(st.text(), st.integers(1, 200))
def test_a_strangers_words_stay_one_bounded_harmless_line(text: str, most: int) -> None:
    kept = bounded(text, most)
    assert len(kept) <= most
    assert not any(unicodedata.category(char)[0] == "C" or char in "\n\r\u2028\u2029" for char in kept)
    assert line(line(text)) == line(text)


def test_a_name_cannot_bring_markup_or_holes_of_its_own() -> None:
    text = explain(Explanation("N05.first_contact", (("norm", "<b>{until}</b>\n`x`"), ARGS[1])))
    assert "<b>" not in text.html
    assert "{until}" in text.plain
