"""The numbers an operator sees, and what they must not tell."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from bridge.metrics import EXPOSITION_TYPE, LABELS, Metrics, reference, watch_loop


def _declared() -> list[MetricWrapperBase]:
    return [value for value in vars(Metrics()).values() if isinstance(value, MetricWrapperBase)]


def test_no_metric_has_a_label_for_a_person_a_room_or_a_server() -> None:
    declared = _declared()
    assert len(declared) >= 10
    for metric in declared:
        assert set(metric._labelnames) <= LABELS, metric
    assert not LABELS & {
        "peer",
        "actor",
        "user",
        "room",
        "place",
        "community",
        "server",
        "host",
        "domain",
        "ghost",
        "event_id",
        "url",
        "path",
    }


def test_every_metric_says_what_it_counts_and_bears_our_name() -> None:
    for metric in _declared():
        assert metric._name.startswith("folkmoot_")
        assert len(metric._documentation) > 15
        assert metric._documentation.endswith(".")


def test_the_table_for_operators_is_what_the_code_counts() -> None:
    """To render it anew: python -c "from bridge.metrics import reference; print(reference(), end='')"."""
    assert reference() in (Path(__file__).parents[2] / "deploy/README.md").read_text("utf-8")


def test_the_exposition_is_readable_and_counts() -> None:
    metrics = Metrics()
    metrics.intake.labels("activitypub", "refused", "unverified").inc()
    metrics.events_judged.labels("matrix", "message", "hold", "first_post").inc(2)
    metrics.queue_depth.labels("out").set(7)
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    samples = {sample.name: (sample.labels, sample.value) for family in families.values() for sample in family.samples}
    assert samples["folkmoot_intake_total"] == ({"protocol": "activitypub", "outcome": "refused", "code": "unverified"}, 1)
    assert samples["folkmoot_events_judged_total"][1] == 2
    assert samples["folkmoot_queue_depth"] == ({"queue": "out"}, 7)
    assert EXPOSITION_TYPE.startswith("text/plain")


def test_two_nodes_in_one_process_count_apart() -> None:
    one, two = Metrics(), Metrics()
    one.deliveries.labels("matrix", "delivered").inc()
    assert b'folkmoot_deliveries_total{outcome="delivered",protocol="matrix"} 1.0' in one.render()
    assert b"folkmoot_deliveries_total{" not in two.render()


async def test_a_loop_that_was_held_up_shows_its_lag() -> None:
    metrics = Metrics()
    loop = asyncio.get_running_loop()
    watching = asyncio.create_task(watch_loop(metrics, every=0.01))
    await asyncio.sleep(0)
    until = loop.time() + 0.06
    while loop.time() < until:  # a computation that lets nobody else run
        pass
    while not (total := metrics.registry.get_sample_value("folkmoot_loop_lag_seconds_count")):
        await asyncio.sleep(0)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    assert total == 1
    assert metrics.registry.get_sample_value("folkmoot_loop_lag_seconds_sum") == pytest.approx(0.05, abs=0.03)
