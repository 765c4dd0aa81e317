"""The fediverse's door, over a real socket and a real store."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from bridge import logs
from bridge.changes import EndGhost, FailLane, PutActor
from bridge.errors import Gone, Refused, Unreachable
from bridge.metrics import Metrics
from bridge.model.ids import ACTIVITYPUB
from bridge.model.item import Destination
from bridge.refs import Ignored
from protocols.activitypub.inbox import COME_BACK, LOOK_AGAIN
from protocols.activitypub.keys import Signer
from protocols.activitypub.request import Request
from tests.protocols.activitypub.correspondents import (
    ACTIVITY_JSON,
    KIMS,
    SAMS,
    ed25519,
    face,
    having,
    material,
    rsa,
    sent,
    without,
)
from tests.protocols.activitypub.house import Hand
from tests.protocols.activitypub.porch import LIMIT, Door, Porch, post, said
from tests.protocols.activitypub.world import ANA_GHOST, GROUP_GHOST, KIM, SAM, World, create, deed, note

# ------------------------------------------------------------------------------------------------------------ accepted


@pytest.mark.parametrize("scheme", ["draft", "rfc9421"])
async def test_an_activity_is_durable_before_it_is_answered(porch: Porch, door: Door, scheme: str) -> None:
    request = sent(create(note()), scheme=scheme)
    answer = await post(door, request)
    assert (answer.status, await answer.read()) == (202, b"")
    (entry,) = await porch.rows()
    intake = entry.intake
    assert (intake.lane, intake.protocol, intake.kind, intake.signer) == ("a.example", ACTIVITYPUB, "activity", SAMS)
    assert (intake.body, intake.received_at) == (request.body, porch.clock.now())


async def test_an_ed25519_signature_is_accepted_where_the_actor_has_such_a_key(porch: Porch, door: Door) -> None:
    signer = ed25519(SAMS)
    porch.library.show(face(SAMS, assertionMethod=[{"id": signer.id, "type": "Multikey", "controller": SAMS, **material(signer)}]))
    assert (await post(door, sent(create(note()), signer, scheme="rfc9421"))).status == 202


@pytest.mark.parametrize("target", ["/inbox", "/c/commons/inbox", "/u/ana/inbox", "/inbox?from=a.example"])
async def test_every_inbox_is_the_same_inbox(porch: Porch, door: Door, target: str) -> None:
    """peers-on-the-wire.md 1.3.1: PieFed 1.6 posts to `/inbox` at the root whatever the actor says."""
    assert (await post(door, sent(create(note()), target=target))).status == 202
    assert (await post(door, sent(create(note()), target="/inbox"))).status == 202
    assert len(await porch.rows()) == 1


async def test_an_inbox_of_nobody_is_404_and_of_somebody_who_left_410(porch: Porch, door: Door) -> None:
    for target in (
        "/u/nobody/inbox",
        "/c/ana/inbox",
        "/u/commons/inbox",
        "/u/ANA/inbox",
        "/u/an%61%2f/inbox",
        "/x/ana/inbox",
    ):
        assert (await post(door, sent(create(note()), target=target))).status == 404, target
    await porch.store.journal.commit([EndGhost(ANA_GHOST.native, porch.clock.now())])
    answer = await post(door, sent(create(note()), target="/u/ana/inbox"))
    assert (answer.status, await said(answer)) == (410, "Whoever had this inbox is gone.")
    assert await porch.rows() == []
    assert porch.library.asked == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/inbox", "/c/commons/inbox", "/u/ana/inbox"])
async def test_an_inbox_takes_post_and_nothing_else(door: Door, method: str, path: str) -> None:
    answer = await door.request(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/activity+json", 202),
        ("application/activity+json; charset=utf-8", 202),
        ("Application/Activity+JSON;charset=UTF-8", 202),
        ('application/ld+json; profile="https://www.w3.org/ns/activitystreams"', 202),
        ("application/ld+json", 415),
        ('application/ld+json; profile="https://www.w3.org/ns/other"', 415),
        ("application/json", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
async def test_the_media_types_of_activitypub_are_taken_and_no_others(porch: Porch, door: Door, kind: str, status: int) -> None:
    answer = await post(door, sent(create(note()), headers={"Content-Type": kind}))
    assert answer.status == status
    assert len(await porch.rows()) == (status == 202)


async def test_a_compressed_activity_is_told_to_come_uncompressed(porch: Porch, door: Door) -> None:
    body = gzip.compress(msgspec.json.encode(create(note())))
    answer = await post(door, sent(body, headers={**ACTIVITY_JSON, "Content-Encoding": "gzip"}))
    assert (answer.status, await said(answer)) == (415, "Send the activity without compression.")


# ------------------------------------------------------------------------------------------------------------- refused

GOOD = sent(create(note()))
UNSIGNED: dict[str, Request] = {
    "nothing": without(GOOD, "signature"),
    "authorization only": having(without(GOOD, "signature"), "Authorization", "Signature " + GOOD.lines("signature")[0]),
    "no digest": without(GOOD, "digest"),
    "another body": msgspec.structs.replace(GOOD, body=b'{"id":"https://a.example/x"}'),
    "another target": msgspec.structs.replace(sent(create(note()), target="/c/commons/inbox"), target="/inbox"),
    "another date": having(GOOD, "date", "Tue, 24 Nov 2026 12:00:01 GMT"),
    "an unknown algorithm": having(GOOD, "signature", GOOD.lines("signature")[0].replace("rsa-sha256", "hmac-sha256")),
    "a key of nobody": sent(create(note()), Signer("https://a.example/u/nobody#main-key", rsa(SAMS).private)),
    "a forged key": sent(create(note()), Signer(f"{SAMS}#main-key", rsa("eve").private)),
    "a key of ours": sent(create(note()), Signer("https://moot.example/u/ana#main-key", rsa(SAMS).private)),
    "an old signature": sent(create(note()), at=Hand().now() - timedelta(hours=13)),
    "one of tomorrow": sent(create(note()), at=Hand().now() + timedelta(hours=2)),
    "no base64": having(GOOD, "signature", GOOD.lines("signature")[0].replace('signature="', 'signature="!')),
}


@pytest.mark.parametrize("name", UNSIGNED)
async def test_whatever_is_wrong_with_a_signature_is_answered_401_and_stored_nowhere(porch: Porch, door: Door, name: str) -> None:
    """activitypub.md 1.6 and trap 3, peers-on-the-wire.md 1.5.1: the double knock needs a 401, quickly, and never a 202."""
    answer = await post(door, UNSIGNED[name])
    assert answer.status == 401
    assert await said(answer)
    assert "digest" in answer.headers["WWW-Authenticate"]
    assert await porch.rows() == []


@pytest.mark.parametrize("name", [name for name in UNSIGNED if "key" not in name and name not in {"another target", "another date"}])
async def test_what_can_be_refused_without_a_key_asks_nobody_for_one(porch: Porch, door: Door, name: str) -> None:
    await post(door, UNSIGNED[name])
    assert porch.library.asked == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not an object"),
        (b'{"id":"x","id":"y"}', "'id' is there twice"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested deeper"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b"{}", "no type"),
        (b'{"type":"Like"}', "no id"),
        (b'{"type":"Like","id":"https://a.example/1"}', "no actor"),
    ],
    ids=lambda each: str(each)[:16],
)
async def test_what_is_no_activity_is_answered_400_and_asks_nobody(porch: Porch, door: Door, body: bytes, why: str) -> None:
    answer = await post(door, sent(body))
    assert answer.status == 400
    assert why in await said(answer)
    assert await porch.rows() == []
    assert porch.library.asked == []


async def test_the_signature_comes_before_the_words(porch: Porch, door: Door) -> None:
    """What nobody answers for is not even parsed."""
    assert (await post(door, without(sent(b"{"), "signature"))).status == 401


async def test_an_activity_over_the_limit_is_answered_413_before_it_arrives(porch: Porch, door: Door) -> None:
    assert (await post(door, sent(create(note(content="x" * LIMIT))))).status == 413
    assert (await post(door, sent(create(note(content="x" * (LIMIT - 2_000)))))).status == 202

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (LIMIT // 10)

    answer = await door.post("/inbox", data=pieces(), headers={**ACTIVITY_JSON})
    assert answer.status == 413
    assert len(await porch.rows()) == 1


async def raw(door: Door, *pieces: bytes, end: bool = False) -> bytes:
    """The answer to these bytes, as far as it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if end:
            writer.write_eof()
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            return head + await reader.readexactly(length)
    except asyncio.IncompleteReadError as cut:
        return cut.partial
    finally:
        writer.close()


HEAD = b"POST /inbox HTTP/1.1\r\nHost: moot.example\r\nContent-Type: application/activity+json\r\n"


async def test_only_the_length_is_read_of_what_is_declared_too_long(door: Door) -> None:
    assert (await raw(door, HEAD + b"Content-Length: 100001\r\n\r\n")).startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_does_not_come_is_not_waited_for(porch: Porch) -> None:
    async with TestClient(TestServer(porch.application(porch.again(patience=0.02)))) as door:
        answer = await raw(door, HEAD + b"Content-Length: 50\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"took too long" in answer


@pytest.mark.parametrize(
    "head", [b"Content-Length: 50\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"]
)
async def test_a_body_that_is_cut_short_changes_nothing(porch: Porch, door: Door, head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    await raw(door, HEAD + head, end=True)
    assert (await post(door, sent(create(note())))).status == 202
    assert len(await porch.rows()) == 1
    # What is no HTTP never reaches us, and is aiohttp's to report; `bridge/logs.py` makes a line of history of that.
    problems = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert [each for each in problems if each is not None and each.__module__ != "aiohttp.http_exceptions"] == []


async def test_a_full_disk_is_answered_come_back_later(porch: Porch, door: Door) -> None:
    """Design section 2: accepted and lost is the one thing that may not happen."""
    porch.full = True
    answer = await post(door, sent(create(note())))
    assert (answer.status, answer.headers["Retry-After"]) == (503, str(round(COME_BACK)))
    assert "send it again" in await said(answer)
    porch.full = False
    assert (await post(door, sent(create(note())))).status == 202


async def test_a_server_whose_key_cannot_be_fetched_now_is_asked_to_come_back(porch: Porch, door: Door) -> None:
    """A 401 would make Lemmy and GoToSocial give up what is only early."""
    porch.library.answers[SAMS] = Unreachable("a.example does not answer")
    answer = await post(door, sent(create(note())))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
    porch.library.show(face(SAMS))
    porch.forward(timedelta(minutes=1))
    assert (await post(door, sent(create(note())))).status == 202


# ------------------------------------------------------------------------------------------------------------- repeats


async def test_what_comes_twice_is_one_row_and_is_accepted_both_times(porch: Porch, door: Door) -> None:
    """peers-on-the-wire.md 1.1.8; repeated at once, signed again later, and after a restart."""
    request = sent(create(note()))
    for again in (request, request, sent(create(note()), at=porch.clock.now() + timedelta(minutes=1), scheme="rfc9421")):
        assert (await post(door, again)).status == 202
    async with TestClient(TestServer(porch.application(porch.again()))) as reopened:
        assert (await post(reopened, request)).status == 202
    assert len(await porch.rows()) == 1


async def test_a_repeat_costs_no_transaction_but_a_signature(porch: Porch, door: Door) -> None:
    request = sent(create(note()))
    await post(door, request)
    porch.full = True
    assert (await post(door, request)).status == 202
    assert (await post(door, sent(create(note()), Signer(f"{SAMS}#main-key", rsa("eve").private)))).status == 401
    assert (await post(door, sent(create(note("another"))))).status == 503


async def test_two_updates_under_one_activity_id_are_two_rows(porch: Porch, door: Door) -> None:
    """peers-on-the-wire.md section 2: "seen this id" must not drop Updates."""
    for text in ("one", "two", "two"):
        update = create(note(content=text), "Update", id="https://a.example/o/new/activity#Update")
        assert (await post(door, sent(update))).status == 202
    assert len(await porch.rows()) == 2


async def test_a_follow_that_begins_again_is_heard_again(porch: Porch, door: Door) -> None:
    """Misskey and Takahe 0.11 use the id of the first one."""
    for minute in (0, 0, 10):
        await post(door, sent(deed("Follow", GROUP_GHOST.native.id), at=porch.clock.now() + timedelta(minutes=minute)))
    assert len(await porch.rows()) == 2


async def test_a_forged_copy_does_not_keep_the_true_one_out(porch: Porch, door: Door) -> None:
    forged = await post(door, sent(create(note()), rsa(KIMS)))
    true = await post(door, sent(create(note())))
    assert (forged.status, true.status) == (202, 202)
    assert sorted(entry.intake.signer or "" for entry in await porch.rows()) == sorted([SAMS, KIMS])


# ---------------------------------------------------------------------------------------- who may say it is said later


@pytest.mark.parametrize(
    ("activity", "signer", "rule"),
    [
        (create(note()), KIMS, "O6"),
        (create(note()) | {"id": "https://b.example/a/1"}, SAMS, "O6"),
        (create(note(attributedTo=KIMS)) | {"actor": SAMS}, SAMS, "O8"),
        (create(note() | {"id": "https://b.example/o/1"}) | {"id": "https://a.example/a/1"}, SAMS, "O8"),
        (deed("Delete", "https://b.example/o/1"), SAMS, "O10"),
    ],
    ids=["another actor", "an id elsewhere", "another author", "an object elsewhere", "a delete elsewhere"],
)
async def test_who_says_what_is_not_theirs_is_answered_202_and_refused_by_name(
    porch: Porch, door: Door, activity: dict[str, Any], signer: str, rule: str
) -> None:
    assert (await post(door, sent(activity, rsa(signer)))).status == 202
    (entry,) = await porch.rows()
    reading = World().read(entry.intake.body, entry.intake.signer)
    assert isinstance(reading, Ignored)
    assert reading.refused
    assert rule in reading.why


# ------------------------------------------------------------------------------------------------- those who are gone


@pytest.mark.parametrize("activity", [deed("Delete", SAMS), deed("Update", {"id": SAMS, "type": "Person"})], ids=["Delete", "Update"])
async def test_what_a_stranger_says_of_itself_is_accepted_and_ignored(porch: Porch, door: Door, activity: dict[str, Any]) -> None:
    """activitypub.md 1.6 and 6.4: a server that ends an account tells everybody; nobody is asked for a key that is gone."""
    forged = sent(activity, Signer(f"{SAMS}#main-key", rsa("eve").private))
    for request in (sent(activity), forged):
        assert (await post(door, request)).status == 202
    assert await porch.rows() == []
    assert porch.library.asked == []
    assert await porch.store.keys.recall(f"{SAMS}#main-key") is None
    assert (await post(door, without(sent(activity), "signature"))).status == 401


async def test_what_a_stranger_says_of_a_post_is_asked_about(porch: Porch, door: Door) -> None:
    assert (await post(door, sent(deed("Delete", "https://a.example/o/1")))).status == 202
    assert len(await porch.rows()) == 1


async def test_who_was_heard_here_says_goodbye_with_the_key_that_is_remembered(porch: Porch, door: Door) -> None:
    await post(door, sent(create(note())))
    porch.library.answers[SAMS] = Gone("a.example says that it is gone")
    porch.forward(timedelta(days=30))
    assert (await post(door, sent(deed("Delete", SAMS), at=porch.clock.now()))).status == 202
    assert [entry.intake.signer for entry in await porch.rows()] == [SAMS, SAMS]


@pytest.mark.parametrize("key_id", [f"{SAMS}#main-key", f"{SAMS}/main-key"])
async def test_who_is_known_without_a_key_may_go_when_their_server_calls_them_gone(porch: Porch, door: Door, key_id: str) -> None:
    """Rule O15, with key ids of both styles."""
    await porch.store.journal.commit([PutActor(SAM, porch.clock.now())])
    for url in (SAMS, f"{SAMS}/main-key"):
        porch.library.answers[url] = Gone("a.example says that it is gone")
    request = sent(deed("Delete", SAMS), Signer(key_id, rsa(SAMS).private))
    assert (await post(door, request)).status == 202
    (entry,) = await porch.rows()
    assert entry.intake.signer == SAMS


GONE = Gone("a.example says that it is gone")
NOT_GONE: dict[str, tuple[dict[str, Any], str, Mapping[str, Any]]] = {
    "404 proves nothing": (deed("Delete", SAMS), f"{SAMS}#main-key", {SAMS: Refused("a.example does not have it")}),
    "the key is gone, the actor is not": (deed("Delete", SAMS), f"{SAMS}/main-key", {f"{SAMS}/main-key": GONE}),
    "the key of somebody else": (deed("Delete", SAMS), f"{KIMS}#main-key", {KIMS: GONE, SAMS: GONE}),
    "a key whose name begins the same": (deed("Delete", SAMS), f"{SAMS}2#main-key", {f"{SAMS}2": GONE, SAMS: GONE}),
    "a Create": (create(note()), f"{SAMS}#main-key", {SAMS: GONE}),
    "a Delete of a post": (deed("Delete", "https://a.example/o/1"), f"{SAMS}#main-key", {SAMS: GONE}),
    "an Update of itself": (deed("Update", {"id": SAMS, "type": "Person"}), f"{SAMS}#main-key", {SAMS: GONE}),
}


@pytest.mark.parametrize("name", NOT_GONE)
async def test_nobody_is_sent_away_by_a_key_that_proves_nothing(porch: Porch, door: Door, name: str) -> None:
    activity, key_id, answers = NOT_GONE[name]
    await porch.store.journal.commit([PutActor(SAM, porch.clock.now()), PutActor(KIM, porch.clock.now())])
    porch.library.answers.update(answers)
    assert (await post(door, sent(activity, Signer(key_id, rsa("eve").private)))).status == 401
    assert await porch.rows() == []


# ------------------------------------------------------------------------------------------------------------- waking


async def test_a_server_that_speaks_to_us_is_spoken_to_again(porch: Porch, door: Door) -> None:
    """activitypub.md 5.3.5: valid traffic closes the circuit at once; bad traffic does not, and the store is asked rarely."""
    now = porch.clock.now()
    there = Destination(ACTIVITYPUB, f"{SAMS}/inbox", "a.example")

    async def break_down() -> None:
        await porch.store.journal.commit(
            [FailLane(there, urgent=False, why="no answer", next_at=now + timedelta(days=1), at=now, host=True)]
        )

    async def fails() -> int:
        return (await porch.store.deliveries.host("a.example")).fails

    await break_down()
    assert (await post(door, UNSIGNED["a forged key"])).status == 401
    assert await fails() == 1
    await post(door, sent(create(note())))
    assert await fails() == 0
    await break_down()
    await post(door, sent(create(note("2"))))
    assert await fails() == 1
    porch.forward(LOOK_AGAIN)
    await post(door, sent(create(note("3"))))
    assert await fails() == 0


# ------------------------------------------------------------------------------------------------------------- the log


@pytest.fixture
def page() -> Iterator[io.StringIO]:
    """The log of one test, in the strict form that refuses what is not listed."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("debug", form="json", strict=True, stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger("nio.responses").setLevel(logging.NOTSET)
    structlog.reset_defaults()


async def test_the_log_says_what_happened_and_not_who_or_what(porch: Porch, door: Door, page: io.StringIO) -> None:
    stranger = "https://a.example/u/stranger"
    down = "https://a.example/u/down"
    porch.library.answers[down] = Unreachable("a.example does not answer")
    secret = create(note(content="<p>secret words</p>"))
    for request in (
        sent(secret),
        sent(secret),
        sent(create(note("2")), rsa(KIMS)),
        sent(deed("Delete", stranger) | {"actor": stranger}, Signer(f"{stranger}#main-key", rsa(SAMS).private)),
        *UNSIGNED.values(),
        sent(create(note()), Signer(f"{down}#main-key", rsa(SAMS).private)),
        sent(b"{"),
    ):
        await post(door, request)
    porch.full = True
    await post(door, sent(create(note("3"))))
    lines = [msgspec.json.decode(line) for line in page.getvalue().splitlines()]
    names = {line["event"] for line in lines}
    assert names == {"intake.accepted", "intake.repeated", "event.ignored", "signature.refused", "actor.refused", "request.refused"}
    assert {line.get("peer", "") for line in lines} <= {"", "a.example", "b.example", "moot.example"}
    assert [line["level"] for line in lines if line["level"] not in {"debug", "info"}] == ["warning"]
    for forbidden in ("secret", "/u/", "main-key", "signature="):
        assert forbidden not in page.getvalue(), forbidden


async def test_the_operator_sees_what_came_to_the_door_and_why_it_was_turned_away(porch: Porch) -> None:
    metrics = Metrics()

    def count(outcome: str, code: str = "none") -> float | None:
        return metrics.registry.get_sample_value("folkmoot_intake_total", {"protocol": "activitypub", "outcome": outcome, "code": code})

    async with TestClient(TestServer(porch.application(porch.again(metrics=metrics)))) as door:
        await post(door, sent(create(note())))
        await post(door, sent(create(note())))
        await post(door, without(sent(create(note())), "Signature"))

    assert (count("accepted"), count("repeated"), count("refused", "unverified")) == (1, 1, 1)
    assert metrics.registry.get_sample_value("folkmoot_intake_seconds_count", {"protocol": "activitypub"}) == 3
