"""Which files of the shared core a service needs: the graph of imports, walked from what the service imports.

A module stands in an artifact with every `__init__` on the way to it, as Python would run them. Paths are
below services/common; "" in a chain stands for nothing.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from release.core.imports import PACKAGE, Imports, Reference

_Kind: TypeAlias = Literal["package", "module", "namespace", "missing"]
_INIT: Final = "__init__.py"
_NATIVE: Final = (".so", ".pyd")  # importlib.machinery.EXTENSION_SUFFIXES ends with these
_Parts: TypeAlias = tuple[str, ...]


class Importer(NamedTuple):
    """Where something is imported: a path of the repository, and the line there."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Closure(NamedTuple):
    """What a service takes of the shared core."""

    files: Mapping[str, Importer]  # path below the shared folder -> what imports it first
    missing: tuple[tuple[Importer, str], ...]  # imports that find nothing, with the module they name
    broken: tuple[tuple[Importer, str], ...]  # files that are no Python, with the reason
    notes: tuple[str, ...]  # where more was taken than is named


class SharedCore:
    """The shared folder of one tree, as the imports of its files tell."""

    def __init__(self, folder: str, files: Mapping[str, Imports | None]) -> None:
        """`files` are those that an artifact may hold, by path below the folder; None: it is no Python."""
        self._folder = folder
        self._files = files
        self._folders: dict[str, list[str]] = {"": []}
        self._native: dict[str, list[str]] = {}
        for path in files:
            parts = path.split("/")
            for length in range(len(parts)):
                self._folders.setdefault("/".join(parts[:length]), []).append(path)
            if path.endswith(_NATIVE):  # log.cpython-313-x86_64-linux-gnu.so is the module log
                stem = "/".join((*parts[:-1], parts[-1].partition(".")[0]))
                self._native.setdefault(stem, []).append(path)

    def closure(
        self, references: Iterable[tuple[str, Reference]], included: Mapping[str, Importer] | None = None
    ) -> Closure:
        """What a service takes whose files (paths of the repository) say this, and that names these files of
        the shared core (paths below it) whatever imports them.
        """
        walk = _Walk(self)
        for path, importer in (included or {}).items():
            walk.take_file(path, importer)
        for path, reference in references:
            if not reference.level:  # a relative import stays in the service
                walk.follow(reference, (), Importer(path, reference.line))
        walk.run()
        return Closure(
            dict(sorted(walk.taken.items())),
            tuple(dict.fromkeys(walk.missing)),
            tuple(dict.fromkeys(walk.broken)),
            tuple(dict.fromkeys(walk.notes)),
        )

    def origin(self, path: str) -> str:
        """Path in the repository."""
        return f"{self._folder}/{path}"

    def holds(self, path: str) -> bool:
        return path in self._files

    def imports(self, path: str) -> Imports | None:
        return self._files.get(path)

    def locate(self, parts: _Parts) -> tuple[_Kind, tuple[str, ...]]:
        """What a module below the shared core is, and its own files: as Python's finders would choose."""
        path = "/".join(parts)
        init = f"{path}/{_INIT}" if path else _INIT
        if init in self._files:
            return "package", (init,)
        own = [*self._native.get(path, ()), *([f"{path}.py"] if f"{path}.py" in self._files else [])]
        if path and own:
            return "module", tuple(own)
        return ("namespace", ()) if self._folders.get(path) else ("missing", ())

    def below(self, parts: _Parts) -> Iterator[str]:
        """Every file that can be imported below a package."""
        return (path for path in self._folders.get("/".join(parts), ()) if path.endswith((".py", *_NATIVE)))


class _Walk:
    """One walk over the graph, breadth first, so that the chain to a file is a shortest one."""

    def __init__(self, core: SharedCore) -> None:
        self._core = core
        self._queue: deque[str] = deque()
        self._namespaces: dict[_Parts, Importer] = {}  # that are imported
        self.taken: dict[str, Importer] = {}
        self.missing: list[tuple[Importer, str]] = []
        self.broken: list[tuple[Importer, str]] = []
        self.notes: list[str] = []

    def run(self) -> None:
        self._empty_queue()
        while self._namespaces:
            parts, importer = self._namespaces.popitem()
            start = "".join(f"{part}/" for part in parts)
            if not any(path.startswith(start) for path in self.taken):  # a zip has no empty folders
                self._take_whole(parts, importer, "imports a folder without __init__.py")
                self._empty_queue()

    def _empty_queue(self) -> None:
        while self._queue:
            path = self._queue.popleft()
            imports = self._core.imports(path)
            if imports is None:
                continue
            origin = self._core.origin(path)
            if imports.broken is not None:
                line, why = imports.broken
                self.broken.append((Importer(origin, line), why))
                self._take_whole((), Importer(origin, line), "cannot be parsed")
            package = tuple(path.split("/")[:-1])  # of a package's __init__: the package itself
            for reference in imports.references:
                self.follow(reference, package, Importer(origin, reference.line))

    def take_file(self, path: str, importer: Importer) -> None:
        if self._core.holds(path):
            self._add(path, importer)

    def follow(self, reference: Reference, package: _Parts, importer: Importer) -> None:
        """`package`: what relative imports count from."""
        named = tuple(reference.module.split(".")) if reference.module else ()
        if reference.level:
            if reference.level > len(package) + 1:
                self._not_found(reference, importer, "." * reference.level + reference.module)
                return
            base = (*package[: len(package) + 1 - reference.level], *named)
        else:
            base = named[1:]
        if reference.whole:
            self._whole(reference, base, importer)
            return
        kind = self._take(base, importer)
        if kind == "missing":
            self._not_found(reference, importer, _dotted(base))
            return
        for name in reference.names or ():
            if name == "*":
                self._star(reference, base, kind, importer)
            elif kind != "module" and self._take((*base, name), importer) == "missing":
                self._name(reference, base, kind, name, importer)

    def _take(self, parts: _Parts, importer: Importer) -> _Kind:
        """Take a module and the packages on the way. `missing`: one of them is not there."""
        wanted: list[str] = []
        kind: _Kind = "missing"
        for length in range(len(parts) + 1):
            if kind == "module":
                return "missing"  # a module has no submodules
            kind, files = self._core.locate(parts[:length])
            if kind == "missing":
                return "missing"
            wanted += files
        for path in wanted:
            self._add(path, importer)
        if kind == "namespace":
            self._namespaces.setdefault(parts, importer)
        return kind

    def _add(self, path: str, importer: Importer) -> None:
        if path not in self.taken:
            self.taken[path] = importer
            self._queue.append(path)

    def _star(self, reference: Reference, base: _Parts, kind: _Kind, importer: Importer) -> None:
        """`from package import *` imports the submodules that __all__ names."""
        if kind != "package":
            return
        imports = self._core.imports(self._core.locate(base)[1][0])
        for name in (imports.exports or ()) if imports else ():
            if name == "*":
                self._take_whole(base, importer, f"the __all__ of {_dotted(base)} is made at run time")
            elif self._take((*base, name), importer) == "missing":
                self._name(reference, base, kind, name, importer)

    def _name(self, reference: Reference, base: _Parts, kind: _Kind, name: str, importer: Importer) -> None:
        """A name that is no submodule must be one that the package itself gives."""
        if kind == "package" and not (name.startswith("__") and name.endswith("__")):
            init = self._core.imports(self._core.locate(base)[1][0])
            if init is None or init.open or init.broken or name in init.bound:
                return
        elif kind == "package":
            return
        self._not_found(reference, importer, _dotted((*base, name)))

    def _whole(self, reference: Reference, base: _Parts, importer: Importer) -> None:
        kind = self._take(base, importer)
        if kind == "missing":
            self._not_found(reference, importer, _dotted(base))
        elif kind != "module":
            self._take_whole(base, importer, "imports by name at run time")

    def _take_whole(self, base: _Parts, importer: Importer, why: str) -> None:
        self.notes.append(f"{importer}: {why}, so all of {_dotted(base)} is taken")
        for path in self._core.below(base):
            self._add(path, importer)

    def _not_found(self, reference: Reference, importer: Importer, module: str) -> None:
        if not reference.optional:
            self.missing.append((importer, module))


def _dotted(parts: _Parts) -> str:
    return ".".join((PACKAGE, *parts))
