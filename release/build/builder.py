"""What every builder takes and gives: a service's files of one commit, and its archive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from release.build.archive import Archive, Member
from release.build.target import Target
from release.core.fingerprint import SourceFile
from release.core.models import Service
from release.errors import Misconfigured

BUILDER = 2  # to be raised whenever the same files would come out as other bytes: it is in every fingerprint

_LFS_POINTER = b"version https://git-lfs"  # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_LONGEST_POINTER = 1024  # bytes, by the same page


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that one artifact is made of, read from a commit's tree."""

    service: Service
    files: Sequence[SourceFile]
    blobs: Mapping[str, bytes]
    target: Target

    def bytes_of(self, file: SourceFile) -> bytes:
        """Raises Misconfigured where git has a pointer in the place of the file."""
        data = self.blobs[file.blob]
        if data.startswith(_LFS_POINTER) and len(data) < _LONGEST_POINTER:
            raise Misconfigured(
                f"{file.origin} is a pointer of Git LFS, not the file itself",
                fix="keep what a function needs at run time in git itself, or load it from S3",
                see=file.origin,
            )
        return data

    def member(self, file: SourceFile) -> Member:
        """The file as it stands in git, at its place in the artifact. Raises as `bytes_of` does."""
        return Member.of(file.path, self.bytes_of(file), executable=file.executable, origin=file.origin)


class Builder(Protocol):
    def __call__(self, source: Source) -> Archive:
        """Raises ReleaseError with the place in the service that is at fault."""
