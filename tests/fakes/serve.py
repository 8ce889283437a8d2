"""A fake server on a real socket of this machine, for tests that run agentdesk as a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.wire import Fault, Handler

BREAKS = ("lose", "cut")


@contextmanager
def serving(handler: Handler, faults: list[Fault] | None = None) -> Iterator[str]:
    """Serve ``handler`` in a thread; gives the address. ``faults`` may be added to at any time."""
    rules = faults if faults is not None else []
    one_at_a_time = threading.Lock()

    class Talk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with one_at_a_time:
                fault = _fit(rules, self.command, self.path)
                if fault is None or fault.kind not in ("lose", "status"):
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    reply = handler(self.command, self.path, headers, body)
            if fault is not None and fault.kind in BREAKS:
                self.close_connection = True
                self.connection.close()
                return
            if fault is not None:
                self.write(fault.status, fault.headers, fault.body)
            else:
                self.write(reply.status, reply.headers, reply.body())

        def write(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)  # without this machine's date: the fake may have a clock of its own
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

        do_GET = do_POST = do_PUT = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _fit(rules: list[Fault], method: str, path: str) -> Fault | None:
    for fault in rules:
        if fault.times > 0 and fault.method in ("", method) and fault.path in path:
            fault.times -= 1
            return fault
    return None
