"""Within bounds or not at all, told before anything is built, and never by another exception than ours."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Malformed
from protocols.activitypub.parsing import MOST_DEPTH, MOST_IN_A_LIST, MOST_VALUES, parse

MEGABYTE = 1_000_000


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


REFUSED = {
    "empty": (b"", "not JSON"),
    "no JSON": (b"hello", "not JSON"),
    "cut": (b'{"a":', "not JSON"),
    "two documents": (b"{}{}", "not JSON"),
    "a comment": (b"{} // no", "not JSON"),
    "a comma too many": (b'{"a":1,}', "not JSON"),
    "a list": (b"[]", "not an object"),
    "a string": (b'"{}"', "not an object"),
    "NaN": (b'{"a":NaN}', "not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "not JSON"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "not JSON"),
    "Latin-1": (b'{"a":"\xe9"}', "not UTF-8"),
    "a surrogate as bytes": (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
    "a first half": (b'{"a":"\\ud800"}', "half of a surrogate pair"),
    "a second half": (b'{"a":"\\uDC00"}', "half of a surrogate pair"),
    "two first halves": (b'{"a":"\\ud83d\\ud83d"}', "half of a surrogate pair"),
    "a half as a name": (b'{"\\ud800":1}', "half of a surrogate pair"),
    "an escaped backslash before it": (b'{"a":"\\\\\\ud800"}', "half of a surrogate pair"),
    "a name twice": (b'{"id":"x","id":"y"}', "the member 'id' is there twice"),
    "a name twice, in two spellings": (b'{"id":"x","\\u0069d":"y"}', "the member 'id' is there twice"),
    "a name twice, once with a space before the colon": (b'{"id":"x","id" :"y"}', "the member 'id' is there twice"),
    "a name twice, once on a line of its own": (b'{"id":"x","id"\r\n\t:"y"}', "the member 'id' is there twice"),
    "a name twice, beside a string that looks like one": (b'{"a":"\\":","id":1,"id" :2}', "the member 'id' is there twice"),
    "a name twice, deep inside": (b'{"a":[{"b":{"c":1,"c":1}}]}', "the member 'c' is there twice"),
    "a name twice, a colon in it": (b'{"a:b":":","a:b":":"}', "the member 'a:b' is there twice"),
    "too deep": (nested(MOST_DEPTH + 1), "deeper than 64"),
    "lists too deep": (b'{"a":' + b"[" * MOST_DEPTH + b"]" * MOST_DEPTH + b"}", "deeper than 64"),
    "ten thousand deep": (nested(10_000), "deeper than 64"),
    "a million deep": (b"[" * MEGABYTE, "more than 10000 values"),
    "only ends": (b"]" * MEGABYTE, "never opened"),
    "a long list": (b'{"a":[' + b",".join([b"1"] * (MOST_IN_A_LIST + 1)) + b"]}", "more than 1000 elements (at $.a)"),
    "a long list, deep inside": (b'{"a":[0,{"b":[' + b",".join([b"1"] * 1_001) + b"]}]}", "more than 1000 elements (at $.a[1].b)"),
    "too many quotation marks": (b'{"a":"' + b'\\"' * 100_000 + b'"}', "more than 100000 quotation marks"),
    "too many members": (msgspec.json.encode({str(i): i for i in range(MOST_VALUES + 1)}), "more than 10000 values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_passes_a_bound_is_refused_and_told_which(name: str) -> None:
    body, why = REFUSED[name]
    with pytest.raises(Malformed) as caught:
        parse(body)
    assert why in caught.value.public


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b' {"a" : 1} \n',
        nested(MOST_DEPTH),
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"\\\\ud800"}',
        b'{"a":"{[:,\\"]}"}',
        b'{"a":{"x":1},"b":{"x":1}}',
        b'{"a":[' + b",".join([b"1"] * MOST_IN_A_LIST) + b"]}",
        '{"a":"Grüße \U0001f44b"}'.encode(),
        msgspec.json.encode({"a": "<p>" + 'she said "no" \\ "yes" ' * 3_000 + "</p>"}),
    ],
    ids=[
        "empty",
        "spaces",
        "deep",
        "emoji",
        "an escaped backslash",
        "brackets in words",
        "one name in two objects",
        "list",
        "words",
        "quotes",
    ],
)
def test_what_keeps_the_bounds_is_read_as_it_is(body: bytes) -> None:
    assert parse(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * (MEGABYTE // 2),
        b'"' * MEGABYTE,
        b"\\" * MEGABYTE,
        b":" * MEGABYTE,
        b'{"":{},' * (MEGABYTE // 7),
        b"[]," * (MEGABYTE // 3),
        b'{"a":' + b"9" * MEGABYTE + b"}",
        nested(MEGABYTE // 6),
    ],
    ids=["escaped quotes", "quotes", "backslashes", "colons", "objects", "lists", "a number", "depth"],
)
def test_no_megabyte_takes_long_to_refuse(body: bytes) -> None:
    """Somebody without any key can make us do this."""
    quickest = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        with pytest.raises(Malformed):
            parse(body)
        quickest = min(quickest, time.perf_counter() - begun)
    assert quickest < 0.1


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


@given(st.dictionaries(st.text(), values))
def test_every_document_within_bounds_is_read(document: dict[str, object]) -> None:
    for ascii_only in (True, False):
        assert parse(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@given(st.binary() | st.text(alphabet='{}[]":,\\u0d8a1 ').map(str.encode))
def test_no_bytes_raise_anything_but_malformed(body: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(parse(body), dict)
