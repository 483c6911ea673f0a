"""A program elsewhere that receives events: a real HTTP server on this machine, everything kept."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ReceivedDelivery:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Receiver:
    """`answers` are the statuses to come, one for each request; after them it is always the last one. `location` goes
    with every answer, `slow` seconds before it."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [204])
    location: str = ""
    body: bytes = b""
    slow: float = 0.0
    told: list[ReceivedDelivery] = field(default_factory=list)

    def types(self) -> list[str]:
        return [told.document["type"] for told in self.told]


@contextmanager
def receiving(certificate: Path | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """With `certificate` (PEM, with its key) over TLS."""
    receiver = Receiver()

    class ReceiverHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.told.append(ReceivedDelivery(self.path, headers, body, time.time()))
            status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            time.sleep(receiver.slow)
            self.send_response(status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer((host, 0), ReceiverHandler)
    server.daemon_threads = True
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    receiver.url = f"{scheme}://{host}:{server.server_address[1]}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
