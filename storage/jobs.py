"""What callers asked a database for, and how neighbours share one transaction (group commit, engine.md section 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

__all__ = ["BATCH", "Job", "fail", "finish", "run_all", "run_one"]

BATCH = 512
"""Calls in one transaction at most."""


class Job:
    """One call: `work(connection)`, or `work(connection, [value, …])` together with its neighbours."""

    __slots__ = ("future", "loop", "result", "value", "work")

    def __init__(self, work: Callable[..., Any], value: tuple[Any] | None) -> None:
        self.work = work
        self.value = value
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None


def run_all(connection: Connection, batch: Sequence[Job]) -> None:
    """In order, inside the caller's transaction; each job has its result, and nobody is told yet."""
    for group in _groups(batch):
        for job, result in zip(group, _run(connection, group), strict=True):
            job.result = result


def run_one(connection: Connection, job: Job) -> None:
    job.result = _run(connection, [job])[0]


def finish(jobs: Sequence[Job]) -> None:
    """Tells the callers, in their event loop."""
    for job in jobs:
        if not job.future.done():
            job.future.set_result(job.result)


def fail(job: Job, error: BaseException) -> None:
    if not job.future.done():
        job.future.set_exception(error)


def _groups(batch: Sequence[Job]) -> list[list[Job]]:
    groups: list[list[Job]] = []
    for job in batch:
        if groups and job.value is not None and groups[-1][0].work == job.work:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def _run(connection: Connection, group: list[Job]) -> Sequence[Any]:
    first = group[0]
    if first.value is None:
        return [first.work(connection)]
    results: Sequence[Any] = first.work(connection, [job.value[0] for job in group if job.value is not None])
    return results
