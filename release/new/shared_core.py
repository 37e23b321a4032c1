"""Whether the shared core of a repository has what a new service imports of it."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from release.errors import Misconfigured
from release.new.naming import SHARED


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
