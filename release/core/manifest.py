"""The manifest: what a release consists of. Canonical JSON, named by its digest, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from release.core import canonical
from release.core.models import Migration

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class StageDocuments:
    """What was rendered at build for one service in one stage, by sha256 in the artifact store."""

    template: str
    settings: str


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One service of a release."""

    artifact: str  # sha256 of the zip, hex
    content: str  # digest over sorted (path, mode, sha256 of file): equal even where deflate differs
    fingerprint: str
    size: int  # bytes of the zip
    runtime: str
    architecture: str
    target: str  # platform that the wheels were chosen for: "lambda", or "host" in the sandbox
    stages: Mapping[str, StageDocuments]
    sbom: str | None = None  # sha256 of the CycloneDX document; None: built before there were any
    provenance: str | None = None  # sha256 of the in-toto statement; None: as above


@dataclass(frozen=True, slots=True)
class Manifest:
    pipeline: str
    commit: str  # 40 hex
    builder: str  # "lambda-release 0.1.0"
    services: Mapping[str, ServiceEntry]

    def to_bytes(self) -> bytes:
        return canonical.dumps(
            {
                "schema": SCHEMA,
                "pipeline": self.pipeline,
                "commit": self.commit,
                "builder": self.builder,
                "services": {name: _entry_to_json(entry) for name, entry in self.services.items()},
            }
        )

    @property
    def digest(self) -> str:
        return canonical.sha256(self.to_bytes())

    @classmethod
    def from_json(cls, data: Any) -> "Manifest":
        """Read a manifest. Raises ValueError that names what is missing or of another schema."""
        try:
            if data["schema"] != SCHEMA:
                raise ValueError(f"manifest schema {data['schema']!r} is not {SCHEMA}")
            return cls(
                pipeline=data["pipeline"],
                commit=data["commit"],
                builder=data["builder"],
                services={name: _entry_from_json(entry) for name, entry in sorted(data["services"].items())},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a manifest: {error!r}") from error


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """One function as a stage runs it."""

    key: str
    name: str  # of the AWS Lambda function
    handler: str


@dataclass(frozen=True, slots=True)
class StageSettings:
    """The settings document of one service in one stage: what a rollout needs to know beside the bytes."""

    service: str
    stage: str
    stack: str  # name of the CloudFormation stack
    functions: tuple[FunctionSettings, ...]
    values: Mapping[str, Any]  # memory, timeout, environment … as given to the template
    smoke_payload: Mapping[str, Any]
    smoke_timeout: int  # seconds
    smoke_critical: tuple[str, ...]
    smoke_expect: Mapping[str, Any]
    migration: Migration | None = None
    freezes: bool = False  # its aliases are not put back after a failure

    def to_bytes(self) -> bytes:
        return canonical.dumps(
            _hooks_to_json(self)
            | {
                "service": self.service,
                "stage": self.stage,
                "stack": self.stack,
                "functions": {f.key: {"name": f.name, "handler": f.handler} for f in self.functions},
                "values": dict(self.values),
                "smoke": {
                    "payload": dict(self.smoke_payload),
                    "timeout": self.smoke_timeout,
                    "critical": list(self.smoke_critical),
                    "expect": dict(self.smoke_expect),
                },
            }
        )

    @classmethod
    def from_json(cls, data: Any) -> "StageSettings":
        """Read a settings document. Raises ValueError that names what is missing."""
        try:
            smoke = data["smoke"]
            return cls(
                service=data["service"],
                stage=data["stage"],
                stack=data["stack"],
                functions=tuple(
                    FunctionSettings(key, item["name"], item["handler"])
                    for key, item in sorted(data["functions"].items())
                ),
                values=data["values"],
                smoke_payload=smoke["payload"],
                smoke_timeout=smoke["timeout"],
                smoke_critical=tuple(smoke["critical"]),
                smoke_expect=smoke["expect"],
                migration=_migration_from_json(data["migrations"]) if "migrations" in data else None,
                freezes=data.get("no_auto_rollback") == "freeze",
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a settings document: {error!r}") from error


def _hooks_to_json(settings: StageSettings) -> dict[str, Any]:
    """What was not there from the start is left out at its default: no digest of an old document changes."""
    found: dict[str, Any] = {"no_auto_rollback": "freeze"} if settings.freezes else {}
    migration = settings.migration
    if migration is not None:
        found["migrations"] = {
            "function": migration.function,
            "payload": dict(migration.payload),
            "command": list(migration.command),
            "timeout": migration.timeout,
            "everywhere": migration.everywhere,
            "destructive": migration.destructive,
        }
    return found


def _migration_from_json(data: Any) -> Migration:
    return Migration(
        function=data["function"],
        payload=data["payload"],
        command=tuple(data["command"]),
        timeout=data["timeout"],
        everywhere=data["everywhere"],
        destructive=data["destructive"],
    )


def _entry_to_json(entry: ServiceEntry) -> dict[str, Any]:
    papers = {"sbom": entry.sbom, "provenance": entry.provenance}
    return {name: digest for name, digest in papers.items() if digest is not None} | {
        "artifact": entry.artifact,
        "content": entry.content,
        "fingerprint": entry.fingerprint,
        "size": entry.size,
        "runtime": entry.runtime,
        "architecture": entry.architecture,
        "target": entry.target,
        "stages": {
            stage: {"template": documents.template, "settings": documents.settings}
            for stage, documents in entry.stages.items()
        },
    }


def _entry_from_json(data: Any) -> ServiceEntry:
    return ServiceEntry(
        artifact=data["artifact"],
        content=data["content"],
        fingerprint=data["fingerprint"],
        size=data["size"],
        runtime=data["runtime"],
        architecture=data["architecture"],
        target=data["target"],
        stages={
            stage: StageDocuments(template=item["template"], settings=item["settings"])
            for stage, item in sorted(data["stages"].items())
        },
        sbom=data.get("sbom"),
        provenance=data.get("provenance"),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """What a release wants of one service in one stage, read from the artifact store."""

    service: str
    artifact: str
    template: str  # digest
    settings_digest: str
    settings: StageSettings


def targets(manifest: Manifest, documents: Mapping[str, StageSettings], stage: str) -> tuple[Target, ...]:
    """What the release wants in this stage. `documents`: digest of a settings document -> what it says."""
    return tuple(
        Target(
            service=name,
            artifact=entry.artifact,
            template=entry.stages[stage].template,
            settings_digest=entry.stages[stage].settings,
            settings=documents[entry.stages[stage].settings],
        )
        for name, entry in manifest.services.items()
        if stage in entry.stages
    )
