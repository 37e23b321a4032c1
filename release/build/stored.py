"""Finds and fills the artifact store: which bytes a fingerprint has, and that they are in every region."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from release.build.archive import Archive
from release.build.documents import load_manifest
from release.build.papers import Papers
from release.build.python import Builder, Source
from release.build.sources import Prepared
from release.build.target import Target
from release.core import canonical
from release.core.manifest import Manifest, ServiceEntry
from release.core.store_layout import is_digest
from release.errors import Misconfigured, ReleaseError
from release.ports import Artifacts, Progress

IO_THREADS = 16  # calls to the store that may be under way: they wait, they do not compute
_TRUSTED = 8  # manifests that a build looks into for what it need not look up

Write = Callable[[Prepared, Archive, Mapping[str, bytes]], Papers]


@dataclass(frozen=True, slots=True)
class Stored:
    """The artifact of a fingerprint, as the index knows it."""

    fingerprint: str
    artifact: str  # sha256 of the zip
    content: str
    size: int  # bytes of the zip
    zlib: str  # version that deflated it
    sbom: str | None = None  # sha256; None: built before there were any
    provenance: str | None = None
    seconds: float = 0.0  # spent on building it now

    @property
    def objects(self) -> tuple[tuple[str, str], ...]:
        """(kind, digest) of all that belongs to it; the bytes last, which nobody takes without the others."""
        pairs = (("sbom", self.sbom), ("provenance", self.provenance), ("zip", self.artifact))
        return tuple((kind, digest) for kind, digest in pairs if digest is not None)

    def to_text(self) -> str:
        papers = {"sbom": self.sbom, "provenance": self.provenance}
        return canonical.dumps(
            {name: digest for name, digest in papers.items() if digest is not None}
            | {"artifact": self.artifact, "content": self.content, "size": self.size, "zlib": self.zlib}
        ).decode()

    @classmethod
    def from_text(cls, text: str, fingerprint: str) -> "Stored":
        """Raises Misconfigured for anything that `to_text` did not write."""
        try:
            data = json.loads(text)
            digests = [data["artifact"], data["content"]]
            digests += [data[name] for name in ("sbom", "provenance") if name in data]
            size, zlib = data["size"], data["zlib"]
            if not all(map(is_digest, digests)) or type(size) is not int or not isinstance(zlib, str):
                raise ValueError("it is of another form")
            artifact, content, *_ = digests
            return cls(fingerprint, artifact, content, size, zlib, data.get("sbom"), data.get("provenance"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Misconfigured(
                f"the index entry of the fingerprint {fingerprint[:12]} cannot be read: {error!r}",
                fix="find out who changed it, and restore it from a backup",
                see=f"index/fingerprints/{fingerprint}",
            ) from error

    @classmethod
    def of_entry(cls, entry: ServiceEntry) -> "Stored":
        """As a manifest names it; which zlib deflated it is not in there."""
        return cls(
            entry.fingerprint, entry.artifact, entry.content, entry.size, "", entry.sbom, entry.provenance
        )


@dataclass(frozen=True, slots=True)
class Trusted:
    """What manifests in the store say to be in every region: a manifest is written last, so it is there."""

    stored: Mapping[str, Stored]  # by fingerprint
    documents: frozenset[tuple[str, str]]  # (kind, digest)


@dataclass(frozen=True, slots=True)
class Store:
    """One build's view of the artifact store. Its methods are safe to call from several threads."""

    artifacts: Artifacts
    regions: Sequence[str]  # that the pipeline's stages use
    builder: Builder
    target: Target
    progress: Progress
    write: Write  # the papers of an artifact
    refill: bool = False  # ask every region for everything, whatever was noted before

    def trusted(self, manifests: Iterable[str]) -> Trusted:
        """What these manifests name, as far as they can be read and are known to be in every region."""
        stored: dict[str, Stored] = {}
        documents: set[tuple[str, str]] = set()
        for digest in [] if self.refill else list(dict.fromkeys(manifests))[:_TRUSTED]:
            try:
                if self.artifacts.index("everywhere", self._mark(digest)) is None:
                    continue
                manifest = load_manifest(self.artifacts, digest)
            except ReleaseError:
                continue  # it only saves time: whatever is wrong with it concerns its own release
            for entry in manifest.services.values():
                if entry.target == self.target.name:
                    stored[entry.fingerprint] = Stored.of_entry(entry)
                documents.update(_documents(entry))
        return Trusted(stored, frozenset(documents))

    def find(self, one: Prepared) -> Stored | None:
        """What was built for this fingerprint before, by anybody. None: nothing was.

        Raises Misconfigured when it is lost, and what the store raises.
        """
        text = self.artifacts.index("fingerprints", one.fingerprint)
        if text is None:
            return None
        stored = Stored.from_text(text, one.fingerprint)
        for kind, digest in stored.objects:
            self.fill(kind, digest)
        return stored

    def build(self, one: Prepared, blobs: Mapping[str, bytes]) -> Stored:
        """Build and store one artifact; when somebody else was faster, theirs counts.

        Raises what the builder and the store raise.
        """
        name = one.service.name
        begun = time.perf_counter()
        self.progress("build", {"service": name, "state": "building"})
        made = self.builder(Source(one.service, one.files, blobs, self.target))
        papers = self.write(one, made, blobs)
        own = Stored(
            one.fingerprint,
            made.digest,
            made.content,
            len(made.data),
            made.zlib,
            self.artifacts.put(papers.sbom, kind="sbom"),
            self.artifacts.put(papers.provenance, kind="provenance"),
        )
        self.artifacts.put(made.data, kind="zip")
        text = self.artifacts.index_once("fingerprints", one.fingerprint, own.to_text())
        winner = Stored.from_text(text, one.fingerprint)
        for kind, digest in winner.objects:
            if (kind, digest) not in own.objects:
                self.fill(kind, digest)
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

    def fill(self, kind: str, digest: str) -> None:
        """Have it in every region: a region may have joined since. Raises Misconfigured when it is lost
        everywhere.
        """
        for region in self.regions:
            if not self.artifacts.holds(digest, kind=kind, region=region):
                self.artifacts.put(self.artifacts.get(digest, kind=kind), kind=kind)
                return

    def fill_all(self, manifest: Manifest, digest: str) -> None:
        """Have all of a release in every region, and note that it is: the next time one question tells.

        Raises Misconfigured that names what is lost, and what the store raises.
        """
        if not self.refill and self.artifacts.index("everywhere", self._mark(digest)) is not None:
            return
        parts = {("manifest", digest)}
        for entry in manifest.services.values():
            parts.update(Stored.of_entry(entry).objects)
            parts.update(_documents(entry))
        with ThreadPoolExecutor(IO_THREADS) as pool:
            list(pool.map(lambda part: self.fill(*part), sorted(parts)))
        self.note_everywhere(digest)

    def note_everywhere(self, digest: str) -> None:
        """Note that all of a manifest is in every region."""
        self.artifacts.index_once("everywhere", self._mark(digest), digest)

    def _mark(self, digest: str) -> str:
        """Another set of regions is another mark, so that a region which joins is filled."""
        return f"{digest}/{canonical.digest(sorted(self.regions))[:16]}"


def _documents(entry: ServiceEntry) -> Iterable[tuple[str, str]]:
    for stage in entry.stages.values():
        yield "template", stage.template
        yield "settings", stage.settings
