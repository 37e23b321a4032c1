"""A repository whose tags, ledger and store are as `release` leaves them, for auditors and for forgers.

`Audited` writes through the real adapters; a forger takes `git` to the remote, or `chmod` to the store.
"""

import functools
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from release.adapters.artifacts_folder import FolderArtifacts
from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.core import trailers
from release.core.manifest import Manifest, ServiceEntry, StageDocuments
from release.core.records import Event, Holder, Judged, Passed, ReleaseRef, Served, Wave
from release.core.store_layout import object_key
from release.ports import RefUpdate
from tests.cli.worlds import ACCOUNTS, ENVIRONMENTS, FILES, FOLDER, Fleet, git

TOOL = "lambda-release 0.1.0"
LEDGER = "refs/heads/release-ledger"


class Audited:
    """Dev, qa and uat of a fleet, with a store in a folder."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    @classmethod
    def made(cls, folder: Path) -> "Audited":
        """Two releases in dev and qa; the first is signed off and in uat, where an attempt failed before."""
        fleet = Fleet.with_files(
            folder, FILES | {"pipelines/environments.yaml": ENVIRONMENTS.replace("ARTIFACTS", FOLDER)}
        )
        world = cls(fleet)
        first = fleet.commit("feat: prices (#12)", {"services/orders/orders/data.txt": "1"})
        fleet.push()
        one = world.built(first)
        world.promoted("dev", first, one, "0950", source="main")
        world.promoted("qa", first, one, "0955", tag="v1.0.0-qa.1", source="dev", reason="please test")
        world.decided("accept", "qa", "1000", reason="tested by hand")
        world.promoted("uat", first, one, "1005", tag="v1.0.0-rc.1", source="v1.0.0-qa.1", outcome="failed")
        world.promoted(
            "uat", first, one, "1010", tag="v1.0.0-rc.1", source="v1.0.0-qa.1", reason='=cmd|"x"!A0'
        )
        second = fleet.commit("fix: more prices", {"services/orders/orders/data.txt": "2"})
        fleet.push()
        two = world.built(second)
        world.promoted("dev", second, two, "1020", source="main", version="2")
        world.promoted("qa", second, two, "1025", tag="v1.0.1-qa.1", source="dev", version="2")
        return world

    def copied(self, folder: Path) -> "Audited":
        return Audited(self.fleet.copied(folder))

    @property
    def store(self) -> FolderArtifacts:
        return FolderArtifacts(self.fleet.folder / "store")

    # -- what release writes

    def built(self, commit: str) -> str:
        """The digest of the manifest of a commit, in the store with all that it names."""
        put = self.store.put
        zip_ = put(f"zip of {commit}".encode(), kind="zip")
        documents = StageDocuments(put(b"template", kind="template"), put(b"settings", kind="settings"))
        entry = ServiceEntry(
            artifact=zip_, content="c" * 64, fingerprint="f" * 64, size=47, runtime="python3.13",
            architecture="arm64", target="lambda", stages=dict.fromkeys(("dev", "qa", "uat"), documents),
            sbom=put(f"sbom of {commit}".encode(), kind="sbom"),
        )  # fmt: skip
        return put(Manifest("fleet", commit, TOOL, {"orders": entry}).to_bytes(), kind="manifest")

    def promoted(
        self,
        stage: str,
        commit: str,
        manifest: str,
        time: str,
        *,
        source: str,
        tag: str | None = None,
        reason: str | None = None,
        outcome: str = "succeeded",
        version: str = "1",
        actor: str = "ana",
        run: str | None = None,
        regions: Sequence[str] = ("us-east-1",),
        gates: tuple[Passed, ...] | None = None,
        approvers: tuple[str, ...] = (),
    ) -> None:
        """One promotion as `release` records it; `time` is HHMM of 2026-11-21."""
        repo = GitRepo.open(self.fleet.clone)
        ledger = GitLedger(repo, SystemClock())
        refs = repo.remote()
        state = ledger.read(refs)
        id = f"20261121T{time}00Z-fleet-{stage}-0000{time}"
        update, tag_object = None, None
        if tag is not None and tag in refs.tags:
            tag_object = refs.tags[tag].object
        elif tag is not None:
            stated = {
                "Release-Manifest": manifest, "Release-From": source, "Release-Actor": actor,
                "Release-Run": run or "", "Release-Reason": reason or "", "Release-Nonce": id,
                "Release-Ledger": state.commit or "",
            }  # fmt: skip
            message = trailers.format_message(f"{tag}: {source} to {stage}", stated)
            tag_object = repo.write_tag(name=tag, commit=commit, message=message)
            update = RefUpdate(f"refs/tags/{tag}", tag_object)
        common: dict[str, Any] = {
            "id": id, "pipeline": "fleet", "stage": stage, "verb": "promote" if tag else "deploy",
            "release": ReleaseRef(commit, manifest, tag, tag_object), "actor": actor, "tool": TOOL,
            "fence": state.head("fleet", stage).fence + 1, "reason": reason, "source": source,
            "run": run,
        }  # fmt: skip
        at = f"2026-11-21T{time[:2]}:{time[2:]}"
        served = [Served("orders", f"orders-{stage}", ACCOUNTS[stage], region) for region in regions]
        state = ledger.append(
            state,
            Event(
                kind="started", at=f"{at}:00Z", holder=Holder("elsewhere/boot", 4711, "1"),
                next_by="2026-11-21T23:00:00Z", before=tuple(served), course="d" * 64, gates=gates,
                approvers=approvers, **common,
            ),
            tag=update,
        )  # fmt: skip
        if outcome == "succeeded":
            wave = Wave("us-east-1", 100, f"{at}:20Z")
            judged = Judged("orders", "us-east-1", 10, "pass", "no worse", "1", 900, 1, "2", 100, 0)
            state = ledger.append(
                state,
                Event(
                    kind="shifted", at=f"{at}:20Z", wave=wave, judged=(judged,),
                    next_by="2026-11-21T23:00:00Z", **common,
                ),
            )  # fmt: skip
        zip_ = json.loads(self.store.get(manifest, kind="manifest"))["services"]["orders"]["artifact"]
        after = tuple(replace(one, lambda_version=version, code=zip_) for one in served)
        good = outcome == "succeeded"
        ended = Event(
            kind="outcome", at=f"{at}:30Z", outcome=outcome, after=after if good else (),
            failure=None if good else "the smoke test failed", notes=("ran a migration",) if good else (),
            **common,
        )  # fmt: skip
        ledger.append(state, ended)

    def decided(self, kind: Any, stage: str, time: str, *, reason: str, actor: str = "ben") -> None:
        ledger = GitLedger(GitRepo.open(self.fleet.clone), SystemClock())
        state = ledger.read()
        head = state.head("fleet", stage)
        release = head.serves.release if head.serves else None
        id = f"20261121T{time}00Z-fleet-{stage}-0000{time}"
        at = f"2026-11-21T{time[:2]}:{time[2:]}:00Z"
        event = Event(
            kind=kind, id=id, at=at, pipeline="fleet", stage=stage, verb=kind, release=release, actor=actor,
            tool=TOOL, fence=head.fence, reason=reason,
        )  # fmt: skip
        ledger.append(state, event)

    # -- what a forger does

    def git(self, *words: str, **variables: str) -> str:
        """In the remote, where nothing of ours looks."""
        for name, value in variables.items():
            os.environ[name] = value
        try:
            return git(self.fleet.remote, *words)
        finally:
            for name in variables:
                del os.environ[name]

    def ledger_commits(self) -> Sequence[str]:
        """Oldest first."""
        return self.git("rev-list", "--reverse", LEDGER).split()

    def added(self, commit: str) -> str:
        """Path of the event that a commit of the ledger adds."""
        shown = self.git(
            "diff-tree", "--root", "-r", "--diff-filter=A", "--name-only", "--no-commit-id", commit
        )
        return next(line for line in shown.splitlines() if line[:4].isdigit())

    def find(self, *words: str) -> str:
        """The first commit of the ledger whose event's path holds all these words."""
        return next(one for one in self.ledger_commits() if all(word in self.added(one) for word in words))

    def rewrite(
        self,
        change: Callable[[str, dict[str, bytes]], Mapping[str, bytes | None] | None],
    ) -> None:
        """Write the ledger again from its first commit on, and push it by force.

        `change` gets a commit and its files, and says what to put in the place of some (None: take it out);
        None in the place of all: leave the commit out.
        """
        parent: list[str] = []
        bytes_of = functools.cache(lambda blob: self.git_bytes("cat-file", "blob", blob))
        for commit in self.ledger_commits():
            listed = self.git("ls-tree", "-r", commit).splitlines()
            blobs = {line.split("\t")[1]: line.split()[2] for line in listed}
            files = {path: bytes_of(blob) for path, blob in blobs.items()}
            changed = change(commit, files)
            if changed is None:
                continue
            for path, data in changed.items():
                if data is None:
                    blobs.pop(path, None)
                else:
                    blobs[path] = self.write_blob(data)
            message = self.git("log", "-1", "--format=%B", commit)
            parent = [self.commit_of(blobs, parent, message)]
        self.git("update-ref", LEDGER, parent[0])

    def append(self, changes: Mapping[str, bytes | None], message: str) -> None:
        """One commit of a forger on top of the ledger."""
        head = self.git("rev-parse", LEDGER)
        listed = self.git("ls-tree", "-r", head).splitlines()
        blobs = {line.split("\t")[1]: line.split()[2] for line in listed}
        for path, data in changes.items():
            if data is None:
                blobs.pop(path)
            else:
                blobs[path] = self.write_blob(data)
        self.git("update-ref", LEDGER, self.commit_of(blobs, [head], message))

    def git_bytes(self, *words: str) -> bytes:
        return GitRepo.open(self.fleet.remote)._git.out(*words)

    def write_blob(self, data: bytes) -> str:
        path = self.fleet.folder / "blob"
        path.write_bytes(data)
        return self.git("hash-object", "-w", "--no-filters", str(path))

    def commit_of(self, blobs: Mapping[str, str], parents: Sequence[str], message: str) -> str:
        index = str(self.fleet.folder / "index")
        Path(index).unlink(missing_ok=True)
        entries = [word for path, blob in blobs.items() for word in ("--cacheinfo", f"100644,{blob},{path}")]
        self.git("update-index", "--add", *entries, GIT_INDEX_FILE=index)
        tree = self.git("write-tree", GIT_INDEX_FILE=index)
        ancestry = [word for one in parents for word in ("-p", one)]
        return self.git("commit-tree", *ancestry, "-m", message, tree)

    def stored(self, kind: str, digest: str) -> Path:
        path = self.fleet.folder / "store" / object_key(kind, digest)
        path.chmod(0o644)
        return path

    def forget_ledger(self) -> None:
        """As a clone that is new: it has seen nothing before."""
        shutil.rmtree(self.fleet.clone / ".git" / "release", ignore_errors=True)
        self.fleet.git("update-ref", "-d", "refs/remotes/origin/release-ledger")
