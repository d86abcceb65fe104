"""Routes of the service itself: that it lives, and what it counts."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from kit import __version__
from kit.service import models, versions
from kit.service.context import ServiceHere
from kit.service.errors import documented
from kit.service.isolation import isolation
from kit.service.organizing import live_judges

router = APIRouter(tags=["service"], responses=documented(500))


@router.get("/healthz")
def healthz(service: ServiceHere) -> models.Health:
    """That the service answers, and how long its queue is."""
    now = service.clock()
    is_judging = bool(live_judges(service.store, now))
    return models.Health(
        status=service.troubles.status,
        version=__version__,
        now=now,
        queue=models.QueueCounts(**service.store.queue.counts()),
        workers=service.n_workers if is_judging else 0,
        code_workers=service.n_code_workers if is_judging else 0,
        stale=versions.stale(service),
        isolation=isolation(service.hosted.values()),
        disk_free_bytes=service.store.free_bytes,
    )


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(service: ServiceHere) -> Response:
    """Counts for Prometheus."""
    text = service.counts.text(isolation(service.hosted.values()))
    return Response(text, media_type=CONTENT_TYPE_LATEST)
