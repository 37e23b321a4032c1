"""What is rendered for one service in one stage: the template's context and the settings document; and how
they are read.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from release.build.sources import TEMPLATE, CommitSources
from release.core import canonical
from release.core.fingerprint import service_folder
from release.core.manifest import FunctionSettings, Manifest, StageDocuments, StageSettings
from release.core.models import Service, Stage
from release.core.store_layout import is_digest
from release.errors import Misconfigured
from release.ports import Artifacts

_Document = TypeVar("_Document")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Templates(Protocol):
    def render(self, text: str, *, file: str, macros: Mapping[str, str], context: Mapping[str, Any]) -> str:
        """The CloudFormation template of one service in one stage, checked. Raises Misconfigured with
        file:line.

        `file` is the template's path in the repository; `macros` are the files of the commit below
        `templates/cloudformation`, by their name there.
        """


@dataclass(frozen=True, slots=True)
class Rendered:
    """The two documents of one service in one stage, not stored yet."""

    template: bytes
    settings: bytes

    @property
    def pairs(self) -> tuple[tuple[str, bytes], ...]:
        """(kind, bytes) as the artifact store takes them."""
        return ("template", self.template), ("settings", self.settings)

    @property
    def digests(self) -> StageDocuments:
        return StageDocuments(canonical.sha256(self.template), canonical.sha256(self.settings))


def render_stage(
    service: Service, stage: Stage, *, alias: str, sources: CommitSources, templates: Templates
) -> Rendered:
    """The documents of one service in one stage, as this commit has them. Raises Misconfigured with
    file:line.
    """
    file, text = template_source(service, sources)
    rendered = templates.render(
        text,
        file=file,
        macros=sources.macros,
        context=template_context(service, stage.name, alias, stage.environment.boundary),
    )
    return Rendered(template=rendered.encode(), settings=_settings_bytes(service, stage.name))


def template_source(service: Service, sources: CommitSources) -> tuple[str, str]:
    """Path and text of a service's template in a commit. Raises Misconfigured."""
    file = f"{service_folder(service.name)}/{TEMPLATE}"
    text = sources.templates.get(service.name)
    if text is None:
        raise Misconfigured(
            f"{service.name} has no template in commit {sources.commit[:12]}",
            fix=f"create {file}, as docs/configuration.md shows",
            see=file,
        )
    return file, text


def template_context(
    service: Service, stage: str, alias: str, boundary: str | None = None
) -> Mapping[str, Any]:
    """What a template may name. Plain values only, so that the same input renders to the same text.

    `boundary`: name of the policy that bounds the roles of functions in the stage's account.
    """
    settings = service.settings_for(stage)
    return {
        "service": {
            "name": service.name,
            "team": service.team,
            "owner": service.owner,
            "data_class": service.data_class,
            "cost_center": service.cost_center,
            "runtime": service.runtime,
            "architecture": service.architecture,
        },
        "stage": stage,
        "naming": service.named(stage, "{resource}"),
        "alias": alias,
        "boundary": boundary,
        "functions": {
            function.key: {
                "key": function.key,
                "name": function.name(stage),
                "handler": function.handler,
            }
            for function in service.functions
        },
        "settings": {
            "memory": settings.memory,
            "timeout": settings.timeout,
            "log_retention_days": settings.log_retention_days,
            "environment": dict(settings.environment),
            "secrets": dict(settings.secrets),
            "tracing": settings.tracing,
            "vpc": settings.vpc,
            "billing": settings.billing,
            "capacity": dict(settings.capacity),
            "alarms": dict(settings.alarms),
        },
    }


def stack_name(service: str, stage: str) -> str:
    return f"{service}-{stage}"


def settings_document(service: Service, stage: str) -> StageSettings:
    """The settings document of one service in one stage.

    It may be shown, so it names environment variables and secrets without their values; a change of a value
    is seen in the digest of the rendered template.
    """
    settings = service.settings_for(stage)
    return StageSettings(
        service=service.name,
        stage=stage,
        stack=stack_name(service.name, stage),
        functions=tuple(
            FunctionSettings(function.key, function.name(stage), function.handler)
            for function in service.functions
        ),
        values={
            "memory": settings.memory,
            "timeout": settings.timeout,
            "log_retention_days": settings.log_retention_days,
            "environment": sorted(settings.environment),
            "secrets": sorted(settings.secrets),
            "tracing": settings.tracing,
            "vpc": settings.vpc,
        },
        smoke_payload=service.smoke.payload,
        smoke_timeout=service.smoke.timeout,
        smoke_critical=service.smoke.critical,
        smoke_expect=service.smoke.expect,
        migration=service.migration,
        freezes=service.freezes,
    )


def _settings_bytes(service: Service, stage: str) -> bytes:
    """Raises Misconfigured for a value that has no canonical form."""
    try:
        return settings_document(service, stage).to_bytes()
    except TypeError as error:
        raise Misconfigured(
            f"the smoke test of {service.name} cannot be stored: {error}",
            fix="write a whole number or a quoted string in smoke.payload and smoke.expect",
            see=f"{service_folder(service.name)}/service.yaml",
        ) from error


def load_manifest(artifacts: Artifacts, digest: str) -> Manifest:
    """The manifest with this digest. Raises Misconfigured when it is lost, damaged or of another schema."""
    return _load(artifacts, digest, "manifest", _manifest)


def _manifest(data: Any) -> Manifest:
    """Raises ValueError for what could not name a commit or stored bytes, too: git and the store get both."""
    manifest = Manifest.from_json(data)
    if not _COMMIT.fullmatch(str(manifest.commit)):
        raise ValueError(f"not a manifest: its commit is {manifest.commit!r}")
    for name, entry in manifest.services.items():
        digests = [entry.artifact, entry.content, entry.fingerprint]
        digests += [digest for digest in (entry.sbom, entry.provenance) if digest is not None]
        digests += [one for stage in entry.stages.values() for one in (stage.template, stage.settings)]
        if not all(map(is_digest, digests)):
            raise ValueError(f"not a manifest: {name} names bytes by something else than a sha256")
    return manifest


def load_settings(artifacts: Artifacts, digest: str) -> StageSettings:
    """The settings document with this digest. Raises Misconfigured when it is lost, damaged or unreadable."""
    return _load(artifacts, digest, "settings", StageSettings.from_json)


def load_template(artifacts: Artifacts, digest: str) -> str:
    """The rendered template with this digest. Raises Misconfigured when it is lost or damaged."""
    return artifacts.get(digest, kind="template").decode()


def _load(artifacts: Artifacts, digest: str, kind: str, read: Callable[[Any], _Document]) -> _Document:
    try:
        return read(json.loads(artifacts.get(digest, kind=kind)))
    except (ValueError, RecursionError) as error:  # a digest that is none, too: an index or a tag may say it
        raise Misconfigured(
            f"the {kind} {digest[:12]} cannot be read: {error}",
            fix="use the version of release that wrote it, or a newer one",
        ) from error
