"""What stands in the bare remote, read with git alone: tags, ledger, heads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

LEDGER = "release-ledger"


class Remote:
    """A bare repository; `git(cwd, *words, given="")` runs git on this input and answers what it printed."""

    def __init__(self, path: Path, git: Callable[..., str]) -> None:
        self.path = path
        self._git = git

    def tags(self) -> dict[str, tuple[str, str, str]]:
        """Tag -> its object, the object's type, and the commit that it names."""
        form = "%(refname:strip=2) %(objectname) %(objecttype) %(*objectname)"
        shown = self._git(self.path, "for-each-ref", f"--format={form}", "refs/tags")
        parts = [line.split(" ") for line in shown.splitlines()]
        return {name: (object_, kind, commit) for name, object_, kind, commit in parts}

    def trailers(self, tag: str) -> dict[str, Any]:
        """The trailers of a tag's message; each value is a JSON string."""
        message = self._git(self.path, "cat-file", "tag", tag).partition("\n\n")[2]
        lines = [line.partition(": ") for line in message.splitlines() if line.startswith("Release-")]
        return {key: json.loads(value) for key, _, value in lines}

    def ledger(self) -> list[dict[str, Any]]:
        """Every event in the order of the ledger's commits.

        Fails unless each commit has one parent, the one before, and adds one event.
        """
        if not self._git(self.path, "for-each-ref", f"refs/heads/{LEDGER}"):
            return []
        log = ("log", "--reverse", "--raw", "--no-abbrev", "--no-renames", "--format=%x00%H %P", LEDGER)
        blobs, before = [], ""
        for entry in self._git(self.path, *log).split("\0")[1:]:
            first, *lines = entry.strip().splitlines()
            commit, _, parent = first.strip().partition(" ")
            assert parent == before, f"the ledger is not linear at {commit}"
            changed = [line.split() for line in lines if line]
            # What no head names any more leaves the tree; its commit keeps it.
            events = [fields for fields in changed if not fields[5].startswith("heads/") and fields[4] != "D"]
            assert [fields[4] for fields in events] == ["A"], f"{commit} does not add one event: {changed}"
            blobs.append(events[0][3])
            before = commit
        # One process for all, a train has hundreds. An answer is a header, the event's line, an empty line.
        told = self._git(self.path, "cat-file", "--batch", given="\n".join(blobs)).splitlines()
        assert [line.split()[:2] for line in told[0::3]] == [[blob, "blob"] for blob in blobs]
        return [json.loads(line) for line in told[1::3]]

    def head(self, stage: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self._git(self.path, "cat-file", "blob", f"{LEDGER}:heads/fleet/{stage}.json")
        )
        return found

    def assert_no_half_state(self) -> list[dict[str, Any]]:
        """Every tag has its started record, and every started record its tag. Returns the ledger's events."""
        events = self.ledger()
        started = {
            event["release"]["tag"]: event["release"]["tag_object"]
            for event in events
            if event["kind"] == "started" and event["release"].get("tag")
        }
        assert started == {name: object_ for name, (object_, _, _) in self.tags().items()}
        return events
