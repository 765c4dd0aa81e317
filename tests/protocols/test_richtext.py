"""Text keeps its meaning between the core and both dialects, and nothing unclean or costly passes."""

from __future__ import annotations

import time
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.model.content.message import Mention
from bridge.model.ids import ACTIVITYPUB, Native
from bridge.model.richtext import RichText, from_plain
from protocols.richtext import MOST_NAMES, Dialect, clean, from_html, from_text, plain_of, to_html, with_names

PEOPLE = "https://people.example/"


def whom(href: str, _shown: str, _classes: str) -> Native | None:
    return Native(ACTIVITYPUB, href) if href.startswith(PEOPLE) else None


def page(mention: Mention) -> str | None:
    return mention.actor.id


read = partial(from_html, mention=whom)


def there_and_back(text: RichText, mentions: tuple[Mention, ...], dialect: Dialect) -> RichText:
    return read(to_html(text, mentions, mention=page, dialect=dialect))[0]


pieces = st.sampled_from(
    [
        "<p>", "</p>", "<b>", "</b>", "<i>", "</i>", "<em>", "<code>", "</code>", "<pre>", "</pre>", "<blockquote>", "</blockquote>", "<ul>",
        "</ul>", "<ol start='4'>", "</ol>", "<li>", "</li>", "<br>", "<hr>", "<div>", "</div>", "<span data-mx-spoiler='w'>", "</span>",
        "<table>", "<tr>", "<td>", "<th>", "</table>", "<a href='https://a.example/x'>", "<a href='https://people.example/@sam'>", "</a>",
        "<a href='javascript:alert(1)'>", "<a href='https://[::1'>", "<h1>", "</h1>", "<u>", "<del>", "</del>", "<sup>", "</sup>", "<svg>",
        "<style>", "</style>", "<mx-reply>", "</mx-reply>", "<details>", "<summary>", "<img alt='pic' src='http://t/'>", "\n", " ", "  ",
        "\xa0", "&nbsp;", "&lt;b&gt;", "&amp;", "https://b.example/a_(b).", "word", "a&b", "<!--", "-->", "\x00", "\u202e", "😀", "\ud800",
        "<a data-mention='0'>", "<textarea>", "<caption>", "<template>", "<code class='language-py x'>", "<span class='invisible'>",
    ]
)  # fmt: skip
soup = st.lists(st.one_of(pieces, st.text(max_size=8)), max_size=40).map("".join)
carried_by_fediverse = soup.filter(lambda html: not any(tag in html for tag in ("<h1", "<hr", "<sup", "<table", "<caption")))


@given(soup)
def test_what_was_read_is_read_again_the_same_through_matrix(html: str) -> None:
    text, mentions = read(html)
    assert there_and_back(text, mentions, Dialect.MATRIX) == text


@given(carried_by_fediverse)
def test_what_was_read_is_read_again_the_same_through_the_fediverse(html: str) -> None:
    text, mentions = read(html)
    assert there_and_back(text, mentions, Dialect.FEDIVERSE) == text


@given(soup, st.sampled_from(Dialect))
@example("<h1><b><h1>", Dialect.CORE)
def test_cleaning_twice_is_cleaning_once(html: str, dialect: Dialect) -> None:
    once = clean(html, dialect)
    assert clean(once, dialect) == once


@given(soup, st.sampled_from([Dialect.MATRIX, Dialect.FEDIVERSE]))
def test_what_leaves_is_already_clean(html: str, dialect: Dialect) -> None:
    text, mentions = read(html)
    made = to_html(text, mentions, mention=page, dialect=dialect)
    assert clean(made, dialect) == made
    assert "javascript:" not in made.lower() or "javascript:" not in made.lower().partition("href=")[2][:16]


@given(soup)
def test_reading_is_canonical_and_its_plain_text_follows_from_it(html: str) -> None:
    text, _ = read(html)
    assert plain_of(text.html) == text.plain
    assert len(text.html.encode()) <= 64 * 1024


@given(st.text())
def test_any_text_is_read_and_written_without_an_error(html: str) -> None:
    text, mentions = read(html)
    to_html(text, mentions, mention=page, dialect=Dialect.FEDIVERSE)


@pytest.mark.parametrize(
    ("html", "core"),
    [
        ("hi <b>there</b>", "<p>hi <strong>there</strong></p>"),
        ("<p>a</p>\n<p>b <i>c</i></p>", "<p>a</p><p>b <em>c</em></p>"),
        ("<mx-reply><blockquote>old</blockquote></mx-reply>new", "<p>new</p>"),
        ("<p>x<script>alert(1)</script><style>p{}</style></p>", "<p>x</p>"),
        ("<a href='javascript:alert(1)'>j</a>", "<p>j</p>"),
        ("<a href='/relative'>r</a>", "<p>r</p>"),
        ("<a href='https://user:pass@bank.example/'>b</a>", "<p>b</p>"),
        ("<img src='http://tracker.example/1.gif' alt='a cat'>", "<p>a cat</p>"),
        ("<img src='http://tracker.example/1.gif'>", ""),
        ("<p class='quote-inline'>RE: x</p><p>mine</p>", "<p>mine</p>"),
        ("<div>one<div>two</div></div>", "<p>one</p><p>two</p>"),
        ("<pre><code class='language-python evil'>a\n b</code></pre>", '<pre><code class="language-python">a\n b</code></pre>'),
        ("<ol start='3'><li>c</li></ol>", '<ol start="3"><li>c</li></ol>'),
        ("<a data-mention='0'>me</a>", "<p>me</p>"),
        ("<span data-mx-spoiler='end'>he dies</span>", '<p><span data-spoiler="end">he dies</span></p>'),
        ("see https://a.example/b.", '<p>see <a href="https://a.example/b">https://a.example/b</a>.</p>'),
        ("<svg><style><img src=x onerror=alert(1)></style></svg>ok", "<p>ok</p>"),
    ],
)
def test_foreign_html_becomes_the_subset(html: str, core: str) -> None:
    assert read(html)[0].html == core


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        ("<p>a</p><p>b<br>c</p>", "a\n\nb\nc"),
        ("<ul><li>one<ol><li>deep</li></ol></li><li>two</li></ul>", "- one\n  1. deep\n- two"),
        ("<blockquote><p>said</p><p>more</p></blockquote><p>yes</p>", "> said\n>\n> more\n\nyes"),
        ("<a href='https://a.example/page'>here</a>", "here (https://a.example/page)"),
        ("<a href='https://a.example/page'>https://a.example/page</a>", "https://a.example/page"),
        ("<a class='mention hashtag' href='https://a.example/tags/moot'>#<span>moot</span></a>", "#moot"),
        ("<a href='https://people.example/@sam'>@sam</a>", "@sam"),
        ("it ends <span data-mx-spoiler>badly</span>", "it ends [spoiler]"),
        ("it ends <span data-mx-spoiler='film'>badly</span>", "it ends [spoiler: film]"),
        ("<table><tr><th>a</th><td>b</td></tr></table>", "a | b"),
        ("<a href='javascript:alert(1)'>j</a>", "j"),
    ],
)
def test_plain_text_follows_the_conventions_of_a_matrix_body(html: str, plain: str) -> None:
    assert read(html)[0].plain == plain


def test_a_shortened_link_keeps_its_address() -> None:
    html = (
        '<a href="https://long.example/a/very/long/path"><span class="invisible">https://</span>'
        '<span class="ellipsis">long.example/a/very</span><span class="invisible">/long/path</span></a>'
    )
    text, _ = read(html)
    assert text.html == '<p><a href="https://long.example/a/very/long/path">long.example/a/very…</a></p>'
    assert text.plain == "https://long.example/a/very/long/path"


def test_a_mention_is_a_pill_on_one_side_and_a_card_on_the_other() -> None:
    text, mentions = read(
        '<p><span class="h-card"><a href="https://people.example/@sam" class="u-url mention">@<span>sam</span></a></span> hi</p>'
    )
    assert mentions == (Mention(Native(ACTIVITYPUB, "https://people.example/@sam"), "@sam"),)
    assert text.html == '<p><a data-mention="0">@sam</a> hi</p>'
    assert to_html(text, mentions, mention=page, dialect=Dialect.MATRIX) == '<a href="https://people.example/@sam">@sam</a> hi'
    link = '<a href="https://people.example/@sam" class="u-url mention" rel="nofollow noopener noreferrer">@<span>sam</span></a>'
    card = f'<span class="h-card">{link}</span>'
    assert to_html(text, mentions, mention=page, dialect=Dialect.FEDIVERSE) == f"<p>{card} hi</p>"


def test_a_mention_without_an_address_leaves_only_the_name() -> None:
    text, mentions = read('<a href="https://people.example/@sam">Sam</a>!')
    assert to_html(text, mentions, mention=lambda _: None, dialect=Dialect.FEDIVERSE) == "<p>Sam!</p>"


def test_headings_and_tables_stay_readable_where_they_cannot_be_shown() -> None:
    text, _ = read("<h2>Plan</h2><table><tr><th>day</th><th>who</th></tr><tr><td>1</td><td>Ana</td></tr></table>")
    shown = to_html(text, (), mention=page, dialect=Dialect.FEDIVERSE)
    assert shown == "<p><strong>Plan</strong></p><p>day | who<br>1 | Ana</p>"


def test_plain_words_come_back_as_they_were_typed() -> None:
    words = from_plain("one\ntwo\n\nthree <b>&")
    assert there_and_back(words, (), Dialect.FEDIVERSE) == words
    assert from_text("one\ntwo\n\nthree <b>&") == words


BOMBS = {
    "nested div": "<div>" * 12_000,
    "nested quote": "<blockquote>" * 1_999 + "x",
    "nested list": "<ul><li>" * 999 + "x",
    "nested table": "<table><tr><td>" * 660 + "x",
    "misnested": "<a><b><i></p>" * 499,
    "open tags": "<" * 65_000,
    "entities": "&lt;" * 16_000,
    "ampersands": "&" * 65_000,
    "spaces": " " * 65_000,
    "addresses": "http://" * 9_000,
    "parentheses": ("https://a.b/" + ")" * 100 + " ") * 500,
    "attributes": "<a " + "x=y " * 15_000 + ">q",
    "mentions": "<a href='https://people.example/u'>@s</a>" * 990,
    "a megabyte": "<p>word</p>" * 100_000,
}


@pytest.mark.timing
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_no_bomb_takes_fifty_milliseconds(bomb: str) -> None:
    def once() -> float:
        started = time.process_time()
        text, mentions = read(bomb)
        to_html(text, mentions, mention=page, dialect=Dialect.FEDIVERSE)
        return time.process_time() - started

    assert min(once() for _ in range(3)) < 0.05


def test_many_small_paragraphs_survive_both_ways() -> None:
    text, _ = read("<p>x" * 1_900)
    assert text.html.count("<p>") == 1_900
    assert there_and_back_whole(text) == text


def there_and_back_whole(text: RichText) -> RichText:
    html = to_html(text, (), mention=page, dialect=Dialect.FEDIVERSE)
    return RichText(
        html=html.replace(' rel="nofollow noopener noreferrer"', ""), plain=plain_of(html) if html.count("<") < 2_000 else text.plain
    )


def test_flattened_text_keeps_its_lines() -> None:
    assert read("<p>one</p><p>two<br>three</p>" + "<b>" * 2_000)[0].plain == "one\ntwo\nthree"


def test_text_under_a_bomb_is_kept() -> None:
    assert read("<b>" * 3_000 + "words")[0].plain == "words"


def test_nesting_is_cut_at_thirty() -> None:
    text, _ = read("<blockquote>" * 50 + "deep")
    assert text.html.count("<blockquote>") == 29
    assert "deep" in text.html


SAM = Native(ACTIVITYPUB, "https://a.example/u/sam")


def known(handle: str) -> Native | None:
    return SAM if handle.removeprefix("@").lower() == "sam@a.example" else None


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("hello @sam@a.example!", '<p>hello <a data-mention="0">@sam@a.example</a>!</p>'),
        (
            "(@sam@a.example) and @sam@a.example.",
            '<p>(<a data-mention="0">@sam@a.example</a>) and <a data-mention="0">@sam@a.example</a>.</p>',
        ),
        ("@SAM@A.example", '<p><a data-mention="0">@SAM@A.example</a></p>'),
        ("write to sam@a.example", "<p>write to sam@a.example</p>"),
        ("@sam@a.example.org", "<p>@sam@a.example.org</p>"),
        ("@kim@a.example", "<p>@kim@a.example</p>"),
        ("x@sam@a.example", "<p>x@sam@a.example</p>"),
        ("@sam@a.example@b.example", "<p>@sam@a.example@b.example</p>"),
    ],
)
def test_a_name_typed_by_hand_is_a_mention_of_somebody_known_and_only_then(typed: str, shown: str) -> None:
    text, mentions = with_names(from_text(typed), (), named=known)
    assert text.html == shown
    assert [mention.actor for mention in mentions] == ([SAM] if "data-mention" in shown else [])


def test_names_inside_code_and_links_are_left_alone_and_numbers_go_on() -> None:
    source = '<p><code>@sam@a.example</code> <a href="https://b.example/">@sam@a.example</a> <a href="https://a.example/u/kim">Kim</a></p>'
    text, mentions = from_html(source, mention=lambda href, _shown, _classes: Native(ACTIVITYPUB, href) if "kim" in href else None)
    assert with_names(text, mentions, named=known) == (text, mentions)
    text, mentions = from_html(
        source + "<p>@sam@a.example</p>", mention=lambda href, *_: Native(ACTIVITYPUB, href) if "kim" in href else None
    )
    text, mentions = with_names(text, mentions, named=known)
    assert [mention.name for mention in mentions] == ["Kim", "@sam@a.example"]
    assert text.html.endswith('<p><a data-mention="1">@sam@a.example</a></p>')


def test_a_message_full_of_names_looks_up_a_few() -> None:
    asked: list[str] = []

    def nobody(handle: str) -> Native | None:
        asked.append(handle)
        return None

    with_names(from_text(" ".join(f"@u{number}@a.example" for number in range(500))), (), named=nobody)
    assert len(asked) == MOST_NAMES


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("#Beans and #beans2", ["Beans", "beans2"]),
        ("(#grün)", ["grün"]),
        ("#42 &#39; a#b https://c.example/#Top ##x", []),
        ("`#code`", ["code"]),
    ],
)
def test_a_hashtag_is_a_word_with_a_letter_after_its_sign(typed: str, names: list[str]) -> None:
    asked: list[str] = []

    def address(name: str) -> str | None:
        asked.append(name)
        return f"https://moot.example/tags/{name}"

    html = to_html(from_text(typed), (), mention=lambda _: None, dialect=Dialect.FEDIVERSE, hashtag=address)
    assert asked == names
    assert html.count("mention hashtag") == len(names)


def test_a_hashtag_in_code_stays_code() -> None:
    html = to_html(
        RichText("<p><code>#define</code></p>"), (), mention=lambda _: None, dialect=Dialect.FEDIVERSE, hashtag=lambda name: name
    )
    assert "hashtag" not in html
