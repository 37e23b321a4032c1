"""Builds a Python service: its files of one commit, the shared core, and the wheels that its lock pins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from release.build.archive import Archive, Member, archive
from release.build.dependencies import dependencies
from release.build.installer import Install, Installation, uv_install
from release.build.requirements import how_to_lock, read_lock
from release.build.target import Target, refuse_unknown_runtime
from release.core.fingerprint import REQUIREMENTS, SourceFile, service_folder
from release.core.models import Service
from release.errors import Misconfigured

BUILDER = 1  # to be raised whenever the same files would come out as other bytes: it is in every fingerprint

_LFS_POINTER = b"version https://git-lfs"  # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that one artifact is made of, read from a commit's tree."""

    service: Service
    files: Sequence[SourceFile]
    blobs: Mapping[str, bytes]
    target: Target


class Builder(Protocol):
    def __call__(self, source: Source) -> Archive:
        """Raises ReleaseError with the place in the service that is at fault."""


@dataclass(frozen=True, slots=True)
class PythonBuilder:
    cache: Path | None  # folder for installed dependency sets; None: none is kept
    install: Install = uv_install

    def __call__(self, source: Source) -> Archive:
        """Raises Misconfigured (what cannot be built) and Unavailable (the package index is out of reach)."""
        service = source.service
        refuse_unknown_runtime(service.name, service.runtime, service.architecture, see=str(service.source))
        own = [_member(file, source.blobs[file.blob]) for file in source.files]
        return archive([*own, *self._dependencies(source)], of=service.name)

    def _dependencies(self, source: Source) -> tuple[Member, ...]:
        lock = requirements_blob(source.files)
        if lock is None:
            return ()
        service = source.service
        folder = service_folder(service.name)
        file = f"{folder}/{REQUIREMENTS}"
        data = source.blobs[lock]
        asked = Installation(
            lock=data,
            file=file,
            pins=read_lock(data, file=file, fix=f"lock it: {how_to_lock(folder, service.runtime)}"),
            runtime=service.runtime,
            architecture=service.architecture,
            target=source.target,
        )
        return dependencies(asked, install=self.install, cache=self.cache)


def requirements_blob(files: Sequence[SourceFile]) -> str | None:
    """Blob of the service's lock file. None: the service has no dependencies."""
    return next((file.blob for file in files if file.path == REQUIREMENTS), None)


def _member(file: SourceFile, data: bytes) -> Member:
    if data.startswith(_LFS_POINTER) and len(data) < 1024:
        raise Misconfigured(
            f"{file.origin} is a pointer of Git LFS, not the file itself",
            fix="keep what a function needs at run time in git itself, or load it from S3",
            see=file.origin,
        )
    return Member.of(file.path, data, executable=file.executable, origin=file.origin)
