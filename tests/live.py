"""The same app on a real socket, for what a test client cannot show: streams, disconnects, waiting."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import uvicorn
from served import Served
from waiting import until

from kit.serve import _Server


@contextlib.contextmanager
def listening(service: Served) -> Iterator[str]:
    """Serve an app by uvicorn, in the event loop in which it lives already; gives its address.

    At the end it stops as on Ctrl-C, and all that it still answers has been answered.
    """
    app, portal = service.client.app, service.client.portal
    assert portal is not None
    config = uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=60, lifespan="off")
    server = _Server(config, app.state.service.watch)  # type: ignore[attr-defined]
    serving = portal.start_task_soon(server.serve)
    try:
        until(lambda: server.started or serving.done())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.handle_exit(signal.SIGINT, None)
        serving.result()
