"""Builds a Node service: the esbuild that it locks joins each handler's module with all that it imports."""

import json
import os
import platform
import posixpath
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.build import npm
from release.build.archive import Archive, Member, archive
from release.build.builder import Source
from release.build.includes import matches
from release.build.output import members_of
from release.build.process import Ended, run
from release.build.workspace import Workspace, workspace
from release.core.fingerprint import service_folder
from release.core.models import Service
from release.core.recipe import entries
from release.errors import Misconfigured

_RUNTIMES: Final = {"nodejs22.x": "node22", "nodejs24.x": "node24"}  # -> esbuild's target
_ADD_ESBUILD: Final = (
    "in {folder}: npm install --save-dev --save-exact --ignore-scripts esbuild; commit both files"
)
_LOCK_ALL: Final = (
    "in {folder}: rm package-lock.json; npm install --package-lock-only --ignore-scripts --include=optional"
)
_ENDINGS: Final = (".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx")
_ESBUILD: Final = "node_modules/esbuild"

# An ES module has no `require`; packages of the older kind, joined into one, still ask for node's own modules
# by it. https://github.com/evanw/esbuild/issues/1921
_REQUIRE: Final = (
    'import{createRequire as __release_require}from"node:module";'
    "const require=__release_require(import.meta.url);"
)
_AS_MODULE: Final = ("--format=esm", "--out-extension:.js=.mjs", f"--banner:js={_REQUIRE}")
_ERROR = re.compile(r"\[ERROR\] (?P<what>.+)(?:\n\s*\n?\s+(?P<file>[^\s:][^:\n]*):(?P<line>\d+):\d+:)?")


@dataclass(frozen=True, slots=True)
class NodeBuilder:
    install: npm.NpmInstall = npm.npm_install

    def __call__(self, source: Source) -> Archive:
        """Raises Misconfigured (what cannot be built) and Unavailable (the registry is out of reach)."""
        service = source.service
        folder = service_folder(service.name)
        if service.runtime not in _RUNTIMES:
            raise Misconfigured(
                f"{service.name} has the runtime {service.runtime}, which has no builder",
                fix=f"use one of {', '.join(_RUNTIMES)}, or build it with a command",
                see=str(service.source),
            )
        packages, is_module = _read_package(source, folder)
        starts = [_entry(source, name, folder) for name in entries(service)]
        with workspace(source) as space:
            _close(space)
            self.install(space.folder, packages, name=folder, hide=space.top, seconds=service.build.timeout)
            _bundle(service, space, starts, is_module=is_module)
            package = f"{folder}/{npm.PACKAGE}"
            bundle = members_of(
                space.out, of=service.name, origin=package, see=package, fix="report this: it is a bug"
            )
        return archive([*bundle, *_data_files(source)], of=service.name)


def _read_package(source: Source, folder: str) -> tuple[npm.Packages, bool]:
    """What is locked, and whether the service is an ES module.

    Raises Misconfigured where npm's files are not there, or odd.
    """
    by_origin = {file.origin: file for file in source.files}
    package, lock = f"{folder}/{npm.PACKAGE}", f"{folder}/{npm.LOCK}"
    for file in (package, lock):
        if file not in by_origin:
            raise Misconfigured(
                f"{source.service.name} has the runtime {source.service.runtime} and no {file}",
                fix=_ADD_ESBUILD.format(folder=folder),
                see=folder,
            )
    packages = npm.read_npm_lock(source.bytes_of(by_origin[lock]), file=lock)
    if _ESBUILD not in packages:
        raise Misconfigured(
            f"{lock} has no esbuild, which bundles {source.service.name}",
            fix=_ADD_ESBUILD.format(folder=folder),
            see=lock,
        )
    return packages, _is_module(source.bytes_of(by_origin[package]), package)


def _is_module(data: bytes, file: str) -> bool:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise Misconfigured(f"{file} is not JSON: {error}", fix="correct it", see=file) from error
    return isinstance(document, dict) and document.get("type") == "module"


def _entry(source: Source, module: str, folder: str) -> str:
    """The file that a handler names, from the service's folder. Raises Misconfigured for none or several."""
    there = {file.origin for file in source.files}
    found = [module + ending for ending in _ENDINGS if f"{folder}/{module}{ending}" in there]
    if len(found) == 1:
        return found[0]
    raise Misconfigured(
        f"the handler {module} of {source.service.name} is "
        + (f"each of {', '.join(found)}" if found else "no file of this commit"),
        fix="remove all but one" if found else f"commit {folder}/{module}.ts, or correct the handler",
        see=str(source.service.source),
    )


def _bundle(service: Service, space: Workspace, starts: Sequence[str], *, is_module: bool) -> None:
    build, folder = service.build, service_folder(service.name)
    command = [
        *(_program(service, space), *starts),
        *("--bundle", "--platform=node", f"--target={_RUNTIMES[service.runtime]}"),
        *(
            "--log-level=warning",
            "--log-limit=20",
            "--color=false",
            "--log-override:import-is-undefined=error",
            "--log-override:tsconfig.json=error",  # one that extends a file which is not there is another one
        ),
        *(f"--outdir={space.out}", "--outbase=.", f"--metafile={_metafile(space)}"),
        *(_AS_MODULE if is_module else ["--format=cjs"]),
        *(["--minify"] if build.minify else []),
        *(["--sourcemap=linked"] if build.source_maps else []),
        *(f"--external:{package}" for package in build.external),
    ]
    try:
        ended = run(
            command, folder=space.folder, environment=_environment(space, os.environ), seconds=build.timeout
        )
    except OSError as error:
        raise Misconfigured(
            f"esbuild cannot be started: {error}", fix=_LOCK_ALL.format(folder=folder)
        ) from error
    if ended.code != 0:
        raise _explain(ended, service, space.top)
    _refuse_foreign(service, space)


def _close(space: Workspace) -> None:
    """End here the search for what configures esbuild: it looks upwards, and anybody may write to /tmp."""
    for name in ("tsconfig.json", npm.PACKAGE):
        (space.top.parent / name).write_text("{}")


def _metafile(space: Workspace) -> Path:
    return space.temporary / "esbuild.json"


def _refuse_foreign(service: Service, space: Workspace) -> None:
    """Raises Misconfigured for files that this machine has and the commit has not: node_modules of a folder
    above, an absolute path.
    """
    folder = service_folder(service.name)
    inputs = json.loads(_metafile(space).read_text("utf-8"))["inputs"]
    foreign = [
        path for path in inputs if posixpath.normpath(posixpath.join(folder, path)).startswith(("../", "/"))
    ]
    if foreign:
        raise Misconfigured(
            f"{service.name} imports files that are in no commit, but on this machine",
            fix="add the package to package.json and lock it, or correct the import, and commit",
            see=folder,
            details=sorted(posixpath.normpath(posixpath.join(space.folder, path)) for path in foreign),
        )


def _program(service: Service, space: Workspace) -> str:
    """The program that esbuild's package for this machine brings. Raises Misconfigured.

    The package `esbuild` itself only starts it, which takes as long as the bundling.
    """
    found = sorted(space.folder.glob("node_modules/@esbuild/*/bin/esbuild"))
    if len(found) == 1:
        return str(found[0])
    folder = service_folder(service.name)
    raise Misconfigured(
        f"esbuild came without its program for this machine ({sys.platform} on {platform.machine()})",
        fix=f"lock it for every machine; {_LOCK_ALL.format(folder=folder)}",
        see=f"{folder}/{npm.LOCK}",
    )


def _environment(space: Workspace, environment: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": environment.get("PATH", ""),
        "HOME": str(space.home),
        "TMPDIR": str(space.temporary),
        "LC_ALL": "C.UTF-8",
        # The shared core lies beside the service, and finds there what the service has installed.
        "NODE_PATH": str(space.folder / "node_modules"),
    }


def _explain(ended: Ended, service: Service, top: Path) -> Misconfigured:
    folder = service_folder(service.name)
    if ended.code is None:
        return Misconfigured(
            f"esbuild did not finish bundling {service.name} in {service.build.timeout} s",
            fix="give it more time with build.timeout",
            see=str(service.source),
            details=ended.tail(top),
        )
    found = _ERROR.search(ended.log)
    what = found["what"].strip() if found else f"esbuild ended with {ended.code}"
    see = folder
    if found and found["file"]:
        see = f"{posixpath.normpath(posixpath.join(folder, found['file']))}:{found['line']}"
    fix = "correct it; esbuild's own words are above"
    if "Could not resolve" in what:
        fix = "add the package to package.json and lock it, or correct the import, and commit"
        if "/common/" in what or "@core" in what:
            fix = "commit the file of the shared core, or correct the import or the `paths` of tsconfig.json"
    elif "base config file" in what:
        fix = "bring the file that tsconfig.json extends into the commit, or into build.include"
    elif "No loader is configured" in what:
        fix = "read the file at run time (build.include), or bring the package in a layer (build.external)"
    return Misconfigured(
        f"{service.name} cannot be bundled: {what}", fix=fix, see=see, details=ended.tail(top)
    )


def _data_files(source: Source) -> Sequence[Member]:
    """What `build.include` names is read at run time: it stands in the artifact as it is."""
    origins = [file.origin for file in source.files]
    named = {path for pattern in source.service.build.include for path in matches(pattern, origins)}
    return [source.member(file) for file in source.files if file.origin in named]
