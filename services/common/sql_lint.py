"""Finds SQL that is built of text: statements whose values would not be bind variables.

    python -m common.sql_lint FOLDER…     ends with 1 and a line for each finding

ruff's S608 sees texts that look like SQL; this also sees what reaches a database under any look. Whatever
`text()`, `exec_driver_sql()` and the like get has to be a constant in the source. In a module that imports a
database's library, `execute()` and the like get a constant text, an expression of SQLAlchemy, or a name that
is bound to nothing else (sql_statements.py); elsewhere no text that is built on the spot. `raw_connection()`
is refused.

It reads the source and runs nothing. It does not see through a method under another name (`run =
cursor.execute`), a method `select()` of one's own that gives a text, or a module that is handed a connection
and imports no library. A line may be excused by `# sql: why` for identifiers that no user can choose.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.sql_statements import (
    MADE_OF_TEXT,
    Scopes,
    Statements,
    calls,
    reaches_database,
)

_SQL = re.compile(
    r"\s*(?:select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from|merge\s+into|alter\s+(?:table|session)"
    r"|create\s+(?:table|index|user)|drop\s+(?:table|index|user)|truncate\s+table|grant\b.+\bto|begin\b.+\bend"
    r"|with\s+\w+\s+as\s*\(|select\s*$|update\s*$|where\b)",
    re.IGNORECASE | re.DOTALL,
)
_CONSTANT_ONLY = frozenset(
    {
        "text",
        "exec_driver_sql",
        "literal_column",
        "execute_immediate",
        "prefix_with",
        "suffix_with",
        "with_hint",
    }
)
_NO_BUILT_TEXT = frozenset(
    {"execute", "executemany", "executescript", "scalar", "scalars", "stream", "callproc"}
)
_EXCUSED = re.compile(r"#\s*sql:\s*\S+")
_STATEMENT_WORDS = ("statement", "operation", "sql", "query", "clause")


def findings(folder: Path) -> list[str]:
    """`file:line: what is wrong`, for the Python files below a folder, tests apart. Sorted."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        relative = file.relative_to(folder)
        if "tests" not in relative.parts:
            source = file.read_text("utf-8")
            found += [f"{relative}:{line}: {what}" for line, what in examined(source)]
    return found


def excused(folder: Path) -> list[str]:
    """`file: line of code` for every line that is excused."""
    return [
        f"{file.relative_to(folder)}: {line.strip()}"
        for file in sorted(folder.rglob("*.py"))
        if "tests" not in file.relative_to(folder).parts and file != Path(__file__)
        for line in file.read_text("utf-8").splitlines()
        if _EXCUSED.search(line)
    ]


def examined(source: str) -> list[tuple[int, str]]:
    """(line, what is wrong) for one module's text."""
    tree = ast.parse(source)
    lines = source.splitlines()
    found = sorted(set(_in_calls(tree)) | set(_in_texts(tree)))
    return [(line, what) for line, what in found if not _EXCUSED.search(lines[line - 1])]


def _in_calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    statements = Statements(tree) if reaches_database(tree) else None
    for call, scopes in calls(tree):
        name = _called(call.func)
        if any(k.arg == "literal_binds" for k in call.keywords):
            yield call.lineno, "literal_binds writes values into the statement"
        if name == "raw_connection":
            yield call.lineno, "raw_connection() takes texts: use the connection of SQLAlchemy"
        wrong = _wrong(call, name, scopes, statements)
        if wrong:
            yield call.lineno, f"{name}() gets {wrong}: bind the values"


def _wrong(call: ast.Call, name: str, scopes: Scopes, statements: Statements | None) -> str:
    """What is wrong with the statement that a call gets, empty when nothing is."""
    given = _statement_of(call)
    if given is None:
        return ""
    if name in _CONSTANT_ONLY:
        return "" if _is_constant(given) else "a statement that is no constant"
    if name not in _NO_BUILT_TEXT:
        return ""
    if _is_built(given):
        return "a text that is built"
    if statements is not None:
        known = statements.fixed(given, scopes)
    else:  # whatever a migration gets `op` from
        migrates = name == "execute" and _called(getattr(call.func, "value", call.func)) == "op"
        known = not migrates or _is_constant(given) or isinstance(given, ast.Call)
    return "" if known else "a statement that is no constant"


def _statement_of(call: ast.Call) -> ast.expr | None:
    if call.args:
        return call.args[0]
    named = [k.value for k in call.keywords if k.arg in _STATEMENT_WORDS]
    return next(iter([*named, *(k.value for k in call.keywords)]), None)


def _in_texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _is_built(node) and _SQL.match(_constant_part(node)):
            yield node.lineno, "a statement is built of text: bind the values"
        if isinstance(node, ast.AugAssign) and _SQL.match(_constant_part(node.value)):
            yield node.lineno, "a statement is built of text: bind the values"


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_built(node: ast.expr) -> bool:
    """An f-string with holes, `+`, `%`, or a method that makes texts of texts."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return any(_is_text(side) for side in (node.left, node.right))
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in MADE_OF_TEXT
        and _is_text(node.func.value)
    )


def _is_text(node: ast.expr) -> bool:
    return _is_constant(node) or isinstance(node, ast.JoinedStr) or _is_built(node)


def _constant_part(node: ast.expr) -> str:
    """The constant texts of an expression, in order, with a mark for every hole."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else " ? "
    if isinstance(node, ast.JoinedStr):
        return "".join(_constant_part(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _constant_part(node.left) + _constant_part(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "join" and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
            return " ".join(_constant_part(part) for part in node.args[0].elts)
        return _constant_part(node.func.value)
    return " ? "


def main(words: Sequence[str]) -> int:
    if not words:
        print("fix: name a folder: python -m common.sql_lint FOLDER…", file=sys.stderr)
        return 2
    found = [f"{folder}/{one}" for folder in words for one in findings(Path(folder))]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
