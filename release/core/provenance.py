"""The provenance of an artifact: an in-toto statement with a SLSA v1 predicate, as canonical JSON.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://slsa.dev/spec/v1.0/provenance name every field; docs/provenance.md says what ours hold. There is
neither a time nor a run in it, so that whoever builds the same commit with the same tools writes the same
bytes; when and by whom a release was moved is in the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from release.core import canonical
from release.core.components import Built, Component

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "pkg:generic/lambda-release#build/v1"
BUILDER = "pkg:generic/lambda-release"
_SLSA_ALGORITHMS = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file that the build obeyed."""

    path: str  # in the repository
    blob: str  # git object id
    sha256: str


def statement(
    of: Built, *, pipeline: str, commit: str, locks: Sequence[Lock], versions: Mapping[str, str]
) -> bytes:
    """The statement, as canonical JSON. `versions` of what took part: lambda-release, python, uv, zlib."""
    return canonical.dumps(
        {
            "_type": STATEMENT,
            "subject": [{"name": f"{of.service}.zip", "digest": {"sha256": of.artifact}}],
            "predicateType": PREDICATE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {
                        "commit": commit,
                        "pipeline": pipeline,
                        "service": of.service,
                    },
                    "internalParameters": {
                        "architecture": of.architecture,
                        "fingerprint": of.fingerprint,
                        "runtime": of.runtime,
                        "target": of.target,
                    },
                    "resolvedDependencies": [
                        {"name": "commit", "digest": {"gitCommit": commit}},
                        *(_lock(lock) for lock in locks),
                        *(_package(one) for one in of.components),
                    ],
                },
                "runDetails": {
                    "builder": {"id": BUILDER, "version": dict(versions)},
                    "byproducts": [{"name": "content", "digest": {"lambdaReleaseContent": of.content}}],
                },
            },
        }
    )


def _lock(lock: Lock) -> dict[str, object]:
    return {"name": lock.path, "digest": {"gitBlob": lock.blob, "sha256": lock.sha256}}


def _package(one: Component) -> dict[str, object]:
    """A digest says which file it was; where the lock file takes several, all of them are named beside it."""
    if len(one.files) == 1:
        only = one.files[0]
        return {"uri": one.purl, "digest": {_SLSA_ALGORITHMS[only.algorithm]: only.value}}
    if not one.files:
        return {"uri": one.purl}
    accepted = [f"{_SLSA_ALGORITHMS[file.algorithm]}:{file.value}" for file in one.files]
    return {"uri": one.purl, "annotations": {"oneOf": accepted}}
