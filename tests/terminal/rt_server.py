"""The fake Request Tracker behind a real socket of this machine, which can be told to take a reply and fall silent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agentdesk.model.clock import SystemClock
from tests.fakes.rt import FakeRt
from tests.fakes.wire import Reply


class RtServer:
    """An RT that listens; ``silent`` holds answers to replies back, ``answer`` makes answers from a request's head."""

    def __init__(self) -> None:
        self.rt = FakeRt(SystemClock())
        self.silent = threading.Event()
        self.taken = threading.Event()
        """Set once a reply has reached the server."""
        self.ended = threading.Event()
        self.answer: Callable[[dict[str, str]], Reply] | None = None
        self.heads: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def config(self, place: str = "{env: RT_TOKEN}") -> str:
        """A source block for this server."""
        return (f"  - {{kind: rt, name: support, url: \"{self.url}\", token: {place}, queues: [Support], poll: 1s, "
                f"take_on_reply: false}}\n")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                size = int(self.headers.get("content-length", 0))
                body = self.rfile.read(size)
                head = {name.lower(): value for name, value in self.headers.items()}
                server.heads.append(head)
                with server._lock:
                    reply = (server.answer(head) if server.answer is not None
                             else server.rt.handle(self.command, self.path, head, body))
                if self.command == "POST" and "/ticket/" in self.path:
                    server.taken.set()
                    if server.silent.is_set():
                        server.ended.wait(60)
                        return
                data = reply.body()
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _answer

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> RtServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def serving(*mails: str) -> Iterator[RtServer]:
    """A server with a ticket for each of these texts."""
    with RtServer() as server:
        for number, text in enumerate(mails):
            server.rt.mail(f"customer{number}@example.test", text, real=f"Customer {number}")
        yield server
