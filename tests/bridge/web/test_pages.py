"""Pages say what was meant for everybody, work without scripts, and let nobody's words become anything but words."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Message, Reaction
from bridge.model.content.message import ContentNote
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, OURS, ChannelId, CommunityId, EventId, Native, ObjectId
from bridge.model.place import Community
from bridge.model.richtext import RichText
from bridge.ports import Pages
from bridge.web.pages import SitePages

PAGES: Pages = SitePages("moot.example")
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
ALL = {
    "landing": PAGES.landing([COMMONS]),
    "nobody": PAGES.landing([]),
    "actor": PAGES.actor(GROUP, "<p>Neighbours who share tools.</p>"),
    "post": PAGES.post(POST),
}


def one(page: str, selector: str) -> LexborNode:
    found = LexborHTMLParser(page).css_first(selector)
    assert found is not None, selector
    return found


@pytest.mark.parametrize("name", ALL)
def test_a_page_works_without_scripts_and_asks_no_other_server(name: str) -> None:
    page = LexborHTMLParser(ALL[name])
    assert not page.css("script, img, link, iframe, form, [style], [onclick]")
    assert all(str(link.attributes["href"]).startswith(("/", "https://moot.example/")) for link in page.css("a"))


@pytest.mark.parametrize("name", ALL)
def test_a_page_can_be_walked_by_a_screen_reader(name: str) -> None:
    page = LexborHTMLParser(ALL[name])
    assert one(ALL[name], "html").attributes["lang"] == "en"
    assert [len(page.css(landmark)) for landmark in ("h1", "main", "header", "footer", "title")] == [1, 1, 1, 1, 1]
    assert one(ALL[name], "title").text().endswith("· moot.example")
    levels = [int(str(heading.tag)[1]) for heading in page.css("h1, h2, h3")]
    assert levels == sorted(levels)


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


def test_what_an_author_hides_stays_hidden_until_it_is_opened() -> None:
    hidden = PAGES.post(msgspec.structs.replace(POST, content=Message(RichText("<p>Spiders</p>"), note=ContentNote("Many legs"))))
    assert one(hidden, "details summary").text() == "Many legs"
    assert one(hidden, "details p").text() == "Spiders"
    assert "open" not in one(hidden, "details").attributes


def test_a_page_shows_words_only() -> None:
    with pytest.raises(TypeError, match="not a Reaction"):
        PAGES.post(msgspec.structs.replace(POST, content=Reaction(ObjectId("x"), "👍")))
