"""Builds a Python service: its files of one commit, the shared core, and the wheels that its lock pins."""

from dataclasses import dataclass
from pathlib import Path

from release.build.archive import Archive, Member, archive
from release.build.builder import BUILDER as BUILDER
from release.build.builder import Builder as Builder
from release.build.builder import Source as Source
from release.build.dependencies import dependencies
from release.build.installer import Install, Installation, uv_install
from release.build.requirements import how_to_lock, read_lock
from release.build.syntax import refuse_broken
from release.build.target import refuse_unknown_runtime
from release.core.fingerprint import REQUIREMENTS, service_folder


@dataclass(frozen=True, slots=True)
class PythonBuilder:
    cache: Path | None  # folder for installed dependency sets; None: none is kept
    install: Install = uv_install

    def __call__(self, source: Source) -> Archive:
        """Raises Misconfigured (what cannot be built) and Unavailable (the package index is out of reach)."""
        service = source.service
        refuse_unknown_runtime(service.name, service.runtime, service.architecture, see=str(service.source))
        refuse_broken(source)
        # The lock counts in the fingerprint by what it pins: its own bytes must not reach the archive.
        own = [source.member(file) for file in source.files if file.path != REQUIREMENTS]
        return archive([*own, *self._dependencies(source)], of=service.name)

    def _dependencies(self, source: Source) -> tuple[Member, ...]:
        lock = next((file for file in source.files if file.path == REQUIREMENTS), None)
        if lock is None:
            return ()
        service = source.service
        folder = service_folder(service.name)
        file = f"{folder}/{REQUIREMENTS}"
        data = source.bytes_of(lock)
        asked = Installation(
            lock=data,
            file=file,
            pins=read_lock(data, file=file, fix=f"lock it: {how_to_lock(folder, service.runtime)}"),
            runtime=service.runtime,
            architecture=service.architecture,
            target=source.target,
        )
        return dependencies(asked, install=self.install, cache=self.cache)
