"""A thread has one root, in whatever order its messages are read and judged."""

from __future__ import annotations

from bridge.model.content import Message
from bridge.model.ids import ACTIVITYPUB, Native, ObjectId
from tests.bridge.relay.house import House
from tests.bridge.relay.test_order import Fediverse


async def root_of(house: House, post: str) -> ObjectId | None:
    """The root that is on record, which is the one that everything sent of it names."""
    known = await house.store.objects.find(Native(ACTIVITYPUB, post))
    assert known is not None
    current = await house.store.objects.current(known.id)
    assert current is not None
    assert isinstance(current.content, Message)
    assert current.content.thread == known.thread
    return known.thread


async def test_an_answer_that_is_read_before_what_it_answers_was_judged_is_in_its_thread(house: House) -> None:
    """Synapse 1.163 refuses for good what begins a thread at something that is in a thread."""
    there = await Fediverse(house).open()
    posts = [there.note("who has a ladder?")]
    for words in ("I do", "I could bring it"):
        posts.append(there.note(words, there.kim if words == "I do" else there.sam, inReplyTo=posts[-1]["id"]))
    for post in posts:
        there.elsewhere.documents[post["id"]] = post
        await there.send("Create", post, there.kim if post["attributedTo"] == there.kim.native.id else there.sam)
        await there.read()
    await there.turn()
    first = await house.store.objects.find(Native(ACTIVITYPUB, posts[0]["id"]))
    assert first is not None
    assert [await root_of(house, post["id"]) for post in posts] == [None, first.id, first.id]
