"""Builds every service in its own way: Python and Node by their runtimes, anything else by its command."""

from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from release.build.archive import Archive
from release.build.builder import Source
from release.build.installer import Install, uv_install
from release.core.recipe import how_built
from release.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class ServiceBuilder:
    cache: Path | None  # folder for installed dependency sets; None: none is kept
    install: Install = uv_install

    def __call__(self, source: Source) -> Archive:
        """Raises what the builder of the service's kind raises."""
        # Imported here: a fleet of one kind does not pay for the others.
        match how_built(source.service):
            case "python":
                from release.build.python import PythonBuilder

                return PythonBuilder(self.cache, self.install)(source)
            case "node":
                from release.build.node import NodeBuilder

                return NodeBuilder()(source)
            case "command":
                from release.build.command import CommandBuilder

                return CommandBuilder()(source)
            case "none":
                service = source.service
                raise Misconfigured(
                    f"{service.name} has the runtime {service.runtime}, which has no builder",
                    fix="name a command that builds it: build: {command: [make], output: dist}",
                    see=str(service.source),
                )
            case unknown:
                assert_never(unknown)
