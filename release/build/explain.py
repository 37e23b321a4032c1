"""Why a service is another one than before, or why not: which files, by which imports, which settings."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from release.build.documents import settings_document
from release.build.sources import MACROS_FOLDER, TEMPLATE, Prepared
from release.build.survey import Survey, differing_settings
from release.core.fingerprint import SHARED_FOLDER, service_folder
from release.core.manifest import ServiceEntry, StageSettings
from release.errors import ReleaseError
from release.ports import Difference

_NONE = "000000"
_MOST = 50  # lines: who has more has changed everything


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: a tree, or what a manifest says, with its tree where known."""

    entry: ServiceEntry | None
    survey: Survey | None
    settings: Callable[[str], bytes] | None  # reads the document with this digest

    def prepared(self, service: str) -> Prepared | None:
        return self.survey.prepared.get(service) if self.survey else None

    def fingerprint(self, service: str) -> str | None:
        if self.entry is not None:
            return self.entry.fingerprint
        prepared = self.prepared(service)
        return prepared.fingerprint if prepared else None

    def facts(self, service: str) -> Mapping[str, str]:
        """What counts beside files, where this side tells."""
        if self.entry is not None:
            return {"runtime": self.entry.runtime, "architecture": self.entry.architecture}
        prepared = self.prepared(service)
        if prepared is None:
            return {}
        return {"runtime": prepared.service.runtime, "architecture": prepared.service.architecture}

    def document(self, service: str, stage: str) -> StageSettings | None:
        """Settings of a stage. None: there are none, or they cannot be read."""
        if self.entry is not None and self.settings is not None:
            if (documents := self.entry.stages.get(stage)) is None:
                return None
            try:
                return StageSettings.from_json(json.loads(self.settings(documents.settings)))
            except (ReleaseError, ValueError):
                return None
        prepared = self.prepared(service)
        return settings_document(prepared.service, stage) if prepared else None

    def template(self, service: str, stage: str) -> str | None:
        if self.entry is not None:
            documents = self.entry.stages.get(stage)
            return documents.template if documents else None
        if self.survey is None or service not in self.survey.views:
            return None
        found = self.survey.views[service].stages.get(stage)
        return found.template if found else None


def explained(
    service: str, old: Side, new: Side, different: Sequence[Difference] | None, stages: Sequence[str]
) -> tuple[str, ...]:
    """One line for each reason. `different` None: the commit of the old side is not in this clone."""
    lines = [*_code(service, old, new, different), *_settings(service, old, new, stages)]
    lines += _template(service, old, new, different, stages)
    if len(lines) > _MOST:
        lines = [*lines[:_MOST], f"… and {len(lines) - _MOST} more"]
    return tuple(lines)


def _code(service: str, old: Side, new: Side, different: Sequence[Difference] | None) -> Iterator[str]:
    before, after = old.fingerprint(service), new.fingerprint(service)
    prepared = new.prepared(service)
    if before == after and before is not None:
        yield f"fingerprint {before[:10]} on both sides"
        if prepared is not None:
            shared = len(prepared.closure.files)
            own = sum(file.origin.startswith(service_folder(service) + "/") for file in prepared.files)
            yield f"{own} files of its own and {shared} of {SHARED_FOLDER} count"
        for one in different or ():
            if one.path.startswith(service_folder(service) + "/"):
                yield f"{_line(one)}; it does not count in the artifact"
        return
    yield f"fingerprint {(before or 'none')[:10]} → {(after or 'none')[:10]}"
    old_facts, new_facts = old.facts(service), new.facts(service)
    named = [
        f"{key} {old_facts[key]} → {new_facts[key]}"
        for key in new_facts
        if key in old_facts and old_facts[key] != new_facts[key]
    ]
    if different is None:
        yield from named
        yield "which files differ is not known: the commit that was built before is not in this clone"
        return
    taken = _taken(service, old) | _taken(service, new)
    for one in different:
        if one.path in taken:
            named.append(f"{_line(one)}{_chain(service, one.path, (new, old))}")
    yield from named or ["the version or the target of the builder differs: no file does"]
    if prepared is not None:
        yield from prepared.closure.notes


def _taken(service: str, side: Side) -> set[str]:
    """Paths of the repository that count."""
    prepared = side.prepared(service)
    return {file.origin for file in prepared.files} if prepared else set()


def _line(one: Difference) -> str:
    if one.old_mode == _NONE:
        return f"{one.path} added ({one.new_blob[:10]})"
    if one.new_mode == _NONE:
        return f"{one.path} removed ({one.old_blob[:10]})"
    if one.old_blob == one.new_blob:
        return f"{one.path} mode {one.old_mode[-3:]} → {one.new_mode[-3:]}"
    return f"{one.path} {one.old_blob[:10]} → {one.new_blob[:10]}"


def _chain(service: str, path: str, sides: Sequence[Side]) -> str:
    """Which imports lead from the service to a shared module."""
    if not path.startswith(SHARED_FOLDER + "/"):
        return ""
    for side in sides:
        prepared = side.prepared(service)
        files = prepared.closure.files if prepared else {}
        steps: list[str] = []
        at = path
        while (importer := files.get(at[len(SHARED_FOLDER) + 1 :])) is not None and len(steps) < len(files):
            steps.insert(0, str(importer))
            at = importer.path
            if not at.startswith(SHARED_FOLDER + "/"):
                break
        if steps:
            return f", imported by {' → '.join(steps)}"
    return ""


def _settings(service: str, old: Side, new: Side, stages: Sequence[str]) -> Iterator[str]:
    for stage in stages:
        before, after = old.document(service, stage), new.document(service, stage)
        if before is None or after is None:
            if before is not after:
                yield f"settings of {stage}: on one side alone, or not readable on the other"
        elif keys := differing_settings(before, after):
            yield f"settings of {stage}: {', '.join(keys)}"


def _template(
    service: str, old: Side, new: Side, different: Sequence[Difference] | None, stages: Sequence[str]
) -> Iterator[str]:
    others = [stage for stage in stages if old.template(service, stage) != new.template(service, stage)]
    if not others:
        return
    file = f"{service_folder(service)}/{TEMPLATE}"
    causes = [
        one.path for one in different or () if one.path == file or one.path.startswith(MACROS_FOLDER + "/")
    ]
    why = (
        ", ".join(causes) or "what it renders: settings, values of the environment, or the tool's own macros"
    )
    yield f"template of {', '.join(others)}: {why}"
