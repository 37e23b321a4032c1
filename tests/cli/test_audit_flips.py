"""Any single byte that is flipped of a gold release is found by `release audit verify`, and named.

Of its files on GitHub, the message of its tag, every file of every commit of the ledger, and all that is
stored of it. Positions: the first, the middle and the last byte, and some that a seed draws.
"""

import json
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from release.adapters.clock import SystemClock
from release.adapters.github import GitHubForge
from release.core.forge.releases import WantedAsset
from release.sandbox.session import Sandbox
from tests.cli.audit_worlds import LEDGER
from tests.cli.conftest import SANDBOXED, Cli, _somebody
from tests.cli.record_worlds import FILES_NAMED, Recorded

pytestmark = SANDBOXED
TAG = "v1.0.0"
SEED = 20261121
STORED = ("zip", "manifest", "template", "settings", "sbom", "provenance")
FEW, MANY = 1, 4  # positions that are drawn, beside first, middle and last


def drawn(seed: object) -> random.Random:
    return random.Random(f"{SEED} {seed}")  # noqa: S311 - the same positions in every run


def flips(data: bytes, more: int, of: str) -> Iterator[tuple[int, bytes]]:
    """(position, the same with one bit of that byte turned)."""
    chance = drawn(of)
    size = len(data)
    at = [0, size // 2, size - 1, *(chance.randrange(size) for _ in range(more))]
    for position in dict.fromkeys(at):
        turned = data[position] ^ 1 << chance.randrange(8)
        yield position, data[:position] + bytes([turned]) + data[position + 1 :]


def one_flip(data: bytes, of: str) -> Iterator[tuple[int, bytes]]:
    yield drawn(of).choice(list(flips(data, FEW, of)))


Flips = Callable[[bytes, str], Iterator[tuple[int, bytes]]]


def many(data: bytes, of: str) -> Iterator[tuple[int, bytes]]:
    return flips(data, MANY, of)


HOW_MANY = pytest.mark.parametrize(
    "flipped", [pytest.param(one_flip, id="one"), pytest.param(many, id="many", marks=pytest.mark.prove)]
)


@dataclass(frozen=True)
class Ledger:
    """A chain in the remote, and how it is written again: other objects from one commit on."""

    world: Recorded

    @cached_property
    def commits(self) -> Sequence[tuple[str, str, dict[str, str]]]:
        """(commit, its raw object, path -> blob), oldest first."""
        found = []
        for commit in self.world.ledger_commits():
            listed = self.world.git("ls-tree", "-r", commit).splitlines()
            blobs = {line.split("\t")[1]: line.split()[2] for line in listed}
            found.append((commit, self.world.git("cat-file", "commit", commit), blobs))
        return found

    @property
    def files(self) -> Iterator[tuple[int, str, bytes]]:
        """(number of the commit, path, content) of every file that a commit has not as its parent."""
        before: dict[str, str] = {}
        for number, (_, _, blobs) in enumerate(self.commits):
            for path, blob in blobs.items():
                if before.get(path) != blob:
                    yield number, path, self.world.git_bytes("cat-file", "blob", blob)
            before = blobs

    def forge(self, number: int, path: str, data: bytes) -> None:
        """The ledger with another content of this file, from this commit on for as long as it stood there."""
        good = self.commits[number][2][path]
        stream, parent = [], self.commits[number - 1][0] if number else None
        for place, (_, raw, blobs) in enumerate(self.commits[number:]):
            header, _, message = raw.partition("\n\n")
            committer = next(line for line in header.split("\n") if line.startswith("committer "))
            text = message.encode() + b"\n"
            stream.append(b"commit refs/heads/forged\nmark :%d\n%s\n" % (place + 1, committer.encode()))
            stream.append(b"data %d\n%s\n" % (len(text), text))
            if parent:
                stream.append(f"from {parent}\n".encode())
            stream.append(b"deleteall\n")
            for file, blob in blobs.items():
                if file == path and blob == good:
                    stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (file.encode(), len(data), data))
                else:
                    stream.append(f"M 100644 {blob} {file}\n".encode())
            parent = f":{place + 1}"
        stream.append(f"reset {LEDGER}\nfrom {parent}\n".encode())
        command = ["git", "-C", str(self.world.fleet.remote), "fast-import", "--quiet", "--force"]
        subprocess.run(command, input=b"".join(stream), check=True)

    def restore(self) -> None:
        self.world.git("update-ref", LEDGER, self.commits[-1][0])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Recorded:
    """A gold release that is recorded on the forge. Each test puts back what it has changed."""
    with _somebody():
        world = Recorded.whole(tmp_path_factory.mktemp("flips") / "fleet").at(sandbox)
        world.record()
        return world


@pytest.fixture(autouse=True)
def at_the_forge(world: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def mismatches(cli: Cli, world: Recorded) -> Callable[..., list[str]]:
    """What `release audit verify v1.0.0` names, in order; fails unless it exits 3."""

    def run(flip: str, *, fresh: bool = False) -> list[str]:
        if fresh:
            world.forget_ledger()
        ran = cli("audit", "verify", "--without-aws", "--json", TAG, at=world.fleet.clone)
        assert ran.code == 3, f"{flip}: {ran.err}{ran.out}"
        shown: list[dict[str, Any]] = json.loads(ran.out)["checks"]
        found = [f"{one['place']}: {one['why']}" for one in shown if one["result"] == "mismatch"]
        (error,) = ran.lines("error:")  # which shows control characters in another form
        assert error.startswith(found[0].partition(": ")[0]), flip
        return found

    return run


@pytest.fixture
def verified(cli: Cli, world: Recorded) -> Callable[[], None]:
    def run() -> None:
        ran = cli("audit", "verify", "--without-aws", TAG, at=world.fleet.clone)
        assert ran.code == 0, ran.err

    return run


Mismatches = Callable[..., list[str]]
Say = Callable[[str, object], None]


def forge(world: Recorded) -> GitHubForge:
    return GitHubForge.found(world.environ, None, SystemClock())


@HOW_MANY
def test_a_byte_of_a_file_on_github(
    flipped: Flips,
    world: Recorded,
    mismatches: Mismatches,
    verified: Callable[[], None],
    record_property: Say,
) -> None:
    """By who may write to the repository, and by who can reach what lies under GitHub's API."""
    releases, count = forge(world).releases, 0
    for name in FILES_NAMED:
        (good,) = [one for one in found(world) if one.name == name]
        data = releases.asset(good)
        (stored,) = world.sandbox.root.rglob(str(good.digest))
        try:
            for position, bad in flipped(data, name):
                flip, place = f"byte {position} of {name}", f"{name} of the release {TAG}: "
                put(world, name, bad)
                assert all(line.startswith(place) for line in mismatches(flip)), flip
                put(world, name, data)
                stored.write_bytes(bad)
                assert all(line.startswith(place) for line in mismatches(flip)), flip
                stored.write_bytes(data)
                count += 2
        finally:
            put(world, name, data)
            stored.write_bytes(data)
    verified()
    if flipped is many:
        proof = f"flipped bytes of files on GitHub: {count} in {len(FILES_NAMED)} files, all named"
        record_property("proof", proof)


def found(world: Recorded) -> Sequence[Any]:
    release = forge(world).releases.published(TAG)
    assert release is not None
    return release.assets


def put(world: Recorded, name: str, data: bytes) -> None:
    release = forge(world).releases.published(TAG)
    assert release is not None
    (there,) = [one for one in release.assets if one.name == name]
    forge(world).releases.delete_asset(there.id)
    forge(world).releases.upload(release, WantedAsset(name, "application/octet-stream", data))


@HOW_MANY
def test_a_byte_of_the_message_of_the_tag(
    flipped: Flips,
    world: Recorded,
    mismatches: Mismatches,
    verified: Callable[[], None],
    record_property: Say,
    tmp_path: Path,
) -> None:
    good = world.git("rev-parse", f"refs/tags/{TAG}")
    header, end, message = world.git_bytes("cat-file", "tag", good).partition(b"\n\n")
    count = 0
    try:
        for position, bad in flipped(message, "tag"):
            forged = tmp_path / "forged"
            forged.write_bytes(header + end + bad)
            made = world.git("hash-object", "-w", "--literally", "-t", "tag", str(forged))
            world.git("update-ref", f"refs/tags/{TAG}", made)

            assert mismatches(f"byte {position} of the tag's message")[0].startswith(f"tag {TAG}: ")
            count += 1
    finally:
        world.git("update-ref", f"refs/tags/{TAG}", good)
    verified()
    if flipped is many:
        record_property("proof", f"flipped bytes of a tag's message: {count}, all named")


@HOW_MANY
def test_a_byte_of_a_file_of_the_ledger(
    flipped: Flips,
    world: Recorded,
    mismatches: Mismatches,
    verified: Callable[[], None],
    record_property: Say,
) -> None:
    """The chain is written again from there, as it has to be. A clone that has seen it names the file; one
    that has not names the file, or the tag or `audit.json` that holds a commit of the chain as it was.
    """
    verified()
    ledger = Ledger(world)
    files = list(ledger.files)
    if flipped is one_flip:
        files = drawn("files").sample(files, 4)
    count = 0
    try:
        for number, path, data in files:
            for position, bad in flipped(data, f"{number} {path}"):
                flip = f"byte {position} of {path} in commit {number} of the ledger"
                ledger.forge(number, path, bad)

                first = mismatches(flip)[0]
                assert path in first, f"{flip}: {first}"
                count += 1
            world.forget_ledger()
            lines = mismatches(flip, fresh=True)
            anchors = (path, "the chain was rewritten", f"audit.json of the release {TAG}: its bytes")
            assert any(one in line for one in anchors for line in lines), f"{flip}: {lines}"
            ledger.restore()
            world.forget_ledger()
            verified()
    finally:
        ledger.restore()
        world.forget_ledger()
    if flipped is many:
        proof = f"flipped bytes of the ledger: {count} in {len(files)} files of commits, all named"
        record_property("proof", proof)


@HOW_MANY
def test_a_byte_of_what_is_stored(
    flipped: Flips,
    world: Recorded,
    mismatches: Mismatches,
    verified: Callable[[], None],
    record_property: Say,
) -> None:
    head = json.loads(world.git_bytes("cat-file", "blob", f"{LEDGER}:heads/fleet/prod.json"))
    manifest: str = head["serves"]["release"]["manifest"]
    entry = json.loads(world.store.get(manifest, kind="manifest"))["services"]["orders"]
    digests = {
        **{kind: entry[kind] for kind in ("sbom", "provenance")},
        **{kind: entry["stages"]["qa"][kind] for kind in ("template", "settings")},
        "zip": entry["artifact"],
        "manifest": manifest,
    }
    count = 0
    for kind in STORED:
        place = f"manifest {manifest[:12]} of {TAG}: " if kind == "manifest" else f"the {kind} of orders "
        file = world.stored(kind, digests[kind])
        data = file.read_bytes()
        try:
            for position, bad in flipped(data, kind):
                file.write_bytes(bad)
                first = mismatches(f"byte {position} of the {kind}")[0]
                assert first.startswith(place), first
                count += 1
        finally:
            file.write_bytes(data)
    verified()
    if flipped is many:
        record_property(
            "proof", f"flipped bytes of what is stored: {count} in {len(STORED)} kinds, all named"
        )
