"""What in the templates of a release keeps it out of a stage: read when a stack would change."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from release.apply.work import Tools
from release.build.documents import load_manifest, load_template, stack_name
from release.build.sources import TEMPLATE
from release.core.actions import ApplyStack
from release.core.blockers import Blocker
from release.core.fingerprint import service_folder
from release.core.infra_values import Template, as_template
from release.core.manifest import Manifest
from release.core.models import Gradual, Place, Stage
from release.core.plan import Step
from release.core.sources import MAPPING, consumers, exports, line_of, shared
from release.core.unsupported import unsupported

_IN_FLIGHT = 32
_UNSUPPORTED = ("Image", "SnapStart")  # a template without these words is not read for what they mean


def refused_templates(
    tools: Tools, stage: Stage, places: Sequence[Place], manifest_digest: str, steps: Iterable[Step]
) -> tuple[Blocker, ...]:
    """Sources that services would contend for, and functions that cannot be rolled out; with file and line.

    Nothing is read where no stack changes, and of the services whose stacks stay only what says that it
    consumes something. Raises Misconfigured, Unavailable.
    """
    changing = {step.action.service for step in steps if isinstance(step.action, ApplyStack)}
    if not changing:
        return ()
    manifest = load_manifest(tools.artifacts, manifest_digest)
    templates = _Templates(tools, manifest, stage.name)
    found = list(_unsupported(templates, stage, places, sorted(changing)))
    if any(MAPPING in text for text in templates.texts(sorted(changing)).values()):
        found += _shared(templates, places)
    return tuple(found)


def _unsupported(
    templates: "_Templates", stage: Stage, places: Sequence[Place], services: Sequence[str]
) -> Iterable[Blocker]:
    told: set[tuple[str, str, str]] = set()  # once for all regions
    for service in services:
        stack = stack_name(service, stage.name)
        for place in places:
            gradual = isinstance(stage.rollouts[place.region], Gradual)
            if not any(word in templates.texts([service]).get(service, "") for word in _UNSUPPORTED):
                continue
            template = templates.read(service)
            for name, blocker in unsupported(template, stack=stack, place=place, gradual=gradual):
                if (service, name, blocker.code) not in told:
                    told.add((service, name, blocker.code))
                    where = templates.where([(service, name)])[service, name]
                    yield replace(blocker, message=f"{blocker.message}: {where}")


def _shared(templates: "_Templates", places: Sequence[Place]) -> tuple[Blocker, ...]:
    everything = list(templates.manifest.services)
    consuming = [name for name, text in templates.texts(everything).items() if MAPPING in text]
    found, exported = [], {}
    for service in consuming:
        stack = stack_name(service, templates.stage)
        for place in places:
            template = templates.read(service)
            found += list(consumers(template, service=service, stack=stack, place=place))
            for name, source in exports(template, stack=stack, place=place).items():
                exported[place.region, name] = source
    if not shared(found, exported, {}):
        return ()
    return shared(found, exported, templates.where([(one.service, one.name) for one in found]))


class _Templates:
    """The templates of one release in one stage, each read once."""

    def __init__(self, tools: Tools, manifest: Manifest, stage: str) -> None:
        self._tools = tools
        self.manifest = manifest
        self.stage = stage
        self._texts: dict[str, str] = {}
        self._read: dict[str, Template] = {}

    def texts(self, services: Sequence[str]) -> Mapping[str, str]:
        """Of those services that have this stage."""
        entries = self.manifest.services
        wanted = [one for one in services if one in entries and self.stage in entries[one].stages]
        missing = [one for one in wanted if one not in self._texts]

        def load(service: str) -> str:
            return load_template(self._tools.artifacts, entries[service].stages[self.stage].template)

        with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="templates") as pool:
            self._texts.update(zip(missing, pool.map(load, missing), strict=True))
        return {one: self._texts[one] for one in wanted}

    def read(self, service: str) -> Template:
        if service not in self._read:
            text = self.texts([service])[service]
            self._read[service] = as_template(self._tools.read_document(text, service))
        return self._read[service]

    def where(self, resources: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """(service, logical id) -> file and line of the template that people edit, in this commit."""
        repo, commit = self._tools.repo, self.manifest.commit
        files = {service: f"{service_folder(service)}/{TEMPLATE}" for service, _ in resources}
        entries = repo.tree(commit, "services", matching=rf"^services/[^/]+/{TEMPLATE.replace('.', '[.]')}$")
        blobs = {entry.path: entry.blob for entry in entries if entry.path in files.values()}
        contents = repo.blobs(blobs.values())
        found = {}
        for service, name in resources:
            file = files[service]
            text = contents[blobs[file]].decode(errors="replace") if file in blobs else ""
            line = line_of(text, name)
            found[service, name] = file if line is None else f"{file}:{line}"
        return found
