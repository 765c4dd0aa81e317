"""Pages say what was meant for everybody, work without scripts, and let nobody's words become anything but words."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import msgspec
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Message, Reaction
from bridge.model.content.message import Attachment, ContentNote, Location
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, OURS, ChannelId, CommunityId, EventId, Native, ObjectId
from bridge.model.line import Line
from bridge.model.place import Community
from bridge.model.richtext import RichText
from bridge.ports import Pages
from bridge.settings import Retention
from bridge.web.pages import SitePages

PAGES: Pages = SitePages("moot.example", contact="https://moot.example/people", retention=Retention(log_days=1, keys_days=45))
COMMONS = Community(CommunityId("commons"), "commons", "Common <Ground>", "<p>Neighbours who share <b>tools</b>.</p>")
GROUP = Ghost(
    Native(ACTIVITYPUB, "https://moot.example/c/commons"), Native(OURS, "commons"), "commons", ActorKind.GROUP, name="Common <Ground>"
)
ANA = Actor(
    Native(ACTIVITYPUB, "https://moot.example/u/ana"), "@ana@moot.example", "moot.example", name="Ana <i>", url="https://moot.example/@ana"
)
POST = Event(
    id=EventId("event"),
    community=CommunityId("commons"),
    channel=ChannelId("channel"),
    place=Native(ACTIVITYPUB, "https://moot.example/c/commons"),
    author=ANA,
    content=Message(RichText("<p>Hello <strong>all</strong></p>"), language="pt", title="The <lathe>"),
    audience=Audience.PUBLIC,
    at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    received_at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    provenance=Provenance(Native(ACTIVITYPUB, "https://moot.example/o/event")),
)
SAM = Actor(Native(ACTIVITYPUB, "https://a.example/u/sam"), "@sam@a.example", "a.example", name="Sam", url="https://a.example/@sam")
SAID = POST.content
assert isinstance(SAID, Message)
PICTURE = Attachment("https://media.moot.example/x.png", "image/png", description="A <red> lathe")
FILED = msgspec.structs.replace(SAID, attachments=(PICTURE, Attachment("https://media.moot.example/y.pdf", "application/pdf")))
LINES = [
    Line(ANA, "https://moot.example/o/event", POST.at, FILED),
    Line(SAM, "https://a.example/o/answer", POST.at),
    Line(ANA, "https://moot.example/o/2", POST.at, Message(RichText("<p>Spiders</p>", "Spiders"), note=ContentNote("Many legs"))),
]
ALL = {
    "thread": PAGES.thread(LINES, GROUP, address="https://moot.example/t/event", more=True),
    "way": PAGES.way(GROUP, url="https://a.example/follow?uri=x", server="a.example"),
    "no way": PAGES.way(GROUP, why="a.example does not answer."),
    "lively": PAGES.actor(
        GROUP, "<p>Neighbours.</p>", [msgspec.structs.replace(line, url="https://moot.example/t/event") for line in LINES]
    ),
    "landing": PAGES.landing([COMMONS]),
    "nobody": PAGES.landing([]),
    "actor": PAGES.actor(GROUP, "<p>Neighbours who share tools.</p>"),
    "post": PAGES.post(POST),
    "privacy": PAGES.privacy(),
    "contact": PAGES.contact([COMMONS]),
    "nobody to ask": SitePages("moot.example").contact([]),
}


def one(page: str, selector: str) -> LexborNode:
    found = LexborHTMLParser(page).css_first(selector)
    assert found is not None, selector
    return found


@pytest.mark.parametrize("name", ALL)
def test_a_page_works_without_scripts_and_asks_no_other_server(name: str) -> None:
    page = LexborHTMLParser(ALL[name])
    assert not page.css("script, img, iframe, [style], [onclick]")
    for link in page.css("link"):
        assert (link.attributes["rel"], link.attributes["type"]) == ("alternate", "application/activity+json")
        assert str(link.attributes["href"]).startswith("https://moot.example/")
    for form in page.css("form"):
        assert str(form.attributes["action"]).startswith("/")
    inside = [link for link in page.css("a") if link.attributes.get("rel") != "nofollow noreferrer"]
    assert all(str(link.attributes["href"]).startswith(("/", "https://moot.example/", "https://media.moot.example/")) for link in inside)


@pytest.mark.parametrize("name", ALL)
def test_whoever_cannot_see_a_field_hears_what_it_is_for(name: str) -> None:
    page = LexborHTMLParser(ALL[name])
    labels = {label.attributes["for"] for label in page.css("label")}
    for field in page.css("input:not([type=hidden])"):
        assert field.attributes["id"] in labels
        assert page.css_first(f"#{field.attributes['aria-describedby']}") is not None
    assert all(button.text().strip() for button in page.css("button"))


@pytest.mark.parametrize("name", ALL)
def test_a_page_can_be_walked_by_a_screen_reader(name: str) -> None:
    page = LexborHTMLParser(ALL[name])
    assert one(ALL[name], "html").attributes["lang"] == "en"
    assert [len(page.css(landmark)) for landmark in ("h1", "main", "header", "footer", "title")] == [1, 1, 1, 1, 1]
    assert one(ALL[name], "title").text().endswith("· moot.example")
    levels = [int(str(heading.tag)[1]) for heading in page.css("h1, h2, h3")]
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels)), "no level is left out on the way down"


@pytest.mark.parametrize("name", ALL)
def test_light_and_dark_can_be_read(name: str) -> None:
    """WCAG 1.4.3: 4.5 to 1 for text."""
    style = one(ALL[name], "style").text()
    for theme in style.split(":root {")[1:]:
        colours = dict(part.strip().split(": ") for part in theme.partition("}")[0].split(";") if part.strip().startswith("--"))
        for ink in ("--ink", "--faint", "--link"):
            assert _contrast(colours[ink], colours["--paper"]) >= 4.5, (ink, colours)


def _contrast(one: str, other: str) -> float:
    dark, light = sorted(_luminance(colour) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_names_are_words_and_never_markup() -> None:
    assert one(ALL["landing"], "h2").text() == "Common <Ground>"
    assert "Neighbours who share tools." in ALL["landing"]
    assert one(ALL["actor"], "h1").text() == "Common <Ground>"
    assert one(ALL["post"], "h1").text() == "Ana <i>"
    assert one(ALL["post"], "h2").text() == "The <lathe>"


def test_the_address_to_follow_is_there_to_copy() -> None:
    for name in ("landing", "actor"):
        assert one(ALL[name], "code").text() == "@commons@moot.example"


def test_a_post_says_who_when_and_in_which_language() -> None:
    assert one(ALL["post"], "article a").attributes["href"] == "https://moot.example/@ana"
    assert one(ALL["post"], "time").attributes["datetime"] == "2026-11-24T12:00:00+00:00"
    assert one(ALL["post"], "div[lang=pt] strong").text() == "all"


def test_a_conversation_shows_our_words_and_leads_to_those_of_others() -> None:
    page = LexborHTMLParser(ALL["thread"])
    assert one(ALL["thread"], "h1").text() == "The <lathe>"
    articles = page.css("ol.thread > li > article")
    assert [one(str(article.html), "h2").text() for article in articles] == ["Ana <i>", "Sam", "Ana <i>"]
    assert "Hello" in articles[0].text()
    assert one(str(articles[1].html), "article > p:last-child a").attributes["href"] == "https://a.example/o/answer"
    assert one(str(articles[2].html), "details summary").text() == "Many legs"
    assert "There is more" in ALL["thread"]


def test_files_are_named_by_what_they_show() -> None:
    files = [" ".join(file.text().split()) for file in LexborHTMLParser(ALL["thread"]).css("ul.files li")]
    assert files == ["Picture: A <red> lathe", "File (nobody described it)"]


def test_a_place_that_is_all_of_a_post_is_said() -> None:
    place = Message(RichText(), location=Location("The <old> mill", 51.5, 0.125))
    page = LexborHTMLParser(PAGES.post(msgspec.structs.replace(POST, content=place)))
    assert "📍 The <old> mill (51.5, 0.125)" in page.text()


def test_what_stands_behind_a_warning_is_in_no_list() -> None:
    listed = [link.text() for link in LexborHTMLParser(ALL["lively"]).css("main ul a")]
    assert listed == ["The <lathe>", "A conversation begun by Sam", "Many legs"]
    assert "Spiders" not in ALL["lively"]


def test_the_way_to_ones_own_server_is_said_before_it_is_gone() -> None:
    link = one(ALL["way"], "main a[rel]")
    assert (link.text(), link.attributes["href"]) == ("Go on at a.example", "https://a.example/follow?uri=x")
    assert "a.example does not answer." in ALL["no way"]
    assert one(ALL["no way"], "code").text() == "@commons@moot.example"


def test_what_an_author_hides_stays_hidden_until_it_is_opened() -> None:
    hidden = PAGES.post(msgspec.structs.replace(POST, content=Message(RichText("<p>Spiders</p>"), note=ContentNote("Many legs"))))
    assert one(hidden, "details summary").text() == "Many legs"
    assert one(hidden, "details p").text() == "Spiders"
    assert "open" not in one(hidden, "details").attributes


def test_a_page_shows_words_only() -> None:
    with pytest.raises(TypeError, match="not a Reaction"):
        PAGES.post(msgspec.structs.replace(POST, content=Reaction(ObjectId("x"), "👍")))


@pytest.mark.parametrize("name", ALL)
def test_what_is_kept_and_whom_to_ask_is_one_step_away(name: str) -> None:
    assert [link.attributes["href"] for link in LexborHTMLParser(ALL[name]).css("footer a")] == ["/privacy", "/contact"]


def test_the_privacy_page_says_the_days_that_the_operator_chose() -> None:
    kept = {one_row.css_first("th").text(): one_row.css_first("td").text() for one_row in LexborHTMLParser(ALL["privacy"]).css("tbody tr")}  # type: ignore[union-attr]

    assert kept["What arrived and what became of it"] == "one day"
    assert kept["Identifiers that tell a repeat from something new"] == "45 days"
    assert kept["What was decided and why, without words"] == "90 days"
    for way in ("!cross off", "!forget this", "!forget me", "!export", "!look", "#nobridge"):
        assert way in [code.text() for code in LexborHTMLParser(ALL["privacy"]).css("code")]


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("ana@moot.example", "mailto:ana@moot.example"),
        ("mailto:ana@moot.example", "mailto:ana@moot.example"),
        ("https://moot.example/people", "https://moot.example/people"),
        ("javascript:alert(1)", None),
        ("the desk by the door", None),
        ("ana@moot.example?body=<b>", None),
    ],
)
def test_a_contact_leads_where_a_browser_may_go_and_nowhere_else(contact: str, link: str | None) -> None:
    page = LexborHTMLParser(SitePages("moot.example", contact=contact).contact([]))

    found = page.css_first("main p a")

    assert (found.attributes["href"] if found is not None and found.attributes["href"] != "/privacy" else None) == link
    assert contact.removeprefix("mailto:") in one(SitePages("moot.example", contact=contact).contact([]), "main").text()
    assert not page.css("b")


def test_nobody_to_ask_is_said_and_not_hidden() -> None:
    assert "have not said yet how they can be reached" in ALL["nobody to ask"]
