"""The same app on a real socket, for what a test client cannot show: streams, disconnects, waiting."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn
from served import Served


@contextlib.contextmanager
def listening(service: Served) -> Iterator[str]:
    """Serve an app by uvicorn in a thread of its own; gives its address."""
    config = uvicorn.Config(
        service.client.app, port=0, log_config=None, timeout_graceful_shutdown=1, lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
