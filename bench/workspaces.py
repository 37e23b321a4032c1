"""A generated fleet that two kinds of tools understand: services that import shared Python modules, and the
same graph as packages of npm, which is what turbo, nx, moon and lerna read.
"""

import json
from collections.abc import Mapping, Sequence

from bench.repositories import PIPELINES, service_files

LIBRARIES = 20
CHANGED_LIBRARY = 7
CHANGED_SERVICES = 3

# What the peers want to know of a repository. Names of the services in them are those of the folders.
_ROOT = {
    ".gitignore": ".nx/\n.turbo/\n.moon/cache/\nnode_modules/\n",
    "nx.json": '{"analytics": false, "neverConnectToCloud": true}\n',
    "turbo.json": '{"tasks": {"build": {"dependsOn": ["^build"]}}}\n',
    "lerna.json": '{"version": "independent", "packages": ["services/*", "services/common/*"]}\n',
    ".moon/workspace.yml": 'projects: ["services/common/lib_*", "services/service-*"]\n'
    "vcs: {defaultBranch: main}\ntelemetry: false\n",
}
_TEMPLATE = "Resources: {}\n"
_MODULE = '"""Part of {name}."""\n\nfrom common.{library}.core import VALUE\n\nANSWER = VALUE + {number}\n'
_PLAIN = '"""Part of {name}."""\n\nimport json\n\nANSWER = json.dumps({number})\n'
_HANDLER = """\
from {module}.service import ANSWER


def handler(event, context):
    return ANSWER
"""


def names(services: int) -> Sequence[str]:
    return [f"service-{number:05d}" for number in range(services)]


def libraries_of(number: int) -> Sequence[int]:
    """One to three."""
    return sorted({(number * 7 + step * 9) % LIBRARIES for step in range(1 + number % 3)})


def changed_services(services: int) -> Sequence[int]:
    """Those that the second commit changes: none of them imports the library that it changes too."""
    others = [number for number in range(services) if CHANGED_LIBRARY not in libraries_of(number)]
    return [others[len(others) * part // CHANGED_SERVICES] for part in range(CHANGED_SERVICES)]


def affected(services: int) -> Sequence[str]:
    """The right answer: names of services, in order."""
    own = set(changed_services(services))
    every = names(services)
    return [every[n] for n in range(services) if n in own or CHANGED_LIBRARY in libraries_of(n)]


def commits(services: int) -> Sequence[tuple[str, Mapping[str, str]]]:
    """Messages and files of two commits. Ten files for each service, and three for each library."""
    every = names(services)
    files = {**PIPELINES, **_ROOT, **service_files(services), "services/common/__init__.py": ""}
    for number in range(LIBRARIES):
        files |= _library(number, "VALUE = 1\n")
    for number, name in enumerate(every):
        files |= _service(number, name)
    files |= _npm(every)
    second = dict(_library(CHANGED_LIBRARY, "VALUE = 2\n"))
    for number in changed_services(services):
        module = every[number].replace("-", "_")
        second[f"services/{every[number]}/{module}/handler.py"] = (
            _HANDLER.format(module=module) + "# changed\n"
        )
    return [("feat: a fleet", files), ("feat: three services and a library", second)]


def _library(number: int, core: str) -> Mapping[str, str]:
    name = f"lib_{number:02d}"
    folder = f"services/common/{name}"
    return {
        f"{folder}/__init__.py": "",
        f"{folder}/core.py": core,
        f"{folder}/package.json": _package(_scoped(number), ()),
        f"{folder}/moon.yml": "language: python\n",
    }


def _service(number: int, name: str) -> Mapping[str, str]:
    module = name.replace("-", "_")
    folder = f"services/{name}"
    libraries = libraries_of(number)
    parts = ("service", "repository", "schema")
    files = {f"{folder}/{module}/{part}.py": _PLAIN.format(name=part, number=number) for part in parts}
    for part, library in zip(parts, libraries, strict=False):
        files[f"{folder}/{module}/{part}.py"] = _MODULE.format(
            name=part, library=f"lib_{library:02d}", number=number
        )
    depends = json.dumps([f"lib_{library:02d}" for library in libraries])
    return files | {
        f"{folder}/{module}/__init__.py": "",
        f"{folder}/{module}/handler.py": _HANDLER.format(module=module),
        f"{folder}/template.yaml.j2": _TEMPLATE,
        f"{folder}/tests/test_handler.py": f"from {module} import handler\n",
        f"{folder}/moon.yml": f"language: python\ndependsOn: {depends}\n",
        f"{folder}/package.json": _package(name, libraries),
    }


def _npm(every: Sequence[str]) -> Mapping[str, str]:
    """The root of the workspaces with its lock, as npm writes it."""
    root = {"name": "fleet", "version": "1.0.0", "workspaces": ["services/*", "services/common/*"]}
    packages: dict[str, object] = {"": root}
    folders = {f"services/common/lib_{number:02d}": _scoped(number) for number in range(LIBRARIES)}
    folders |= {f"services/{name}": name for name in every}
    for folder, name in folders.items():
        packages[folder] = {"name": name, "version": "1.0.0"}
        packages[f"node_modules/{name}"] = {"resolved": folder, "link": True}
    for number, name in enumerate(every):
        packages[f"services/{name}"] = json.loads(_package(name, libraries_of(number)))
    lock = {"name": "fleet", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": packages}
    return {
        "package.json": json.dumps({**root, "private": True, "packageManager": "npm@10.8.2"}) + "\n",
        "package-lock.json": json.dumps(lock, indent=1) + "\n",
    }


def _scoped(number: int) -> str:
    return f"lib-{number:02d}"


def _package(name: str, libraries: Sequence[int]) -> str:
    document: dict[str, object] = {"name": name, "version": "1.0.0"}
    if libraries:
        document["dependencies"] = {_scoped(library): "1.0.0" for library in libraries}
    return json.dumps(document) + "\n"
