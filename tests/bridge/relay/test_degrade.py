"""What a place cannot carry is said in its words; what a person did not agree to is not said at all."""

from __future__ import annotations

import msgspec

from bridge.model.audience import Audience
from bridge.model.capability import Capabilities
from bridge.model.content import Edit, Message
from bridge.model.content.message import Attachment, Mention
from bridge.model.ids import MATRIX, Native, ObjectId
from bridge.model.richtext import RichText, from_plain
from bridge.norms.consent import UNLINK
from bridge.relay.degrade import degrade, transformed
from tests.bridge.norms.town import BO, event

ELI = Native(MATRIX, "@eli:hs.example")
WEB = Capabilities(carries={}, audiences=frozenset(Audience), fetches=True)
PLAIN = Capabilities(carries={}, audiences=frozenset(Audience), attachments=False, max_text=400)


def said(html: str, plain: str, *mentions: Mention, title: str | None = None) -> Message:
    return Message(RichText(html, plain), mentions=mentions, title=title)


def test_who_did_not_agree_is_plain_text_and_the_others_keep_their_links() -> None:
    message = said(
        '<p><a data-mention="0">Eli</a> and <a data-mention="1">Bo</a></p>', "Eli and Bo", Mention(ELI, "Eli"), Mention(BO.native, "Bo")
    )
    shown = transformed(event(message), {UNLINK}, {ELI}).content
    assert isinstance(shown, Message)
    assert shown.text.html == '<p>Eli and <a data-mention="0">Bo</a></p>'
    assert shown.mentions == (Mention(BO.native, "Bo"),)


def test_an_address_that_stands_for_a_name_is_not_told() -> None:
    message = said(
        '<p><a data-mention="0">@eli:hs.example</a> knows</p>',
        "@eli:hs.example knows",
        Mention(ELI, "@eli:hs.example"),
        title="For @eli:hs.example",
    )
    for content in (message, Edit(target=ObjectId("x"), message=message)):
        shown = transformed(event(content), {UNLINK}, {ELI})
        assert "eli" not in str(shown.content)
        assert "somebody knows" in str(shown.content)


def test_without_the_transform_nothing_changes() -> None:
    whole = event(said('<p><a data-mention="0">Eli</a></p>', "Eli", Mention(ELI, "Eli")))
    assert transformed(whole, frozenset(), {ELI}) is whole


def test_files_that_a_place_cannot_take_become_lines_with_their_address() -> None:
    picture = Attachment("https://media.example/1", "image/png", description="A bench")
    shown = degrade(Message(from_plain("look"), attachments=(picture,)), PLAIN, None)
    assert isinstance(shown, Message)
    assert shown.attachments == ()
    assert shown.text.plain == "look\nA bench (a picture): https://media.example/1"
    assert '<a href="https://media.example/1">A bench (a picture)</a>' in shown.text.html


def test_what_is_too_long_says_where_the_rest_is() -> None:
    shown = degrade(Message(from_plain("word " * 500)), PLAIN, "https://moot.example/o/1")
    assert isinstance(shown, Message)
    assert len(shown.text.html.encode()) <= 400
    assert "https://moot.example/o/1" in shown.text.plain


def test_a_file_is_shown_by_the_address_that_everybody_can_open() -> None:
    picture = Attachment("mxc://hs.example/1", "image/png", description="A bench")
    opened_ = msgspec.structs.replace(picture, url="https://media.example/media/x.png")
    shown = degrade(Message(from_plain("look"), attachments=(picture,)), WEB, None, {picture.url: opened_})
    assert isinstance(shown, Message)
    assert shown.attachments == (opened_,)
    assert shown.text.plain == "look"


def test_a_file_that_nobody_can_open_says_what_it_is_and_where() -> None:
    plan = Attachment("mxc://hs.example/2", "application/pdf", name="plan.pdf")
    for url, words in (
        ("https://matrix.to/#/x", "plan.pdf (a file; open it in the room)"),
        (None, "plan.pdf (a file; it stays in the room)"),
    ):
        for content in (
            Message(from_plain("look"), attachments=(plan,)),
            Edit(ObjectId("x"), Message(from_plain("look"), attachments=(plan,))),
        ):
            shown = degrade(content, WEB, url)
            message = shown if isinstance(shown, Message) else shown.message  # type: ignore[union-attr]
            assert message.attachments == ()
            assert words in message.text.plain
            assert ("href" in message.text.html) is (url is not None)
            assert "mxc:" not in message.text.html
