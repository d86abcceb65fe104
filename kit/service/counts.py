"""Counts for Prometheus: requests, submissions and the queue. Names nobody."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kit.service.seldom import Seldom
from kit.store import Store

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})


class Counts:
    """What one service counts, in a registry of its own."""

    def __init__(self, store: Store) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "kit_requests", "Requests by route.", ["method", "route", "status"], registry=self._registry
        )
        self._isolation = Gauge(
            "kit_isolation", "1 for the level that code runs in.", ["level"], registry=self._registry
        )
        self._registry.register(_StoreCounts(store))

    def add(self, method: str, route: str, status: int) -> None:
        """Count a request; routes are templates, so that there are few."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()

    def text(self, isolation: str) -> bytes:
        """All counts as Prometheus reads them, and the isolation that code runs in."""
        for level in ("isolated", "limited", "none", "not in use"):
            self._isolation.labels(level).set(level == isolation)
        return generate_latest(self._registry)


class _StoreCounts(Collector):
    def __init__(self, store: Store) -> None:
        self._store = store
        self._seldom = Seldom()

    def collect(self) -> Iterator[Metric]:
        # To count very many takes seconds, which are not spent at each scrape.
        states = self._seldom.get("states", self._store.queue.states)
        submissions = GaugeMetricFamily("kit_submissions", "Submissions by state.", labels=["state"])
        for state, n in sorted(states.items()):
            submissions.add_metric([state], n)
        yield submissions
        queue = self._store.queue.counts()
        yield GaugeMetricFamily("kit_queue_length", "Judgements that wait.", value=queue["queued"])
        lanes = GaugeMetricFamily("kit_lane_length", "Judgements that wait, by lane.", labels=["lane"])
        for lane, n in self._store.queue.waiting().items():
            lanes.add_metric([lane], n)
        yield lanes
        free = self._store.free_bytes
        yield GaugeMetricFamily("kit_disk_free_bytes", "Room on the disk of the store.", value=free)

    def describe(self) -> Iterator[Metric]:
        """Nothing, so that registering asks the store nothing."""
        return iter(())
