"""A server that believes one form of signature alone hears us all the same, and is asked in that form from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bridge.errors import Unverified
from bridge.net.client import Answer
from protocols.activitypub.ids import instance_url, native
from protocols.activitypub.keys import PublicKey, Signer, load_public_key
from protocols.activitypub.knocking import MOST_ORIGINS, Knocking
from protocols.activitypub.request import Request
from protocols.activitypub.rfc9421 import Asked, read_challenge
from protocols.activitypub.signatures import Scheme, read_signature, verify
from protocols.activitypub.signers import Signers
from storage import SqlStore, open_memory
from tests.bridge.net.street import Street
from tests.protocols.activitypub.correspondents import ed25519, rsa
from tests.protocols.activitypub.house import Hand
from tests.protocols.activitypub.world import ME

BODY = b'{"type":"Create","id":"https://moot.example/a/1"}'
US = native(instance_url(ME))
CHALLENGE = 'sig1=("@method" "@target-uri" "@authority" "content-digest");created;nonce="n-17";tag="moot"'


class Strict:
    """A server that verifies what it is sent with our real key, believes `forms` alone, and says `refusal` to everything else."""

    def __init__(self, *forms: Scheme, refusal: int = 401, challenge: str = "") -> None:
        self.forms = forms
        self.refusal = refusal
        self.challenge = challenge
        self.origin = ""
        self.key: PublicKey
        self.came: list[tuple[Scheme, tuple[str, ...], bytes]] = []
        self.inputs: list[str] = []
        self.says = 202

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = tuple((name.decode(), value.decode()) for name, value in request.raw_headers)
        signed = Request(request.method, request.raw_path, request.host, headers, body if request.method == "POST" else None, scheme="http")
        try:
            claimed = read_signature(signed, self.origin, Hand().now())
            verify(claimed, self.key)
        except Unverified as error:
            return web.Response(status=400, text=error.public)
        self.came.append((claimed.scheme, claimed.covered, body))
        self.inputs += signed.lines("signature-input")
        if claimed.scheme in self.forms:
            return web.Response(status=self.says)
        return web.Response(status=self.refusal, headers={"Accept-Signature": self.challenge} if self.challenge else {})

    @property
    def schemes(self) -> list[Scheme]:
        return [scheme for scheme, _, _ in self.came]


class Desk:
    """What knocks, and the key it knocks with."""

    def __init__(self, street: Street, knocking: Knocking, signer: Signer, key: PublicKey) -> None:
        self._street = street
        self.knocking = knocking
        self.signer = signer
        self.key = key

    async def post(self, server: Strict, path: str = "/inbox") -> Answer:
        return await self.knocking.post(f"{server.origin}{path}", BODY, {"Content-Type": "application/activity+json"}, self.signer)

    async def get(self, server: Strict, path: str = "/o/1") -> Answer:
        return await self.knocking.get(f"{server.origin}{path}", {}, self.signer, accept_limit=1_000)


async def opened(street: Street, *servers: Strict) -> tuple[Desk, SqlStore]:
    for server in servers:
        server.origin = await street.open(web.route("*", "/{rest:.*}", server.answer))
    store = open_memory()
    signers = Signers(store.keys)
    signer = await signers.signer(US)
    key = PublicKey(signer.id, US.id, load_public_key((await signers.public(US)).rsa))
    for server in servers:
        server.key = key
    return Desk(street, Knocking(await street.client(), Hand()), signer, key), store


@pytest.fixture
async def modern(street: Street) -> AsyncIterator[tuple[Desk, Strict]]:
    """A server that reads RFC 9421 and nothing else."""
    server = Strict("rfc9421")
    desk, store = await opened(street, server)
    yield desk, server
    await store.close()


async def test_a_server_that_wants_rfc_9421_gets_it_at_the_second_knock_and_at_once_from_then_on(modern: tuple[Desk, Strict]) -> None:
    """Draft-cavage first, since it alone is accepted by all; what was refused is not tried again."""
    desk, server = modern
    assert (await desk.post(server)).status == 202
    assert (await desk.post(server)).status == 202
    assert (await desk.get(server)).status == 202
    assert server.schemes == ["draft", "rfc9421", "rfc9421", "rfc9421"]
    assert {body for _, _, body in server.came[:3]} == {BODY}, "the same body at each knock (activitypub.bot 0.43.2 lost it)"
    assert server.came[1][1] == ("@method", "@target-uri", "content-digest")
    assert server.came[3][1] == ("@method", "@target-uri")


@pytest.mark.parametrize("refusal", [400, 403])
async def test_other_words_for_a_signature_that_is_not_believed_are_understood(street: Street, refusal: int) -> None:
    server = Strict("rfc9421", refusal=refusal)
    desk, store = await opened(street, server)
    assert (await desk.post(server)).status == 202
    await store.close()


async def test_a_server_that_forgets_the_new_form_is_asked_in_the_old_one_again(modern: tuple[Desk, Strict]) -> None:
    desk, server = modern
    await desk.post(server)
    server.forms = ("draft",)
    assert (await desk.post(server)).status == 202
    assert (await desk.post(server)).status == 202
    assert server.schemes == ["draft", "rfc9421", "rfc9421", "draft", "draft"]


async def test_a_refusal_of_both_forms_is_what_the_first_was_told(street: Street) -> None:
    server = Strict(refusal=401)
    desk, store = await opened(street, server)
    assert (await desk.post(server)).status == 401
    assert server.schemes == ["draft", "rfc9421"]
    await store.close()


async def test_a_no_from_a_server_that_believed_us_is_about_the_activity(street: Street) -> None:
    """GoToSocial 0.20 says 400 to a Like of what it does not have: never worth a second knock."""
    server = Strict("draft")
    desk, store = await opened(street, server)
    await desk.post(server)
    server.says = 400
    assert (await desk.post(server)).status == 400
    assert server.schemes == ["draft", "draft"]
    await store.close()


async def test_a_public_answer_says_nothing_of_a_signature(street: Street) -> None:
    """A GET that ignores signatures must not pin a form: activitypub.bot 0.43.1 signed wrongly for ever after."""
    server = Strict("draft", "rfc9421")
    desk, store = await opened(street, server)
    desk.knocking.tells(f"{server.origin}/u/sam")
    await desk.get(server)
    server.forms = ("draft",)
    assert (await desk.post(server)).status == 202
    assert server.schemes == ["rfc9421", "rfc9421", "draft"]
    await store.close()


async def test_a_server_that_says_it_reads_rfc_9421_is_asked_in_it_first(street: Street) -> None:
    """FEP-844e."""
    server = Strict("rfc9421")
    desk, store = await opened(street, server)
    desk.knocking.tells(f"{server.origin}/u/sam")
    assert (await desk.post(server)).status == 202
    assert server.schemes == ["rfc9421"]
    await store.close()


async def test_what_a_server_asks_to_see_signed_is_signed(street: Street) -> None:
    """RFC 9421 section 5; Fedify 2.1 and newer."""
    server = Strict("rfc9421", challenge=CHALLENGE)
    desk, store = await opened(street, server)
    assert (await desk.post(server, "/inbox?to=sam")).status == 202
    assert server.schemes == ["draft", "rfc9421"], "a server that names what it wants is not asked in other forms"
    assert server.came[1][1] == ("@method", "@target-uri", "@authority", "content-digest")
    assert 'nonce="n-17"' in server.inputs[0]
    assert 'tag="moot"' in server.inputs[0]
    await store.close()


@pytest.mark.parametrize(
    "header",
    [
        "nonsense;;",
        "sig1=?1",
        'sig1=("cookie")',
        'sig1=("@query-param";name="a")',
        'sig1=("@method");keyid="https://b.example/key"',
        'sig1=("@method");alg="hmac-sha256"',
        f'sig1=("@method");nonce="{"n" * 2000}"',
    ],
)
def test_a_wish_that_cannot_be_served_is_none(header: str) -> None:
    assert read_challenge([header], rsa("us")) is None


def test_of_several_wishes_the_first_that_can_be_served_counts() -> None:
    lines = ['a=("@method");alg="ed25519"', 'b=("@authority" "@method");alg="rsa-v1_5-sha256"']
    assert read_challenge(lines, rsa("us")) == Asked(("@authority",))
    assert read_challenge(lines, ed25519("us")) == Asked()


async def test_memory_of_servers_is_bounded(street: Street) -> None:
    """Fedify CVE-2026-69132: what strangers can fill never grows past its bound."""
    desk, store = await opened(street)
    for number in range(MOST_ORIGINS + 10):
        desk.knocking.tells(f"https://{number}.example/u/sam")
    assert len(desk.knocking._told) == MOST_ORIGINS
    await store.close()
