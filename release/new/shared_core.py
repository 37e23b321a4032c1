"""What a new service imports of the shared core: whether a repository has it, and what is brought to one."""

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from release.errors import Misconfigured
from release.new.naming import OF_THE_RUNTIME, SHARED


def without_foreign(files: Mapping[str, bytes], packages: Iterable[str]) -> Mapping[str, bytes]:
    """A shared core less what another team could not import: path below its folder -> content.

    Python that imports something else than itself, the standard library, `packages`, what Lambda's runtime
    has and pytest is left out, and whatever imports that.
    """
    known = {*(one.replace("-", "_").lower() for one in packages), *OF_THE_RUNTIME, *sys.stdlib_module_names}
    known |= {SHARED, "pytest"}
    imported = {
        path: frozenset(_modules(ast.parse(data))) for path, data in files.items() if path.endswith(".py")
    }
    kept = {path for path, modules in imported.items() if {one.split(".")[0] for one in modules} <= known}
    while gone := {path for path in kept if _own(imported[path], imported) - kept}:
        kept -= gone
    return {path: data for path, data in files.items() if path in kept or path not in imported}


def _own(modules: Iterable[str], files: Collection[str]) -> frozenset[str]:
    """Which of the core's own files these modules are."""
    found = set()
    for module in modules:
        parts = module.split(".")
        if parts[0] == SHARED:
            inside = "/".join(parts[1:])
            found |= {path for path in (f"{inside}.py", f"{inside}/__init__.py") if path in files}
    return frozenset(found)


def _modules(tree: ast.AST) -> Iterator[str]:
    """Every module that may be meant: `from a import b` names `a`, and perhaps `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def lacking(folder: Path, sources: Iterable[str]) -> Sequence[str]:
    """What these Python texts import from `common` and the folder does not define, as `module.name`, sorted.

    Raises Misconfigured for a module of the folder that is no Python.
    """
    wanted: dict[str, set[str]] = {}
    for source in sources:
        for module, name in _imported(ast.parse(source)):
            wanted.setdefault(module, set()).add(name)
    return sorted(
        f"{module}.{name}"
        for module, names in wanted.items()
        for name in names - _defined(folder, module)
        if not _path(folder, f"{module}.{name}")
    )


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == SHARED:
            yield from ((node.module or "", alias.name) for alias in node.names)


def _path(folder: Path, module: str) -> Path | None:
    place = folder.joinpath(*module.split(".")[1:])
    found = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((path for path in found if path.is_file()), None)


def _defined(folder: Path, module: str) -> frozenset[str]:
    path = _path(folder, module)
    if path is None:
        return frozenset()
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise Misconfigured(
            f"services/{path.relative_to(folder.parent)} cannot be read as Python: {error}",
            fix="mend it",
            see=f"services/{path.relative_to(folder.parent)}",
        ) from error
    return frozenset(_names(tree.body))


def _names(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Import() | ast.ImportFrom():
                yield from (alias.asname or alias.name for alias in node.names)
            case ast.Assign():
                yield from (one.id for one in node.targets if isinstance(one, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If() | ast.Try():
                yield from _names([*node.body, *node.orelse])


def refuse_lacking(folder: Path, files: Mapping[str, str]) -> None:
    """Raises Misconfigured where the repository has a services/common that is not enough."""
    missing = lacking(folder, (text for path, text in files.items() if path.endswith(".py")))
    if missing:
        raise Misconfigured(
            f"services/{SHARED} lacks {len(missing)} thing{'' if len(missing) == 1 else 's'}"
            " that a new service imports",
            fix=f"add them, or move services/{SHARED} away: `release new` then brings one that has them",
            see=f"services/{SHARED}",
            details=missing,
        )
