"""A fediverse server of Fedify's on loopback: its people act through typed calls, and it shows what Fedify read, never what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from tests.live.programs import Json, Program

CAVAGE = "draft-cavage-http-signatures-12"
RFC9421 = "rfc9421"

Shown = dict[str, Any]
"""A post or actor as Fedify reads it, or an activity that arrived; `tests/programs/fedify-reading.mjs` names the keys."""


class FedifyServer(Program):
    """`async with await FedifyServer.open("sam", "kim") as server`. All its commands are in `tests/programs/fedify.mjs`; see `ask`."""

    @classmethod
    async def open(cls, *people: str, port: int = 0, secure: bool = False, first_knock: str = RFC9421, only: str = "") -> Self:
        """Starts a server with these people; `secure` refuses unsigned fetches, `first_knock` is the signature it tries first, `only` the
        one it takes."""
        flags = ["--port", str(port), "--first-knock", first_knock, *(["--secure"] if secure else []), *(["--only", only] if only else [])]
        return await cls.start("fedify.mjs", *flags, *people)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    @property
    def origin(self) -> str:
        """Its address, as `http://127.0.0.1:40123`."""
        return str(self.ready["origin"])

    @property
    def host(self) -> str:
        return self.origin.removeprefix("http://")

    def person(self, name: str) -> str:
        """The actor id of one of its people."""
        return str(self.ready["people"][name])

    def handle(self, name: str) -> str:
        """As people write it: `@sam@127.0.0.1:40123`."""
        return f"@{name}@{self.host}"

    async def act(self, do: str, name: str, /, **fields: Json) -> Any:
        """Runs a command in the name of one of its people."""
        whole: dict[str, Json] = {"as": name, **fields}
        return await self.ask(do, **whole)

    async def follow(self, name: str, actor: str) -> str:
        """Follows an actor, given by URL or handle, and waits until that was accepted; returns the id of the Follow."""
        follow = str(await self.act("follow", name, actor=actor))
        found = await self.lookup(actor, name=name)
        await self.act("until_following", name, actor=found["id"])
        return follow

    async def unfollow(self, name: str, actor: str, follow: str) -> str:
        return str(await self.act("unfollow", name, actor=actor, follow=follow))

    async def post(
        self,
        name: str,
        content: str,
        *,
        audience: str = "public",
        mentions: Sequence[str] = (),
        group: str | None = None,
        reply: str | None = None,
        **more: Json,
    ) -> str:
        """Posts HTML and returns the post's id. `audience` is public, unlisted, followers or direct; `more`: warning, language, later."""
        fields = {"audience": audience, "mentions": list(mentions), "group": group, "reply": reply, **more}
        made = await self.act("post", name, content=content, **{key: value for key, value in fields.items() if value is not None})
        return str(made["post"])

    async def edit(self, name: str, post: str, content: str, **more: Json) -> str:
        return str(await self.act("edit", name, post=post, content=content, **more))

    async def delete(self, name: str, post: str, **more: Json) -> str:
        return str(await self.act("delete", name, post=post, **more))

    async def like(self, name: str, post: str, **more: Json) -> str:
        return str(await self.act("like", name, post=post, **more))

    async def react(self, name: str, post: str, key: str, **more: Json) -> str:
        return str(await self.act("react", name, post=post, key=key, **more))

    async def announce(self, name: str, post: str, **more: Json) -> str:
        return str(await self.act("announce", name, post=post, **more))

    async def undo(self, name: str, activity: str, **more: Json) -> str:
        """Takes back a Like, EmojiReact or Announce by its id."""
        return str(await self.act("undo", name, activity=activity, **more))

    async def lookup(self, what: str, *, name: str | None = None) -> Shown:
        """What Fedify reads at a URL or handle, the document itself under `raw`. Raises AssertionError when it reads nothing there."""
        found = await (self.ask("lookup", what=what) if name is None else self.act("lookup", name, what=what))
        assert found is not None, f"Fedify reads nothing at {what}\n{self.words()}"
        return dict(found)

    async def received(self, count: int = 1, *, seconds: float = 20, **wanted: Json) -> list[Shown]:
        """What arrived with a good signature, once there are so many that match: type, actor, object, activity, inner, by, contains, after."""
        return list(await self.ask("until_received", count=count, seconds=seconds, **wanted))

    async def so_far(self, **wanted: Json) -> list[Shown]:
        """The same, without waiting."""
        return list(await self.ask("received", **wanted))

    async def shown(self, *, seconds: float = 20, **wanted: Json) -> Shown:
        """The first post a client here shows so: post, contains, author, reply, edited, deleted, like, no_like, reaction, no_reaction, boost."""
        return dict(await self.ask("until_post", seconds=seconds, **wanted))

    async def followers(self, name: str) -> list[str]:
        return list(await self.act("followers", name))

    async def send_raw(self, name: str, inbox: str, activity: Json, *, scheme: str = CAVAGE, signed: bool = True) -> tuple[int, str]:
        """Posts any JSON to an inbox, signed by one of its people; returns the status and the body of the answer."""
        answer = await self.act("raw", name, inbox=inbox, activity=activity, scheme=scheme, signed=signed)
        return int(answer["status"]), str(answer["body"])
