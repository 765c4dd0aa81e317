"""Whatever people say, servers answer and processes suffer, in any order: in the end every server has heard what it was owed, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from bridge.changes import WakeHost
from bridge.logs import configure
from bridge.model.content import Message
from bridge.model.event import Event
from bridge.model.ids import ObjectId
from bridge.model.item import Dead, Destination, Item, Retry, Scope, Skipped, Snooze
from bridge.model.richtext import from_plain
from storage import open_memory
from tests.bridge.relay.street import GROUP, Letters, Street, Sundial
from tests.conformance.samples import edit, event, item, server

T = TypeVar("T")

NAMES = ("near", "far", "also")
ANSWERS = ("busy", "silent", "later", "snooze", "refused", "our fault", "lost", "elsewhere")


class Life(RuleBasedStateMachine):
    said = Bundle("said")

    def __init__(self) -> None:
        super().__init__()
        configure("error", form="json", strict=True)
        self.loop = asyncio.new_event_loop()
        self.clock = Sundial()
        self.street = Street(open_memory(clock=self.clock), self.clock, Letters(names=True))
        self.owed: list[Item] = []
        self.back: dict[str, str] = {}
        """Event → the retraction that took it, or what it was a form of, back."""
        self.skipped: dict[str, set[str]] = {name: set() for name in NAMES}
        self.run(self.street.hear(*NAMES))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def write(self, of: Event, thread: str) -> None:
        sent = msgspec.structs.replace(item(of), thread=thread)
        self.owed.append(sent)
        self.run(self.street.write(sent))

    @initialize(target=said)
    def begin(self) -> object:
        return multiple()

    @rule(target=said)
    def say(self) -> Event:
        root = event(f"said{len(self.owed)}")
        self.write(root, root.id)
        return root

    @rule(target=said, to=said)
    def answer(self, to: Event) -> Event:
        content = to.content
        root = content.thread if isinstance(content, Message) and content.thread is not None else ObjectId(to.id)
        words = Message(from_plain("yes"), reply_to=ObjectId(to.id), thread=root)
        said = event(f"answer{len(self.owed)}", words)
        self.write(said, root)
        return said

    @rule(of=said)
    def mend(self, of: Event) -> None:
        content = of.content
        thread = content.thread if isinstance(content, Message) and content.thread is not None else of.id
        changed = edit(f"change{len(self.owed)}", of, "other words")
        self.write(changed, thread)
        if of.id in self.back:
            self.back[changed.id] = self.back[of.id]

    @rule(of=said)
    def take_back(self, of: Event) -> None:
        if of.id in self.back:
            return
        sorry = self.run(self.street.take_back(of, f"sorry for {of.id}"))
        for sent in self.owed:
            if of.id in (sent.event_id, sent.object):
                self.back[sent.event_id] = sorry.id

    @rule(name=st.sampled_from(NAMES), answer=st.sampled_from(ANSWERS), times=st.integers(1, 4))
    def trouble(self, name: str, answer: str, times: int) -> None:
        where = server(name)

        async def lose(sent: Item, _: Destination) -> Retry:
            self.street.letters.take(where.address, sent)
            return Retry("the answer was lost", scope=Scope.HOST)

        async def pass_over(sent: Item, _: Destination) -> Skipped:
            self.skipped[name].add(sent.event_id)
            return Skipped("they hear it elsewhere")

        answers: dict[str, Any] = {
            "busy": Retry("503"),
            "silent": Retry("no answer", scope=Scope.HOST),
            "later": Retry("429", after=1_000.0),
            "snooze": Snooze(20.0, "not yet"),
            "refused": Dead("403"),
            "our fault": ZeroDivisionError("our own fault"),
            "lost": lose,
            "elsewhere": pass_over,
        }
        self.street.letters.answers[where.address].extend([answers[answer]] * times)

    @rule()
    def work(self) -> None:
        self.run(self.street.courier.step())

    @rule(seconds=st.integers(1, 10_000))
    def wait(self, seconds: int) -> None:
        self.clock.forward(seconds)

    @rule()
    def restart(self) -> None:
        self.street.another_courier()

    @rule(name=st.sampled_from(NAMES))
    def hear_from(self, name: str) -> None:
        self.run(self.street.store.journal.commit([WakeHost(f"{name}.example")]))

    @invariant()
    def what_is_taken_back_never_comes_after_that(self) -> None:
        for name in NAMES:
            taken = self.street.taken(name)
            assert len(taken) == len(set(taken))
            for said, sorry in self.back.items():
                assert said not in taken or sorry not in taken or taken.index(said) < taken.index(sorry), name

    def teardown(self) -> None:
        try:
            self.end()
        finally:
            self.run(self.street.store.close())
            self.loop.close()

    def end(self) -> None:
        self.street.letters.answers.clear()
        self.run(self.street.until(days=2))
        assert self.run(self.street.store.deliveries.lanes(self.clock.now(), 10)) == ()
        dead = {(each.event_id, each.destination) for each in self.run(self.street.store.deliveries.dead_letters(1_000))}
        for name in NAMES:
            taken = self.street.taken(name)
            # What was refused or passed over once can be asked for again after a restart, and may then be taken.
            refused = self.skipped[name] | {event_id for event_id, where in dead if where == server(name)}
            for sent in self.owed:
                assert sent.event_id in taken or sent.event_id in refused or sent.event_id in self.back, name
            for sorry in self.back.values():
                assert sorry in taken or sorry in refused, name
            for thread in {sent.thread for sent in self.owed}:
                owed = [sent.event_id for sent in self.owed if sent.thread == thread and sent.event_id in taken]
                heard = [each for each in taken if each in owed]
                assert [each for each in heard if each not in refused] == [each for each in owed if each not in refused], name
        for sent in self.owed:
            named = isinstance(sent.event.content, Message) and all(sent.event_id in self.street.taken(name) for name in NAMES)
            if named and sent.event_id not in self.back:
                assert self.run(self.street.store.objects.copy(ObjectId(sent.event_id), GROUP)) == f"${sent.id}"


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=50, stateful_step_count=40)
