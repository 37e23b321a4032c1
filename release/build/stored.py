"""Finds and fills the artifact store: which bytes a fingerprint has, and that they are in every region."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from release.build.python import Builder, Source
from release.build.sources import Prepared
from release.build.target import Target
from release.core import canonical
from release.errors import Misconfigured
from release.ports import Artifacts, Progress


@dataclass(frozen=True, slots=True)
class Stored:
    """The artifact of a fingerprint, as the index knows it."""

    fingerprint: str
    artifact: str  # sha256 of the zip
    content: str
    size: int  # bytes of the zip
    zlib: str  # version that deflated it
    seconds: float = 0.0  # spent on building it now

    def to_text(self) -> str:
        return canonical.dumps(
            {"artifact": self.artifact, "content": self.content, "size": self.size, "zlib": self.zlib}
        ).decode()

    @classmethod
    def from_text(cls, text: str, fingerprint: str) -> "Stored":
        """Raises Misconfigured for anything that `to_text` did not write."""
        try:
            data = json.loads(text)
            return cls(fingerprint, data["artifact"], data["content"], data["size"], data["zlib"])
        except (ValueError, KeyError, TypeError) as error:
            raise Misconfigured(
                f"the index entry of the fingerprint {fingerprint[:12]} cannot be read: {error!r}",
                fix="find out who changed it, and restore it from a backup",
                see=f"index/fingerprints/{fingerprint}",
            ) from error


@dataclass(frozen=True, slots=True)
class Store:
    """One build's view of the artifact store. Its methods are safe to call from several threads."""

    artifacts: Artifacts
    regions: Sequence[str]  # that the pipeline's stages use
    builder: Builder
    target: Target
    progress: Progress

    def find(self, one: Prepared) -> Stored | None:
        """What was built for this fingerprint before, by anybody. None: nothing was.

        Raises Misconfigured when it is lost, and what the store raises.
        """
        text = self.artifacts.index("fingerprints", one.fingerprint)
        if text is None:
            return None
        stored = Stored.from_text(text, one.fingerprint)
        self._fill(stored.artifact)
        self.progress("build", {"service": one.service.name, "state": "reused", "artifact": stored.artifact})
        return stored

    def build(self, one: Prepared, blobs: Mapping[str, bytes]) -> Stored:
        """Build and store one artifact; when somebody else was faster, theirs counts.

        Raises what the builder and the store raise.
        """
        name = one.service.name
        begun = time.perf_counter()
        self.progress("build", {"service": name, "state": "building"})
        made = self.builder(Source(one.service, one.files, blobs, self.target))
        self.artifacts.put(made.data, kind="zip")
        own = Stored(one.fingerprint, made.digest, made.content, len(made.data), made.zlib)
        text = self.artifacts.index_once("fingerprints", one.fingerprint, own.to_text())
        winner = Stored.from_text(text, one.fingerprint)
        if winner.artifact != own.artifact:
            self._fill(winner.artifact)
        winner = replace(winner, seconds=time.perf_counter() - begun)
        self.progress(
            "build",
            {
                "service": name,
                "state": "built",
                "artifact": winner.artifact,
                "size": winner.size,
                "seconds": winner.seconds,
            },
        )
        return winner

    def _fill(self, artifact: str) -> None:
        """Have it in every region: a region may have joined since. Raises Misconfigured when it is lost
        everywhere.
        """
        for region in self.regions:
            if not self.artifacts.holds(artifact, kind="zip", region=region):
                self.artifacts.put(self.artifacts.get(artifact, kind="zip"), kind="zip")
                return
