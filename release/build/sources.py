"""What a commit has of some services: read from git trees and blobs, never from the work tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from release.build.python import BUILDER, requirements_blob
from release.build.target import Target
from release.core.fingerprint import (
    SHARED_FOLDER,
    SourceFile,
    fingerprint,
    links,
    service_folder,
    source_files,
)
from release.core.models import Service
from release.errors import Misconfigured
from release.ports import Repo, TreeEntry

MACROS_FOLDER = "templates/cloudformation"
TEMPLATE = "template.yaml.j2"


@dataclass(frozen=True, slots=True)
class CommitSources:
    """One reading of a commit for all of its services."""

    commit: str
    entries: Mapping[str, Sequence[TreeEntry]]  # by service, with the shared core's
    link_targets: Mapping[str, str]  # path -> where the link points
    templates: Mapping[str, str]  # service -> text of its template
    macros: Mapping[str, str]  # name below templates/cloudformation -> text


@dataclass(frozen=True, slots=True)
class Prepared:
    """A service as the commit has it, before anything is built."""

    service: Service
    files: tuple[SourceFile, ...]
    fingerprint: str


def read_commit(repo: Repo, commit: str, services: Mapping[str, Service]) -> CommitSources:
    """Two calls of git, however many services there are."""
    below = (*map(service_folder, sorted(services)), SHARED_FOLDER, MACROS_FOLDER)
    tree = repo.tree(commit, *below)
    entries = {name: _below(tree, service_folder(name), SHARED_FOLDER) for name in services}
    linked = {path: blob for name in services for path, blob in links(entries[name], name).items()}
    by_path = {entry.path: entry.blob for entry in tree}
    templates = {
        name: by_path[path] for name in services if (path := f"{service_folder(name)}/{TEMPLATE}") in by_path
    }
    macros = {
        entry.path[len(MACROS_FOLDER) + 1 :]: entry.blob
        for entry in _below(tree, MACROS_FOLDER)
        if entry.mode.startswith("100")
    }
    blobs = repo.blobs(dict.fromkeys([*linked.values(), *templates.values(), *macros.values()]))
    return CommitSources(
        commit=commit,
        entries=entries,
        link_targets={path: _text(blobs[blob], path) for path, blob in linked.items()},
        templates={
            name: _text(blobs[blob], f"{service_folder(name)}/{TEMPLATE}") for name, blob in templates.items()
        },
        macros={name: _text(blobs[blob], f"{MACROS_FOLDER}/{name}") for name, blob in macros.items()},
    )


def prepare(service: Service, sources: CommitSources, target: Target) -> Prepared:
    """The files of a service and their fingerprint. Raises Misconfigured for what cannot be built alike
    everywhere.
    """
    files = source_files(sources.entries[service.name], service.name, sources.link_targets)
    return Prepared(
        service=service,
        files=files,
        fingerprint=fingerprint(
            files,
            requirements=requirements_blob(files),
            runtime=service.runtime,
            architecture=service.architecture,
            target=target.name,
            builder=BUILDER,
        ),
    )


def _below(tree: Sequence[TreeEntry], *folders: str) -> Sequence[TreeEntry]:
    prefixes = tuple(folder + "/" for folder in folders)
    return [entry for entry in tree if entry.path.startswith(prefixes)]


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path} is not UTF-8 text", fix="save it as UTF-8", see=path) from error
