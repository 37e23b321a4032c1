"""This repository's own services by `release local`, from a fresh clone and an empty home."""

import http.client
import json
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local.fleet import ROOT, Clone, get, git, items, taken_down

pytestmark = pytest.mark.prove  # installs what two services lock, and sends 1,000 requests

REQUESTS, CALLERS = 1000, 16
AUDIT = "price-fetcher-dev-audit"


class OwnClone(Clone):
    """`release` is the clone's own, too."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PYTHONPATH": str(self.top)}


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """All that is committed, or would be with `git add --all`."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.run([*command, "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    top = tmp_path / "fleet"
    for name in filter(None, listed.stdout.decode().split("\0")):
        if name.split("/")[0] in ("release", "templates", "services", "pipelines", ".gitignore"):
            file = ROOT / name
            if file.is_file():
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, top / name)
    git(top, "init", "--quiet")
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "the fleet")
    with taken_down(OwnClone(top)) as made:
        yield made


def test_the_seeded_price_is_answered_and_every_read_leaves_one_audit_item(clone: Clone) -> None:
    up = clone.up("--port", "0")

    status, body = get(up["url"], "/price?id=PROD-101&userId=ana")
    assert (status, json.loads(body)) == (200, {"productId": "PROD-101", "price": 99.99, "currency": "USD"})
    assert [item["what"]["S"] for item in items(up, AUDIT) if item["who"]["S"] == "ana"] == ["price/PROD-101"]

    invoked = clone.release("local", "invoke", "price-fetcher", "--event", "get-price.json")
    answer = json.loads(invoked.stdout)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, json.loads(body))
    assert len(items(up, AUDIT)) == 2
    assert get(up["url"], "/price?id=nothing%20like%20it&userId=ana")[0] == 400
    assert len(items(up, AUDIT)) == 2

    statuses = _asked(up["url"])
    readers = Counter(item["who"]["S"] for item in items(up, AUDIT) if item["who"]["S"].startswith("load-"))
    assert statuses == {200: REQUESTS}
    assert readers == {f"load-{number}": 1 for number in range(REQUESTS)}

    clone.release("local", "down")
    assert not (clone.top / ".release-local").exists()
    shown = subprocess.run(["git", "status", "--porcelain"], cwd=clone.top, capture_output=True, check=True)
    assert shown.stdout == b""
    running = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert str(clone.top) not in running


def _asked(url: str) -> Counter[int]:
    """1,000 requests of 16 callers at once, each over a connection of its own that stays open."""
    own = threading.local()

    def one(number: int) -> int:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)
            connections.append(own.connection)
        own.connection.request("GET", f"/price?id=PROD-102&userId=load-{number}")
        answer = own.connection.getresponse()
        answer.read()
        return int(answer.status)

    connections: list[http.client.HTTPConnection] = []
    try:
        with ThreadPoolExecutor(CALLERS) as callers:
            return Counter(callers.map(one, range(REQUESTS)))
    finally:
        for connection in connections:
            connection.close()
