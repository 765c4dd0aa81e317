"""S27, six hours down: what was taken back meanwhile never appears, a first contact waits from now on, and old words ask before they cross.

Of the scenario, what needs the norms there are. That late events count for no volume is in tests/bridge/norms/test_counters.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bridge.model.actor import Actor
from bridge.model.content import Message
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Protocol
from tests.bridge.relay.house import House
from tests.bridge.relay.test_knocks import wait_out

DOWN = 6 * 3600
AUTHORS = 60
POSTS = 240
MEMBERS_POSTS = 100
TAKEN_BACK = range(0, 120, 10)


async def on_the_way(home: House, protocol: Protocol) -> set[str]:
    """Words of people that are on their way there."""
    contents = [item.event.content for _, item in await home.out() if item.place.protocol == protocol]
    return {one.text.plain for one in contents if isinstance(one, Message)} - {"hello, I am new here"}


async def test_s27(home: House) -> None:
    reader = await home.stranger("reader", "r.example")
    await home.follow(reader)
    authors = [await home.known(await home.stranger(f"p{number}", f"s{number % 7}.example")) for number in range(AUTHORS)]
    await wait_out(home)
    backlog: list[tuple[Actor, dict[str, Any]]] = []  # what other servers keep until the node is there again

    await home.loopback.stop()
    bo = home.person("bo")
    said = []
    for number in range(POSTS):
        home.clock.forward(DOWN / POSTS)
        author = authors[number % AUTHORS]
        backlog.append((author, await home.create(author, f"Late words {number}.")))
        if number < MEMBERS_POSTS:
            said.append(await bo.say("hall", f"bo says {number}"))
    stranger = await home.stranger("fay", "new.example")
    backlog.append((stranger, await home.create(stranger, "May I come in?")))
    for number in TAKEN_BACK:
        author, created = backlog[number]
        backlog.append((author, {"type": "Delete", "object": {"id": created["object"]["id"], "type": "Tombstone"}}))
        if number < MEMBERS_POSTS:
            await bo.take_back(said[number])
    home.clock.forward(3600)

    await home.loopback.start()
    for who, activity in backlog:
        await home.accept(who, activity)
    await home.settle()
    await wait_out(home)
    await wait_out(home)

    gone = {f"Late words {number}." for number in TAKEN_BACK}
    assert await on_the_way(home, LOOPBACK) == {f"Late words {number}." for number in range(POSTS)} - gone
    said_by_bo = {f"bo says {number}" for number in range(MEMBERS_POSTS)}
    members = said_by_bo - {f"bo says {number}" for number in TAKEN_BACK}
    assert await on_the_way(home, ACTIVITYPUB) & said_by_bo == members, "six hours are not late enough to ask"

    # Who arrives for the first time waits from now on, and not from when they wrote.
    (hold,) = await home.holds()
    assert hold.author == stranger.native
    assert home.clock.now() - hold.since < timedelta(minutes=5)
    assert hold.due_at - hold.since >= timedelta(hours=12)


async def test_s27_words_of_before_the_weekend_ask_their_author_and_cross_with_the_megaphone(home: House) -> None:
    await home.follow(await home.stranger("reader", "r.example"))
    await home.loopback.stop()
    bo = home.person("bo")
    first = await bo.say("hall", "bo says this")
    await bo.say("hall", "bo says that")
    taken = await bo.say("hall", "bo says too much")
    await bo.take_back(taken)
    home.clock.forward(50 * 3600)
    await bo.say("hall", "bo says it now")

    await home.loopback.start()
    await home.settle()
    await wait_out(home)
    assert await on_the_way(home, ACTIVITYPUB) == {"bo says it now"}
    assert [hold.kind for hold in await home.holds()] == ["ask", "ask"]
    assert [text for text in await home.told("bo") if "May this still cross?" in text]

    await bo.tell_bot("cross this", about=first)
    await wait_out(home)
    assert await on_the_way(home, ACTIVITYPUB) == {"bo says it now", "bo says this"}

    home.clock.forward(25 * 3600)
    await home.settle()
    assert await on_the_way(home, ACTIVITYPUB) == {"bo says it now", "bo says this"}, "no answer is no"
    assert await home.holds() == []
