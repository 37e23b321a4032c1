"""Builds a service with a command of its own: Go, Rust, anything that fills a folder."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from release.build.archive import Archive, Member, archive
from release.build.binaries import refuse_foreign_machine
from release.build.builder import Source
from release.build.output import members_of
from release.build.process import run
from release.build.workspace import EPOCH, Workspace, workspace
from release.core.models import Service
from release.errors import Misconfigured

# Where toolchains and their caches are, for whoever builds. Not CARGO_HOME: it may hold credentials.
_TOOLCHAINS = ("DOTNET_ROOT", "GOCACHE", "GOMODCACHE", "GOROOT", "JAVA_HOME", "RUSTUP_HOME")
_TRUST = ("SSL_CERT_DIR", "SSL_CERT_FILE")
_PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

# The file that AWS Lambda starts where the runtime is the service's own business.
# https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
_BOOTSTRAP = "bootstrap"


class CommandBuilder:
    def __call__(self, source: Source) -> Archive:
        """Raises Misconfigured: the command fails, takes too long, or leaves what cannot be an artifact."""
        service = source.service
        with workspace(source) as space:
            _run(service, space)
            members = _output(service, space)
        if service.runtime.startswith("provided."):
            _refuse_no_bootstrap(service, members)
        if not source.target.is_host:
            refuse_foreign_machine(members, service)
        return archive(members, of=service.name)


def environment_of(service: Service, space: Workspace, environment: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a command: nothing of the user's but how to find programs and the network."""
    proxies = {*_PROXIES, *(name.lower() for name in _PROXIES)}
    kept = {
        name: value
        for name, value in environment.items()
        if name in ("PATH", *_TOOLCHAINS, *_TRUST) or (name in proxies and "@" not in value)
    }
    # Rust's programs on PATH look there for the compiler itself.
    rustup = Path(environment.get("HOME", "/"), ".rustup")
    if "RUSTUP_HOME" not in kept and rustup.is_dir():
        kept["RUSTUP_HOME"] = str(rustup)
    return kept | {
        "HOME": str(space.home),
        "TMPDIR": str(space.temporary),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "RELEASE_SERVICE": service.name,
        "RELEASE_RUNTIME": service.runtime,
        "RELEASE_ARCHITECTURE": service.architecture,
    }


def _run(service: Service, space: Workspace) -> None:
    command = service.build.command or ()
    environment = environment_of(service, space, os.environ)
    see = str(service.source)
    try:
        ended = run(command, folder=space.folder, environment=environment, seconds=service.build.timeout)
    except OSError as error:
        raise Misconfigured(
            f"the command {command[0]!r}, which builds {service.name}, cannot be started: {error.strerror}",
            fix="install the program on the machine that builds, or correct build.command",
            see=see,
        ) from error
    if ended.code is None:
        raise Misconfigured(
            f"{command[0]} did not finish building {service.name} in {service.build.timeout} s",
            fix="make it faster, or give it more time with build.timeout",
            see=see,
            details=ended.tail(space.top),
        )
    if ended.code != 0:
        how = f"exit code {ended.code}" if ended.code > 0 else f"signal {-ended.code}"
        raise Misconfigured(
            f"{command[0]} cannot build {service.name} ({how})",
            fix="see its own words above; beside the service's own files it sees those of build.include",
            see=see,
            details=ended.tail(space.top) or ["it said nothing"],
        )


def _output(service: Service, space: Workspace) -> Sequence[Member]:
    name = service.build.output or ""
    folder = space.folder / name
    if not folder.resolve().is_relative_to(space.folder) or not folder.is_dir():
        raise Misconfigured(
            f"the command that builds {service.name} succeeded and left no folder {name}",
            fix="have the command fill it, or name the folder that it fills as build.output",
            see=str(service.source),
        )
    members = members_of(
        folder,
        of=service.name,
        origin=f"build.command of {service.name}",
        see=str(service.source),
        fix="have the command leave regular files in its output folder",
    )
    if not members:
        raise Misconfigured(
            f"the folder {name}, which is to become the artifact of {service.name}, is empty",
            fix="have the command fill it",
            see=str(service.source),
        )
    return members


def _refuse_no_bootstrap(service: Service, members: Sequence[Member]) -> None:
    found = next((member for member in members if member.path == _BOOTSTRAP), None)
    if found is not None and found.executable:
        return
    what = "has none" if found is None else "has one that is not executable"
    raise Misconfigured(
        f"{service.runtime} starts the file {_BOOTSTRAP}, and what was built for {service.name} {what}",
        fix=f"have the command put the executable to {service.build.output}/{_BOOTSTRAP}",
        see=str(service.source),
        details=[member.path for member in members[:10]],
    )
