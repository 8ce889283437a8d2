"""The guide to connectors is true: its blocks make a package that passes its tests and works at the desk."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "connectors.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FEED = b"""<rss version="2.0"><channel><title>News</title><item><guid>urn:1</guid><title>Acme lost a parcel</title>
<link>https://news.example/1</link></item></channel></rss>"""


def blocks(kind: str) -> list[str]:
    """All blocks of one language."""
    return [text for language, text in BLOCK.findall(GUIDE.read_text(encoding="utf-8")) if language == kind]


def files() -> dict[str, str]:
    """The files that the guide makes, each of its blocks in order."""
    found: dict[str, str] = {}
    for kind in ("toml", "python", "yaml"):
        for text in blocks(kind):
            head, _, body = text.partition("\n")
            name, _, more = head.removeprefix("# ").partition(", ")
            assert more == ("continued" if name in found else ""), head
            found[name] = found.get(name, "") + body
    return found


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package as a reader would have it, installed as ``pip install -e`` leaves it."""
    folder = tmp_path / "agentdesk-feed"
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / "agentdesk_feed-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in offers.items())
             for group, offers in project["entry-points"].items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def run(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the package's folder."""
    env = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}", "AGENTDESK_HOME": str(package / "home")}
    return subprocess.run([sys.executable, *words], cwd=package, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def host() -> Iterator[str]:
    """A feed on this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/rss+xml")
            self.end_headers()
            self.wfile.write(FEED)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_block_is_of_a_kind_that_is_run() -> None:
    languages = {language for language, _ in BLOCK.findall(GUIDE.read_text(encoding="utf-8"))}
    assert languages == {"toml", "python", "yaml", "sh"}
    assert set(files()) == {"pyproject.toml", "agentdesk_feed/__init__.py", "agentdesk_feed/connector.py",
                            "tests/test_feed.py", "config.yaml"}


def test_its_tests_pass(package: Path) -> None:
    install, test = blocks("sh")[0].splitlines()
    assert install == "pip install -e '.[dev]'"
    ended = run(package, *test.split()[1:], "-q", "-p", "no:cacheprovider", "-W", "error", "-p", "no:xdist")
    assert ended.returncode == 0, ended.stdout[-3_000:] + ended.stderr
    told = re.search(r"(\d+) passed", ended.stdout)
    assert told is not None
    assert int(told[1]) > 50


def test_it_works_at_the_desk(package: Path, host: str) -> None:
    said = {}
    for number, line in enumerate(blocks("sh")[1].splitlines()):
        if number == 0:
            path = Path(run(package, "-m", "agentdesk", "config", "path").stdout.strip())
            path.parent.mkdir(parents=True, mode=0o700)
            path.write_text(files()["config.yaml"].replace("127.0.0.1:8080", host))
            path.chmod(0o600)
        program, *words = line.split()
        assert program == "agentdesk"
        ended = run(package, "-m", "agentdesk", *words)
        assert ended.returncode == 0, line + ended.stdout + ended.stderr
        said[" ".join(words)] = ended.stdout
    assert "its connector comes from agentdesk-feed 0.1.0" in said["doctor"]
    assert "agentdesk-feed 0.1.0" in said["sources"]
    assert "The address of the feed." in said["config schema"]
    row = json.loads(said["queue --json"].splitlines()[0])
    assert (row["preview"], row["indirect"]) == ("Acme lost a parcel", True)
