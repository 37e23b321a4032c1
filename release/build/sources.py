"""What a commit has of some services: read from git trees and blobs, never from the work tree."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from release.build.builder import BUILDER
from release.build.imports import NODE_FILES, Language, imports_of, shared_core
from release.build.includes import fixed_part, matches, refusal
from release.build.requirements import pins_digest
from release.build.target import Target
from release.core.closure import Closure, Importer, SharedCore
from release.core.fingerprint import MACROS_FOLDER as MACROS_FOLDER
from release.core.fingerprint import (
    REQUIREMENTS,
    SHARED_FOLDER,
    SourceFile,
    fingerprint,
    is_left_out,
    links,
    placed_files,
    service_folder,
    shared_files,
    source_files,
)
from release.core.fingerprint import TEMPLATE as TEMPLATE
from release.core.imports import Imports, Reference
from release.core.models import Service
from release.core.recipe import how_built, recipe
from release.errors import Misconfigured
from release.ports import Repo, TreeEntry

_SERVICES = "services"
_NO_PYTHON = "cannot be parsed"
_FEW = 100  # services; git compares every path with every folder that it is asked for
# What Python would find in the service's folder before the shared core.
_HIDES = re.compile(r"common(?:/|\.py$|\.[^/]*(?:so|pyd)$)")
_NOTHING = Closure({}, (), (), ())


@dataclass(frozen=True, slots=True)
class CommitSources:
    """One reading of a commit for all of its services."""

    commit: str
    entries: Mapping[str, Sequence[TreeEntry]]  # by service: its own folder
    shared: Sequence[TreeEntry]  # the shared core
    included: Mapping[str, Sequence[TreeEntry]]  # by service: what its `build.include` matches
    unmatched: Mapping[str, Sequence[str]]  # by service: patterns that match nothing
    link_targets: Mapping[str, str]  # path -> where the link points
    placed: Mapping[str, Mapping[str, str]]  # by service: what it has whatever it imports, path -> blob
    templates: Mapping[str, str]  # service -> text of its template
    macros: Mapping[str, str]  # name below templates/cloudformation -> text
    locks: Mapping[str, str]  # service -> what its Python lock file pins, as a digest
    core: SharedCore
    imports: Mapping[str, Imports]  # by blob, of what is placed


@dataclass(frozen=True, slots=True)
class Prepared:
    """A service as the commit has it, before anything is built."""

    service: Service
    files: tuple[SourceFile, ...]
    fingerprint: str
    closure: Closure = field(default=_NOTHING)  # what it takes of the shared core, and why
    problems: tuple[str, ...] = ()  # what keeps it from being built, one line each


def read_commit(repo: Repo, commit: str, services: Mapping[str, Service]) -> CommitSources:
    """A few calls of git, however many services there are."""
    patterns = {name: service.build.include for name, service in services.items() if service.build.include}
    fixed = {fixed_part(pattern) for own in patterns.values() for pattern in own}
    folders = (
        (*map(service_folder, sorted(services)), SHARED_FOLDER) if len(services) < _FEW else (_SERVICES,)
    )
    below = () if "" in fixed else (*folders, MACROS_FOLDER, *sorted(fixed))
    tree = repo.tree(commit, *below)
    entries, shared = _by_folder(tree, services)
    by_path = {entry.path: entry for entry in tree}
    included, unmatched = _included(patterns, by_path)

    linked = dict(links([*shared, *(entry for own in entries.values() for entry in own)]))
    linked |= dict(links(entry for own in included.values() for entry in own))
    templates = {
        name: by_path[path].blob
        for name in services
        if (path := f"{service_folder(name)}/{TEMPLATE}") in by_path
    }
    macros = {
        path[len(MACROS_FOLDER) + 1 :]: entry.blob
        for path, entry in by_path.items()
        if path.startswith(MACROS_FOLDER + "/") and entry.mode.startswith("100")
    }
    locks = {
        name: by_path[path].blob
        for name, service in services.items()
        if how_built(service) == "python"
        and (path := f"{service_folder(name)}/{REQUIREMENTS}") in by_path
        and by_path[path].mode.startswith("100")
    }
    blobs = repo.blobs(
        dict.fromkeys([*linked.values(), *templates.values(), *macros.values(), *locks.values()])
    )
    link_targets = {path: blobs[blob].decode("utf-8", "surrogateescape") for path, blob in linked.items()}
    core_files = shared_files(shared, link_targets)
    placed = {
        name: placed_files(entries[name], name, link_targets, shared=shared, included=included.get(name, ()))
        for name in services
    }
    wanted: dict[str, Language] = {}
    for name, service in services.items():
        wanted |= _languages(placed[name], service)
    parsed = imports_of(repo, {**wanted, **_shared_languages(core_files)})
    return CommitSources(
        commit=commit,
        entries=entries,
        shared=shared,
        included=included,
        unmatched=unmatched,
        link_targets=link_targets,
        placed=placed,
        templates={
            name: _text(blobs[blob], f"{service_folder(name)}/{TEMPLATE}") for name, blob in templates.items()
        },
        macros={name: _text(blobs[blob], f"{MACROS_FOLDER}/{name}") for name, blob in macros.items()},
        locks={name: pins_digest(blobs[blob]) for name, blob in locks.items()},
        core=shared_core(core_files, parsed),
        imports=parsed,
    )


def prepare(service: Service, sources: CommitSources, target: Target) -> Prepared:
    """The files of a service and their fingerprint. Raises Misconfigured for what cannot be built, or not
    alike everywhere.
    """
    prepared = look_at(service, sources, target)
    if prepared.problems:
        raise Misconfigured(
            f"{service.name} cannot be built from this commit",
            fix="correct what is named above, and commit" + _other_python(service, prepared.problems),
            see=service_folder(service.name),
            details=prepared.problems,
        )
    return prepared


def _other_python(service: Service, problems: Iterable[str]) -> str:
    """What may be right for another Python than the one that parses it here."""
    ours = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if service.runtime == ours or not any(_NO_PYTHON in problem for problem in problems):
        return ""
    return f"; or, where it is right for {service.runtime}, run release with that Python: this is {ours}"


def look_at(service: Service, sources: CommitSources, target: Target) -> Prepared:
    """As `prepare`, for who wants to know what changed: an import that finds nothing is in `problems`."""
    name = service.name
    own, included = sources.entries[name], sources.included.get(name, ())
    closure, files = _closure(service, sources)
    taken = [*files, *(entry.path for entry in included)]
    # What is included from elsewhere is listed beside the two folders; what is in them is there already.
    elsewhere = [entry for entry in included if not entry.path.startswith(_SERVICES + "/")]
    found = source_files([*own, *sources.shared, *elsewhere], name, sources.link_targets, taken)
    return Prepared(
        service=service,
        files=found,
        fingerprint=fingerprint(
            found,
            requirements=sources.locks.get(name),
            runtime=service.runtime,
            architecture=service.architecture,
            target=target.name,
            builder=BUILDER,
            recipe=recipe(service),
        ),
        closure=closure,
        problems=tuple(_problems(service, sources, closure)),
    )


def references_of(
    service: Service, placed: Mapping[str, str], imports: Mapping[str, Imports]
) -> Sequence[tuple[str, Reference]]:
    """What a service asks of the shared core: path in the repository, and the reference there.

    `placed` is what it has whatever it imports. A handler that lies in the shared core is asked for, too.
    """
    found = [
        (path, reference)
        for path, blob in placed.items()
        if not path.startswith(SHARED_FOLDER + "/") and (parsed := imports.get(blob)) is not None
        for reference in parsed.references
    ]
    if how_built(service) == "python":
        for function in service.functions:
            module = function.handler.rpartition(".")[0].replace("/", ".")
            if module.partition(".")[0] == "common":
                line = service.source.line
                found.append((service.source.file, Reference(module, 0, None, line, optional=False)))
    return found


def _closure(service: Service, sources: CommitSources) -> tuple[Closure, Sequence[str]]:
    """What is taken of the shared core, and which paths of the repository that are."""
    how = how_built(service)
    if how not in ("python", "node"):
        return _NOTHING, ()
    placed = sources.placed[service.name]
    references = references_of(service, placed, sources.imports)
    place = Importer(service.source.file, service.source.line)
    start = len(SHARED_FOLDER) + 1
    included = {path[start:]: place for path in placed if path.startswith(SHARED_FOLDER + "/")}
    if not references and not included:
        return _NOTHING, ()
    closure = sources.core.closure(references, included)
    if how == "node":  # a bundler takes from the whole folder what it needs
        if not references:
            return _NOTHING, ()
        whole = [entry.path for entry in sources.shared if not is_left_out(entry.path, SHARED_FOLDER)]
        return Closure(closure.files, (), (), closure.notes), whole
    return closure, [sources.core.origin(path) for path in closure.files]


def _problems(service: Service, sources: CommitSources, closure: Closure) -> Iterable[str]:
    folder = service_folder(service.name)
    for importer, module in closure.missing:
        yield f"{importer}: imports {module}, which finds nothing in {SHARED_FOLDER}"
    for importer, why in closure.broken:
        yield f"{importer}: {_NO_PYTHON}: {why}"
    if how_built(service) == "python":
        placed = sources.placed[service.name]
        for path, blob in placed.items():
            parsed = sources.imports.get(blob)
            if not path.startswith(SHARED_FOLDER + "/") and parsed is not None and parsed.broken is not None:
                yield f"{path}:{parsed.broken[0]}: {_NO_PYTHON}: {parsed.broken[1]}"
        if any(_HIDES.match(path, len(folder) + 1) for path in placed if path.startswith(folder + "/")):
            yield f"{folder}/common: hides the shared core from this service; give it another name"
    for pattern in sources.unmatched.get(service.name, ()):
        yield f"{service.source.file}: build.include has {pattern!r}, which matches no file of this commit"
    for entry in sources.included.get(service.name, ()):
        if (refused := refusal(entry.path, service.name)) is not None:
            yield f"{service.source.file}: build.include matches {entry.path}, which {refused}"


def _languages(placed: Mapping[str, str], service: Service) -> dict[str, Language]:
    """By blob, of the files of a service that may lead to the shared core."""
    match how_built(service):
        case "python":
            return {blob: "python" for path, blob in placed.items() if path.endswith(".py")}
        case "node":
            return {blob: "node" for path, blob in placed.items() if path.endswith(NODE_FILES)}
        case _:
            return {}


def _shared_languages(files: Mapping[str, str]) -> dict[str, Language]:
    return {blob: "shared" for path, blob in files.items() if path.endswith(".py")}


def _by_folder(
    tree: Iterable[TreeEntry], services: Iterable[str]
) -> tuple[dict[str, list[TreeEntry]], list[TreeEntry]]:
    entries: dict[str, list[TreeEntry]] = {name: [] for name in services}
    shared: list[TreeEntry] = []
    common = SHARED_FOLDER.rpartition("/")[2]
    for entry in tree:
        top, _, rest = entry.path.partition("/")
        name, _, inner = rest.partition("/")
        if top != _SERVICES or not inner:
            continue
        if name == common:
            shared.append(entry)
        elif name in entries:
            entries[name].append(entry)
    return entries, shared


def _included(
    patterns: Mapping[str, Sequence[str]], by_path: Mapping[str, TreeEntry]
) -> tuple[dict[str, list[TreeEntry]], dict[str, list[str]]]:
    included: dict[str, list[TreeEntry]] = {}
    unmatched: dict[str, list[str]] = {}
    for name, own in patterns.items():
        found: dict[str, TreeEntry] = {}
        for pattern in own:
            paths = matches(pattern, by_path)
            found |= {path: by_path[path] for path in paths}
            if not paths:
                unmatched.setdefault(name, []).append(pattern)
        included[name] = list(found.values())
    return included, unmatched


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path} is not UTF-8 text", fix="save it as UTF-8", see=path) from error
