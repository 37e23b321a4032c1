"""Makes a service: decides, renders, holds that to the configuration's rules, and puts it in its place."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final, Protocol

from release.config import ConfigurationErrors, Problem, load_services, pipeline_services
from release.core.models import Pipelines, Service
from release.core.scaffold import BY_NAME, KindName, Made, Tags
from release.errors import Misconfigured
from release.new.naming import SHARED, package_of, refuse_name
from release.new.shared_core import refuse_lacking, without_foreign

_DATA_CLASS: Final = "internal"  # of a service that says nothing of its data


class ServiceTemplates(Protocol):
    """What belongs to the tool."""

    def packages(self) -> Sequence[str]:
        """Names of the packages that the lock of every new service installs."""

    def render(self, kind: KindName, words: Mapping[str, object]) -> Mapping[str, str]:
        """All files of a service: path below its folder -> text."""

    def shared_core(self) -> Mapping[str, bytes]:
        """The shared core that they are written for: path below its folder -> content."""


def scaffold(
    top: Path,
    name: str,
    kind: KindName,
    *,
    given: Mapping[str, str],
    pipelines: Pipelines,
    templates: ServiceTemplates,
) -> Made:
    """Make services/NAME in the work tree `top`: all of it, or nothing.

    `given`: tags by the names that `Tags` has for them; the others are those of another service. Where the
    repository has no services/common, it comes along. Raises Misconfigured, before anything is written.
    """
    through = _pipelines_of(name, pipelines)
    judged = [pipelines.pipelines[one] for one in through] or list(pipelines.pipelines.values())
    refuse_name(name, top=top, pipelines=judged, packages=templates.packages())
    stages = tuple(dict.fromkeys(stage.name for one in pipelines.pipelines.values() for stage in one.stages))
    deployed = next((one.name for one in judged[0].stages if one.channel is None), None)
    others = _other_services(top)
    tags, tags_of = _tags(given, others, stages)
    known = BY_NAME[kind]
    words: dict[str, object] = {
        **{field.name: getattr(tags, field.name) for field in fields(Tags)},
        **{field.name: getattr(known, field.name) for field in fields(known)},
        "name": name,
        "package": package_of(name),
        "kind": kind,
        "stages": stages,
        "stage": deployed,
    }
    rendered = templates.render(kind, words)
    _refuse_wrong(name, rendered, others, stages)
    common = top / "services" / SHARED
    core: Mapping[str, bytes] = {}
    if common.exists() or common.is_symlink():
        refuse_lacking(common, rendered)
    else:
        core = without_foreign(templates.shared_core(), templates.packages())
    folders = {SHARED: core, name: {path: text.encode() for path, text in rendered.items()}}
    _put(top / "services", {folder: files for folder, files in folders.items() if files})
    return Made(
        service=name,
        kind=kind,
        tags=tags,
        tags_of=tags_of,
        files=sorted(f"services/{folder}/{path}" for folder, files in folders.items() for path in files),
        brought_core=bool(core),
        pipelines=through,
        stage=deployed if through else None,
    )


def _pipelines_of(name: str, pipelines: Pipelines) -> Sequence[str]:
    return [one for one, services in pipeline_services(pipelines, [name]).items() if services]


def _other_services(top: Path) -> Mapping[str, bytes]:
    """Repository path -> content of every service.yaml in the work tree."""
    try:
        return {
            path.relative_to(top).as_posix(): path.read_bytes()
            for path in sorted((top / "services").glob("*/service.yaml"))
        }
    except OSError as error:
        raise Misconfigured(
            f"a service cannot be read: {error.strerror}", fix="make it readable", see=str(error.filename)
        ) from error


def _tags(
    given: Mapping[str, str], others: Mapping[str, bytes], stages: Sequence[str]
) -> tuple[Tags, str | None]:
    """What is given; else as the first service that can be read has it, which is named."""
    of_data = {"data_class": _DATA_CLASS, **given}
    missing = [field.name for field in fields(Tags) if field.name not in of_data]
    if not missing:
        return Tags(**of_data), None
    model = next((found for file in others for found in _readable(file, others[file], stages)), None)
    if model is None:
        options = " ".join(f"--{name.replace('_', '-')} …" for name in missing)
        raise Misconfigured(
            f"nobody says whose the service is: {', '.join(missing)}",
            fix=f"add {options}; later services take them from an earlier one",
            see="services/",
        )
    return Tags(**{name: getattr(model, name) for name in missing}, **of_data), model.name


def _readable(file: str, data: bytes, stages: Sequence[str]) -> Sequence[Service]:
    try:
        return list(load_services({file: data}, stages).values())
    except ConfigurationErrors:
        return ()


def _refuse_wrong(
    name: str, rendered: Mapping[str, str], others: Mapping[str, bytes], stages: Sequence[str]
) -> None:
    """Raises ConfigurationErrors for what only the new service brings in, such as a function's name twice."""
    known = {str(problem) for problem in _problems(others, stages)}
    own = {f"services/{name}/service.yaml": rendered["service.yaml"].encode()}
    new = [one for one in _problems({**others, **own}, stages) if str(one) not in known]
    if new:
        raise ConfigurationErrors(new)


def _problems(texts: Mapping[str, bytes], stages: Sequence[str]) -> Sequence[Problem]:
    try:
        load_services(texts, stages)
    except ConfigurationErrors as error:
        return error.problems
    return ()


def _put(services: Path, folders: Mapping[str, Mapping[str, bytes]]) -> None:
    """Write all beside their place, then rename each folder: nobody ever sees half of one."""
    placed: list[Path] = []
    made = not services.exists()
    beside: Path | None = None
    try:
        services.mkdir(exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=services, prefix=".new-"))
        for folder, files in folders.items():
            for path, data in files.items():
                place = beside / folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        for folder in folders:  # the shared core first: alone it harms nobody, and the next run finds it
            (beside / folder).rename(services / folder)
            placed.append(services / folder)
    except OSError as error:
        for place in placed:
            shutil.rmtree(place, ignore_errors=True)
        raise Misconfigured(
            f"the service cannot be written: {error.strerror or error}; nothing was",
            fix="make services/ a folder that you may write to, with space left",
            see=str(services),
        ) from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
        if made and not placed and services.is_dir() and not any(services.iterdir()):
            services.rmdir()
