"""Every number an operator can watch, declared once, counting kinds of things and never people or peers.

One `Metrics` belongs to one node, with a registry of its own, so that several nodes in one process count apart.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

__all__ = ["EXPOSITION_TYPE", "LABELS", "Metrics", "reference", "watch_loop"]

EXPOSITION_TYPE = CONTENT_TYPE_LATEST
"""The Content-Type that goes with `Metrics.render`."""

LABELS = frozenset({"protocol", "content", "outcome", "norm", "code", "queue"})
"""All labels there are. Each takes its values from a closed set in the code, so the number of series is bounded."""

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SLOW = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class Metrics:
    """The counters, gauges and histograms of a node; units are in the names, seconds and counts."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self.registry = own
        self.intake = Counter(
            "folkmoot_intake",
            "Activities and transactions at the door: accepted, repeated, ignored or refused, with the code of the reason.",
            ["protocol", "outcome", "code"],
            registry=own,
        )
        self.intake_seconds = Histogram(
            "folkmoot_intake_seconds",
            "Time from the head of an activity or transaction to our answer.",
            ["protocol"],
            buckets=_FAST,
            registry=own,
        )
        self.events_read = Counter(
            "folkmoot_events_read",
            "What the reader made of the intake: read, ignored, deferred or refused.",
            ["protocol", "content", "outcome"],
            registry=own,
        )
        self.events_judged = Counter(
            "folkmoot_events_judged",
            "Rulings, with the norm that decided; `none` where no norm objected.",
            ["protocol", "content", "outcome", "norm"],
            registry=own,
        )
        self.judge_seconds = Histogram(
            "folkmoot_judge_seconds",
            "Time to judge and plan one event, storage included.",
            buckets=_FAST,
            registry=own,
        )
        self.deliveries = Counter(
            "folkmoot_deliveries",
            "Attempts to deliver and what came of them: delivered, snoozed, retried, dead, skipped, omitted.",
            ["protocol", "outcome"],
            registry=own,
        )
        self.delivery_seconds = Histogram(
            "folkmoot_delivery_seconds",
            "Time from an event's receipt to its delivery.",
            ["protocol"],
            buckets=_SLOW,
            registry=own,
        )
        self.queue_depth = Gauge("folkmoot_queue_depth", "Entries that wait in a queue.", ["queue"], registry=own)
        self.queue_oldest_seconds = Gauge(
            "folkmoot_queue_oldest_seconds", "Age of the oldest entry that waits in a queue.", ["queue"], registry=own
        )
        self.intake_stuck = Gauge("folkmoot_intake_stuck", "Arrivals that could not be read and wait for a person.", registry=own)
        self.dead_letters = Gauge("folkmoot_dead_letters", "Items that will not reach a destination.", registry=own)
        self.disk_free_bytes = Gauge(
            "folkmoot_disk_free_bytes", "Free room on the database's disk; NaN where its server does not say.", registry=own
        )
        self.holds_waiting = Gauge("folkmoot_holds_waiting", "Items that wait for people.", registry=own)
        self.circuits_open = Gauge("folkmoot_circuits_open", "Servers we rest from because they do not answer.", ["protocol"], registry=own)
        self.fetches = Counter(
            "folkmoot_fetches", "Documents asked of other servers: fetched, or the code of why not.", ["protocol", "outcome"], registry=own
        )
        self.loop_lag_seconds = Histogram(
            "folkmoot_loop_lag_seconds",
            "How late the event loop was to do what was due.",
            buckets=_FAST,
            registry=own,
        )

    def render(self) -> bytes:
        """The exposition, for `/metrics`."""
        return generate_latest(self.registry)


def reference() -> str:
    """The table of all metrics, in Markdown; a test compares the copy in deploy/README.md."""
    lines = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    for metric in vars(Metrics()).values():
        if isinstance(metric, MetricWrapperBase):
            family = next(iter(metric.describe()))
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            lines.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(lines) + "\n"


async def watch_loop(metrics: Metrics, *, every: float = 1.0) -> None:
    """Measure the loop's lag every `every` seconds, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        await asyncio.sleep(every)
        metrics.loop_lag_seconds.observe(max(0.0, loop.time() - due))
