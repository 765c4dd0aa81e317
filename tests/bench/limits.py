"""What this machine can do at best with the same tools, and nothing of ours: the yardstick beside every figure, taken in the same run.

Engine.md section 3 names the unavoidable parts: an empty aiohttp handler, one RSA-2048 verification, a digest, decoding, one row in a group
commit; and for what leaves, signing and posting on kept connections.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import asyncpg
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from tests.bench.programs import answering, say

__all__ = ["Parts"]

GROUP = 32
"""Rows in one commit: as many as there are connections in the measurement beside it."""
RUNS = 5


class Parts(msgspec.Struct, frozen=True):
    """CPU seconds per 1,000 of each unavoidable part."""

    verify: float
    sign: float
    digest: float
    decode: float
    insert: float


def _per_thousand(work: Callable[[int], object], times: int) -> float:
    """The median of some runs, after one that does not count."""
    found = []
    for _ in range(RUNS + 1):
        begun = time.process_time()
        work(times)
        found.append((time.process_time() - begun) / times * 1000)
    return median(found[1:])


def _again(call: Callable[[], object]) -> Callable[[int], None]:
    def work(times: int) -> None:
        for _ in range(times):
            call()

    return work


def _insert(folder: Path, body: bytes) -> Callable[[int], None]:
    connection = sqlite3.connect(folder / "rows.sqlite", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=2000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, key TEXT UNIQUE, lane TEXT, at INTEGER, body BLOB)")

    def work(times: int) -> None:
        for start in range(0, times, GROUP):
            rows = [(os.urandom(13).hex(), "a.example", time.time_ns(), body) for _ in range(min(GROUP, times - start))]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO rows (key, lane, at, body) VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")

    return work


async def _insert_over_there(url: str, body: bytes, times: int) -> float:
    """As `_insert`, with nothing but the driver between us and a PostgreSQL server; what the server does is its own, and not counted."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP TABLE IF EXISTS rows")
        await connection.execute("CREATE TABLE rows (seq bigserial PRIMARY KEY, key text UNIQUE, lane text, at bigint, body bytea)")
        found = []
        for _ in range(RUNS + 1):
            begun = time.process_time()
            for start in range(0, times, GROUP):
                rows = [(os.urandom(13).hex(), "a.example", time.time_ns(), body) for _ in range(min(GROUP, times - start))]
                async with connection.transaction():
                    await connection.executemany("INSERT INTO rows (key, lane, at, body) VALUES ($1, $2, $3, $4)", rows)
            found.append((time.process_time() - begun) / times * 1000)
        return median(found[1:])
    finally:
        await connection.close()


def measure_parts(body: bytes, key: RSAPrivateKey, times: int) -> Parts:
    """`body` as in the measurements beside it."""
    padding, algorithm = PKCS1v15(), SHA256()
    text = body[:300]
    signature = key.sign(text, padding, algorithm)
    public = key.public_key()
    with tempfile.TemporaryDirectory() as folder:
        return Parts(
            verify=_per_thousand(_again(lambda: public.verify(signature, text, padding, algorithm)), times),
            sign=_per_thousand(_again(lambda: key.sign(text, padding, algorithm)), times // 4),
            digest=_per_thousand(_again(lambda: base64.b64encode(hashlib.sha256(body).digest())), times),
            decode=_per_thousand(_again(lambda: msgspec.json.decode(body)), times),
            insert=_per_thousand(_insert(Path(folder), body), times),
        )


async def _serve() -> web.AppRunner:
    """A handler that takes the body and answers, as aiohttp does it by itself."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=202)

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def deliver(origins: Sequence[str], posts: int, body: bytes, key: RSAPrivateKey | None) -> dict[str, float]:
    """`posts` bodies to every origin, each signed where there is a key; connections are kept and bounded as the bridge's are."""
    padding, algorithm = PKCS1v15(), SHA256()
    line: Iterator[str] = iter([origin for _ in range(posts) for origin in origins])
    digest = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
    connector = aiohttp.TCPConnector(limit=256, limit_per_host=4, keepalive_timeout=4)

    async def send(session: aiohttp.ClientSession) -> None:
        for origin in line:
            host, date = origin.partition("://")[2], formatdate(usegmt=True)
            headers = {"Host": host, "Date": date, "Digest": digest, "Content-Type": "application/activity+json"}
            if key is not None:
                text = f"(request-target): post /inbox\nhost: {host}\ndate: {date}\ndigest: {digest}".encode()
                made = base64.b64encode(key.sign(text, padding, algorithm)).decode()
                covered = "(request-target) host date digest"
                headers["Signature"] = f'keyId="https://a.example/u#main-key",headers="{covered}",signature="{made}"'
            async with session.post(f"{origin}/inbox", data=body, headers=headers) as answer:
                assert answer.status == 202
                await answer.read()

    cpu, begun = time.process_time(), time.perf_counter()
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as tasks:
        for _ in range(min(256, 4 * len(origins))):
            tasks.create_task(send(session))
    return {"count": posts * len(origins), "cpu": time.process_time() - cpu, "seconds": time.perf_counter() - begun}


async def main(size: int, times: int) -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    runner = await _serve()
    filler = msgspec.json.encode(
        {"id": "https://a.example/1", "type": "Create", "to": ["a"], "object": {"content": "words " * (size // 6)}}
    )

    async def answer(question: dict[str, Any]) -> dict[str, Any]:
        if question["what"] == "parts":
            body, url = question["body"].encode(), question["database"]
            parts = measure_parts(body, key, times)
            if url:
                parts = msgspec.structs.replace(parts, insert=await _insert_over_there(url, body, times))
            return msgspec.structs.asdict(parts)
        return await deliver(question["origins"], question["posts"], filler, key if question["sign"] else None)

    say(port=runner.addresses[0][1])
    await answering(answer)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
