"""What files of a commit import, parsed once for every blob and remembered beside the repository.

A blob id names its bytes, and what is remembered names the program that parsed them: it cannot be stale. What
cannot be read back, or was written by another version, is parsed again. docs/decisions/0014 says where it is
kept and why no other place will do.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from release.build.program import program_digest
from release.core.closure import SharedCore
from release.core.fingerprint import SHARED_FOLDER
from release.core.imports import NOTHING, PACKAGE, Imports, Reference, may_import, read_imports

if TYPE_CHECKING:
    from release.ports import Repo

Language: TypeAlias = Literal["python", "node", "shared"]

_KINDS: Final[Mapping[Language, str]] = {"python": "imports", "node": "imports", "shared": "shared"}
_FEW: Final = 200  # files of services that are sooner parsed than a large memory is read
_SPARE: Final = 200_000  # entries of other trees that are kept for the next time
_PROGRAM: Final = ("build/imports.py", "core/imports.py", "core/known_names.py")
_CHUNK: Final = 5_000  # files that are in memory at once
NODE_FILES: Final = (".cjs", ".cts", ".js", ".json", ".jsx", ".mjs", ".mts", ".ts", ".tsx")
# A path that leads out of the service into the shared core, in an import or in tsconfig's `paths`.
_OUT_OF_THE_SERVICE = re.compile(rb"""["'`](?:\./)?(?:\.\./)+common(?:["'`/])""")


def imports_of(repo: "Repo", wanted: Mapping[str, Language]) -> Mapping[str, Imports]:
    """By blob id. `shared` reads everything of a file; the others only what leads to the shared core.

    Raises what the repository raises.
    """
    found: dict[str, Imports] = {}
    for kind in sorted(set(_KINDS.values())):
        part = {blob: language for blob, language in wanted.items() if _KINDS[language] == kind}
        remembered = kind == "shared" or len(part) > _FEW
        known = _recall(repo, kind) if part and remembered else {}
        missing = []
        for blob, language in part.items():
            row = known.get(f"{language[0]}{blob}")
            if row is None:
                missing.append(blob)
            else:
                found[blob] = _imports(row)
        for at in range(0, len(missing), _CHUNK):
            for blob, data in repo.blobs(missing[at : at + _CHUNK]).items():
                found[blob] = _READERS[part[blob]](data)
        if missing and remembered:
            used = {f"{language[0]}{blob}": _row(found[blob]) for blob, language in part.items()}
            others = [(name, row) for name, row in known.items() if name not in used]
            _remember(repo, kind, {**dict(others[-_SPARE:]), **used})
    return found


def _python(data: bytes) -> Imports:
    return read_imports(data) if may_import(data) else NOTHING


def _node(data: bytes) -> Imports:
    found = _OUT_OF_THE_SERVICE.search(data)
    if found is None:
        return NOTHING
    line = data.count(b"\n", 0, found.start()) + 1
    return Imports((Reference(PACKAGE, 0, None, line, optional=False, whole=True),))


_READERS: Final[Mapping[Language, Callable[[bytes], Imports]]] = {
    "python": _python,
    "node": _node,
    "shared": read_imports,
}


def shared_core(files: Mapping[str, str], parsed: Mapping[str, Imports]) -> SharedCore:
    """`files` as `shared_files` gives them, what is in them by blob."""
    return SharedCore(
        SHARED_FOLDER,
        {path: parsed.get(blob) if path.endswith(".py") else None for path, blob in files.items()},
    )


# -- what is remembered; `_row` and `_imports` are each other's inverse ----------------------------------


def _recall(repo: "Repo", kind: str) -> Mapping[str, list[Any]]:
    data = repo.recall(kind)
    try:
        document = json.loads(data) if data is not None else {}
        return document["files"] if document.get("reader") == program_digest(*_PROGRAM) else {}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _remember(repo: "Repo", kind: str, files: Mapping[str, list[Any]]) -> None:
    text = json.dumps({"reader": program_digest(*_PROGRAM), "files": files}, separators=(",", ":")).encode()
    repo.remember(kind, hashlib.sha256(text).hexdigest(), text)


def _row(found: Imports) -> list[Any]:
    if found == NOTHING:
        return []
    rows = [[r.module, r.level, r.names, r.line, r.optional, r.whole] for r in found.references]
    return [rows, sorted(found.bound), found.open, found.exports, found.broken]


def _imports(row: list[Any]) -> Imports:
    if not row:
        return NOTHING
    rows, bound, is_open, exports, broken = row
    return Imports(
        tuple(reference_of(*each) for each in rows),
        frozenset(bound),
        is_open,
        None if exports is None else tuple(exports),
        None if broken is None else (broken[0], broken[1]),
    )


def reference_of(
    module: str, level: int, names: list[str] | None, line: int, optional: bool, whole: bool
) -> Reference:
    return Reference(module, level, None if names is None else tuple(names), line, optional, whole)
