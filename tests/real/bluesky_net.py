"""A real AT Protocol network for the tests: started once for all test processes, accounts made as they are needed."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from agentdesk.model.clock import SystemClock
from tests.fakes.bluesky import FakeBluesky
from tests.fakes.bluesky_wire import Refusal, iso
from tests.real.conftest import run

POST = "app.bsky.feed.post"
T = TypeVar("T")


@dataclass
class Person:
    """An account with its own session."""

    net: Network
    did: str
    handle: str
    token: str
    refresh: str

    def call(self, method: str, name: str, **more: Any) -> Any:
        """One call as this person."""
        answer = self.net.http.request(method, name, headers={"Authorization": f"Bearer {self.token}"}, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def app_password(self, *, privileged: bool = False) -> str:
        """A new app password."""
        body = {"name": f"desk {uuid.uuid4().hex[:8]}", "privileged": privileged}
        return str(self.call("POST", "com.atproto.server.createAppPassword", json=body)["password"])

    def write(self, record: dict[str, Any]) -> dict[str, Any]:
        """Make a record."""
        body = {"repo": self.did, "collection": record["$type"], "record": record}
        made: dict[str, Any] = self.call("POST", "com.atproto.repo.createRecord", json=body)
        return made

    def post(self, text: str, *, to: Person | None = None, reply: dict[str, Any] | None = None, exact: bool = True,
             **more: Any) -> dict[str, Any]:
        """Write a post; the mark that mentions somebody covers nothing, so that the text is exactly this."""
        record: dict[str, Any] = {"$type": POST, "text": text, "createdAt": iso(SystemClock().now()), **more}
        if to is not None:
            end = 0 if exact else len(to.handle) + 1
            record["facets"] = [{"index": {"byteStart": 0, "byteEnd": end}, "features": [
                {"$type": "app.bsky.richtext.facet#mention", "did": to.did}]}, *more.get("facets", [])]
        if reply is not None:
            parent = {"uri": reply["uri"], "cid": reply["cid"]}
            root = self.net.value(reply["uri"]).get("reply", {}).get("root", parent)
            record["reply"] = {"root": root, "parent": parent}
        return self.write(record)

    def delete(self, uri: str) -> None:
        """Delete a record."""
        _, _, _, collection, rkey = uri.split("/")
        body = {"repo": self.did, "collection": collection, "rkey": rkey}
        self.call("POST", "com.atproto.repo.deleteRecord", json=body)

    def sees(self, uri: str) -> bool:
        """Whether the network shows a post to this person."""
        return bool(self.call("GET", "app.bsky.feed.getPosts", params={"uris": [uri]})["posts"])

    def notified(self, uri: str) -> bool:
        """Whether this person was told of a post."""
        told = self.call("GET", "app.bsky.notification.listNotifications", params={"limit": 100})
        return any(item["uri"] == uri for item in told["notifications"])

    def stale_token(self) -> str:
        """An access token of this person that ran out long ago, signed with the test network's own secret."""
        def part(data: dict[str, Any]) -> str:
            return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

        claims = {"scope": "com.atproto.appPass", "aud": "did:web:localhost", "sub": self.did, "iat": 1, "exp": 2}
        body = f"{part({'typ': 'at+jwt', 'alg': 'HS256'})}.{part(claims)}"
        seal = hmac.new(b"jwt-secret", body.encode(), hashlib.sha256).digest()
        return f"{body}.{base64.urlsafe_b64encode(seal).decode().rstrip('=')}"


class Network:
    """The servers."""

    def __init__(self, facts: dict[str, str]) -> None:
        self.url, self.plc, self.admin = facts["url"], facts["plc"], facts["admin"]
        self.http = httpx.Client(base_url=self.url + "/xrpc/", timeout=30, trust_env=False)

    def person(self, name: str) -> Person:
        """Make an account."""
        handle = f"{name}-{uuid.uuid4().hex[:8]}.test"
        body = {"handle": handle, "email": f"{handle}@example.com", "password": "own password"}
        made = self.http.post("com.atproto.server.createAccount", json=body).raise_for_status().json()
        return Person(self, made["did"], handle, made["accessJwt"], made["refreshJwt"])

    def value(self, uri: str) -> dict[str, Any]:
        """A record as its repository holds it."""
        _, _, did, collection, rkey = uri.split("/")
        found = self.http.get("com.atproto.repo.getRecord", params={
            "repo": did, "collection": collection, "rkey": rkey}).raise_for_status().json()
        value: dict[str, Any] = found["value"]
        return value

    def records(self, did: str, collection: str = POST) -> list[dict[str, Any]]:
        """What stands in a repository."""
        found: list[dict[str, Any]] = self.http.get("com.atproto.repo.listRecords", params={
            "repo": did, "collection": collection, "limit": 100}).raise_for_status().json()["records"]
        return found

    def take_down(self, did: str) -> None:
        """What moderators can do to an account."""
        body = {"subject": {"$type": "com.atproto.admin.defs#repoRef", "did": did},
                "takedown": {"applied": True, "ref": "test"}}
        self.http.post("com.atproto.admin.updateSubjectStatus", json=body,
                       auth=("admin", self.admin)).raise_for_status()


def until(get: Callable[[], T], seconds: float = 20) -> T:
    """Wait until something is there: what one server wrote reaches the others a moment later."""
    end = time.monotonic() + seconds
    while not (found := get()):
        if time.monotonic() > end:
            raise AssertionError("it did not come")
        time.sleep(0.05)
    return found


@contextmanager
def shared_network(run_uid: str, port: int) -> Iterator[Network]:
    """The network that all processes of one test run share; the last of them stops it."""
    folder = Path(tempfile.gettempdir()) / f"agentdesk-bluesky-{run_uid}"
    folder.mkdir(mode=0o755, exist_ok=True)
    env = {"BSKY_TEST_DIR": str(folder), "BSKY_TEST_PORT": str(port)}
    users, facts = folder / "users", folder / "facts"
    with _locked(folder):
        count = int(users.read_text()) if users.exists() else 0
        if not count:
            facts.write_text(run("bluesky-up", "up", env=env))
        users.write_text(str(count + 1))
        network = Network(json.loads(facts.read_text()))
    try:
        yield network
    finally:
        network.http.close()
        with _locked(folder):
            left = int(users.read_text()) - 1
            users.write_text(str(left))
            if not left:
                run("bluesky-up", "down", env=env)
        if not left:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class ChatService:
    """A chat service behind the real servers: the account's own server checks the session and passes calls on."""

    def __init__(self) -> None:
        self.net = FakeBluesky(SystemClock())
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.answer(self)

            do_POST = do_GET

            def log_message(self, *args: Any) -> None:
                """Nothing is written about it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.did = f"did:web:localhost%3A{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def knows(self, person: Person) -> None:
        """Let an account take part."""
        account = self.net.account(person.handle, person.handle)
        self.net.accounts.pop(account.did)
        account.did = person.did
        self.net.accounts[person.did] = account

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        """Answer one request that the account's server passed on, for whom its signed word names."""
        parts = urlsplit(call.path)
        body = call.rfile.read(int(call.headers.get("content-length") or 0))
        if parts.path == "/.well-known/did.json":
            self._say(call, 200, {"id": self.did, "service": [{
                "id": "#bsky_chat", "type": "BskyChatService", "serviceEndpoint": f"http://localhost:{self.port}"}]})
            return
        middle = call.headers["authorization"].split(".")[1]
        who = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))["iss"]
        params: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query):
            params.setdefault(name, []).append(value)
        try:
            data = self.net.chat.answer(parts.path.rpartition(".")[2], who, params, json.loads(body) if body else {})
            self._say(call, 200, data)
        except Refusal as refusal:
            self._say(call, refusal.status, {"error": refusal.name, "message": refusal.message})

    def _say(self, call: BaseHTTPRequestHandler, status: int, data: Any) -> None:
        body = json.dumps(data).encode()
        call.send_response(status)
        call.send_header("Content-Type", "application/json")
        call.send_header("Content-Length", str(len(body)))
        call.end_headers()
        call.wfile.write(body)

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
