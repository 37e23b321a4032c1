"""The store of what was built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.ports.aws import Code


@dataclass(frozen=True, slots=True)
class Indexed:
    """An entry of an index, without its value."""

    key: str
    written: datetime


class Artifacts(Protocol):
    """Bytes by digest, in every region that needs them. Nothing is ever overwritten."""

    def put(self, data: bytes, *, kind: str) -> str:
        """Store in every region; kind is one of `store_layout.KINDS`. Returns the sha256 (hex)."""

    def get(self, digest: str, *, kind: str) -> bytes:
        """Raises Misconfigured when it is lost or its bytes no longer have this digest."""

    def holds(self, digest: str, *, kind: str, region: str) -> bool:
        """Whether a region has it. Raises Misconfigured when something else is in its place."""

    def proves(self, digest: str, *, kind: str, region: str) -> bool:
        """As `holds`, by all of its bytes as this region has them, whatever the store says of them."""

    def digests(self, prefix: str, *, kind: str) -> Sequence[str]:
        """Digests that begin like this, sorted, of what any region has."""

    def index(self, name: str, key: str) -> str | None:
        """Value of a write-once index entry. None: not written.

        `fingerprints`: what a fingerprint was built to; `manifests`: of a commit, by pipeline, commit and
        target; `everywhere`: that all of a manifest is in a set of regions.
        """

    def indexed(self, name: str, under: str = "") -> Sequence[Indexed]:
        """All entries of an index, or those below a folder of it (`fleet`), sorted by key."""

    def index_once(self, name: str, key: str, value: str) -> str:
        """Write unless written; returns the winner's value."""

    def code(self, digest: str, region: str) -> Code:
        """Where Lambda takes this zip from in this region."""
