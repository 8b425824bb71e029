"""The real HTTP application over fakes, on a real socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.unit.serve_app.http.conftest import Door


@contextmanager
def on_a_socket(door: Door, **settings: Any) -> Iterator[str]:
    """Its address, while it is served from another thread."""
    server = uvicorn.Server(
        uvicorn.Config(door.app(**settings), port=0, log_level="warning", lifespan="off", ws="none")
    )
    listener = server.config.bind_socket()
    listener.listen()  # so that a client who comes before the server waits instead of being refused
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
