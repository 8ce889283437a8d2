"""A mitmproxy addon that spoils chosen requests on their way to one server.

``POST /__fault`` takes one rule or a list, ``GET`` tells which are left and what they did, ``DELETE`` forgets both.
A rule is ``{"mode": …, "method": "POST", "path": "regex", "times": 1, "skip": 0, …}``; the first that fits is used:

cut_before  the line breaks before anything reaches the server
cut_after   the server does it and answers; the client gets no byte of that
hang_after  like cut_after, after ``seconds`` of silence
lie         the server does it; the client gets ``status`` and ``body`` instead
status      answered here with ``status``, ``headers``, ``body``; the server never sees it
latency     ``seconds`` pass before the request goes on
truncate    the first ``bytes`` of the real answer, then the line breaks
garbage     the server does it; the client gets HTML with status 200
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from mitmproxy import http

BEFORE = ("cut_before", "status", "latency")


class Faults:
    """The rules and their log."""

    def __init__(self) -> None:
        self.rules: list[dict[str, Any]] = []
        self.log: list[dict[str, Any]] = []

    async def request(self, flow: http.HTTPFlow) -> None:
        """On the way there."""
        if flow.request.path.startswith("/__fault"):
            self._control(flow)
            return
        rule = self._pick(flow, before=True)
        if rule is None:
            return
        if rule["mode"] == "latency":
            await asyncio.sleep(rule["seconds"])
        elif rule["mode"] == "cut_before":
            flow.kill()
        else:
            flow.metadata["ours"] = True
            self._answer(flow, rule, rule["status"])

    async def response(self, flow: http.HTTPFlow) -> None:
        """On the way back."""
        rule = None if flow.metadata.get("ours") else self._pick(flow, before=False)
        if rule is None or flow.response is None:
            return
        match rule["mode"]:
            case "hang_after":
                await asyncio.sleep(rule["seconds"])
                flow.kill()
            case "cut_after":
                flow.kill()
            case "lie":
                self._answer(flow, rule, rule["status"])
            case "garbage":
                self._answer(flow, {"body": "<html>sign in</html>", "headers": {"Content-Type": "text/html"}}, 200)
            case "truncate":
                whole = flow.response.raw_content or b""
                flow.response.content = whole[: rule.get("bytes", 8)]
                flow.response.headers["Content-Length"] = str(len(whole))
                flow.response.headers["Connection"] = "close"

    def _control(self, flow: http.HTTPFlow) -> None:
        flow.metadata["ours"] = True
        if flow.request.method == "POST":
            given = json.loads(flow.request.content or b"[]")
            self.rules.extend(given if isinstance(given, list) else [given])
        elif flow.request.method == "DELETE":
            self.rules.clear()
            self.log.clear()
        left = [rule for rule in self.rules if rule.get("times", 1) > 0]
        self._answer(flow, {"body": {"rules": left, "log": self.log}}, 200)

    def _pick(self, flow: http.HTTPFlow, *, before: bool) -> dict[str, Any] | None:
        for rule in self.rules:
            if rule.get("times", 1) <= 0 or (rule["mode"] in BEFORE) != before:
                continue
            if rule.get("method", flow.request.method) != flow.request.method:
                continue
            if not re.search(rule.get("path", ""), flow.request.path):
                continue
            if rule.get("skip", 0) > 0:
                rule["skip"] -= 1
                continue
            rule["times"] = rule.get("times", 1) - 1
            told = flow.response.status_code if flow.response else None
            self.log.append({"mode": rule["mode"], "method": flow.request.method, "path": flow.request.path,
                             "upstream": told})
            return rule
        return None

    def _answer(self, flow: http.HTTPFlow, rule: dict[str, Any], status: int) -> None:
        body, headers = rule.get("body", {"message": "injected"}), dict(rule.get("headers", {}))
        if not isinstance(body, str):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        flow.response = http.Response.make(status, body, headers)


addons = [Faults()]
