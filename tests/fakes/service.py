"""A fake Gitex service on a real socket, for clients."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n star"
SHA256 = hashlib.sha256(PNG).hexdigest()


@dataclass
class FakeService:
    """Answers every POST with what the test put into `status`, `headers` and `parts`.

    `asked` has path, headers and body of each request: a JSON body decoded, a form as it came.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    ending: str = "whole"
    """`whole`; `dropped` in the middle of the body; `hangs` until the client goes away."""
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    sent: threading.Event = field(default_factory=threading.Event)
    client_left: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def streams(self, *events: tuple[str, dict[str, Any]]) -> None:
        """Answer with these events."""
        self.headers["content-type"] = "text/event-stream"
        self.parts = [f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in events]

    def answers(self, status: int, body: Any, **headers: str) -> None:
        """Answer with this JSON."""
        self.status, self.parts = status, [json.dumps(body).encode()]
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def refuses(self, status: int, kind: str, message: str, param: str | None = None, **headers: str) -> None:
        """Answer with an error in OpenAI's envelope."""
        self.answers(status, {"error": {"message": message, "type": kind, "param": param, "code": "x"}}, **headers)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"] or 0))
        headers = {name.lower(): value for name, value in request.headers.items()}
        form = headers.get("content-type", "").startswith("multipart/form-data")
        self.asked.append((request.path, headers, body if form else json.loads(body or b"null")))
        request.send_response(self.status)
        for name, value in (self.headers | {"transfer-encoding": "chunked"}).items():
            request.send_header(name, value)
        request.end_headers()
        for part in self.parts:
            request.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.sent.set()
        if self.ending == "hangs":
            request.connection.settimeout(30)
            # A client that is interrupted resets the connection or closes it, as it happens.
            with suppress(ConnectionResetError):
                if request.connection.recv(1) != b"":
                    return
            self.client_left.set()
        elif self.ending == "whole":
            # A client that has seen an error leaves at once.
            with suppress(ConnectionError):
                request.wfile.write(b"0\r\n\r\n")
        request.close_connection = True

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen on a free port of the loopback address."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake.handle(self)

            def do_GET(self) -> None:
                fake.handle(self)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def progress(stage: str, **fields: int) -> tuple[str, dict[str, Any]]:
    return "gitex.progress", {"type": "gitex.progress", "stage": stage, **fields}


def completed(**changes: Any) -> tuple[str, dict[str, Any]]:
    provenance = {
        "asset_id": "ast_1",
        "variant": "starter-diffusion@1",
        "weights_digest": "sha256:" + "a" * 64,
        "prompt": "star",
        "seed": 7,
        "size": "128x128",
        "sha256": SHA256,
        "timing": {"queue": 0, "encode": 0.1, "denoise": 1, "decode": 0.1},
        "cache": "miss",
    } | changes
    picture = {"b64_json": base64.b64encode(PNG).decode(), "gitex": provenance}
    return "image_generation.completed", {"type": "image_generation.completed", **picture}
