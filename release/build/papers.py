"""The two documents that go with every artifact: its bill of materials, and where it comes from."""

import io
import platform
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from release import __version__
from release.build.archive import Archive
from release.build.sources import Prepared
from release.build.target import Target
from release.core import canonical
from release.core.components import Built, Component, normalised, npm_components, python_components
from release.core.fingerprint import SourceFile, service_folder
from release.core.provenance import Lock, statement
from release.core.sbom import Known, document
from release.errors import Misconfigured

PYTHON_LOCK, NODE_LOCK = "requirements.txt", "package-lock.json"
_LOCKS = frozenset(
    {PYTHON_LOCK, NODE_LOCK, "Cargo.lock", "go.sum", "pnpm-lock.yaml", "poetry.lock", "uv.lock", "yarn.lock"}
)
_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*===?\s*(?P<version>[^\s;,*\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Papers:
    """Two documents, not stored yet."""

    sbom: bytes  # CycloneDX
    provenance: bytes  # in-toto statement


def papers(
    one: Prepared,
    made: Archive,
    blobs: Mapping[str, bytes],
    *,
    pipeline: str,
    commit: str,
    target: Target,
) -> Papers:
    """The documents of an artifact that was just built. They hold no time: the same input gives the same
    bytes.

    Raises Misconfigured for a lock file that cannot be read.
    """
    service = one.service
    folder = service_folder(service.name)
    locks = {
        file.origin.removeprefix(f"{folder}/"): file
        for file in one.files
        if file.origin.startswith(f"{folder}/")
        and file.origin.count("/") == 2
        and file.origin.rpartition("/")[2] in _LOCKS
    }
    components, known = _components(one, made, locks, blobs)
    tools = {"lambda-release": __version__}
    if PYTHON_LOCK in locks and service.build.command is None:
        tools |= _uv()
    built = Built(
        service=service.name,
        artifact=made.digest,
        content=made.content,
        fingerprint=one.fingerprint,
        runtime=service.runtime,
        architecture=service.architecture,
        target=target.name,
        components=components,
    )
    return Papers(
        sbom=document(built, known, tools),
        provenance=statement(
            built,
            pipeline=pipeline,
            commit=commit,
            locks=[
                Lock(file.origin, file.blob, canonical.sha256(blobs[file.blob]))
                for _, file in sorted(locks.items())
            ],
            versions=tools | {"python": platform.python_version(), "zlib": made.zlib},
        ),
    )


def accepted_hashes(lock: str) -> Mapping[tuple[str, str], Sequence[str]]:
    """(normalised name, version) -> sha256 of every file that a requirements file takes for it."""
    found: dict[tuple[str, str], Sequence[str]] = {}
    for line in lock.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        if pin := _PIN.match(line):
            found[normalised(pin["name"]), pin["version"]] = tuple(_HASH.findall(line))
    return found


def _components(
    one: Prepared, made: Archive, locks: Mapping[str, SourceFile], blobs: Mapping[str, bytes]
) -> tuple[tuple[Component, ...], Known]:
    """What is known to be in the artifact, and how much of it that is."""
    lock = locks.get(PYTHON_LOCK)
    accepted = accepted_hashes(blobs[lock.blob].decode(errors="replace")) if lock else {}
    installed = python_components(_metadata(made.data), accepted)
    if one.service.build.command is not None:
        return installed, "unknown"
    if (node := locks.get(NODE_LOCK)) is not None and one.service.runtime.startswith("nodejs"):
        try:
            return npm_components(blobs[node.blob]), "at-most"
        except ValueError as error:
            raise Misconfigured(
                f"{node.origin} cannot be read: {error}",
                fix="write it again: npm install --package-lock-only, in the folder of the service",
                see=node.origin,
            ) from error
    return installed, "complete"


def _metadata(data: bytes) -> Sequence[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        names = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
        return [opened.read(name) for name in sorted(names)]


@cache
def _uv() -> Mapping[str, str]:
    from importlib import metadata

    try:
        return {"uv": metadata.version("uv")}
    except metadata.PackageNotFoundError:  # uv from PATH
        return {}
