"""Whether an expression of the source is a statement that no value can be written into: for sql_lint.

That is a constant text, an expression of SQLAlchemy, or a name that is bound to nothing else. Names are
looked up in their function, then in those round it, then in the module. One that is imported is taken for a
constant when it is written like one (PRICE_OF): it is examined where it is made.
"""

import ast
from collections.abc import Iterator

LIBRARIES = frozenset(
    {
        "aiosqlite",
        "alembic",
        "asyncpg",
        "cx_Oracle",
        "duckdb",
        "mysql",
        "MySQLdb",
        "oracledb",
        "psycopg",
        "psycopg2",
        "pymysql",
        "pyodbc",
        "sqlalchemy",
        "sqlite3",
        "sqlmodel",
    }
)
MADE_OF_TEXT = frozenset(
    {"format", "format_map", "join", "replace", "substitute", "safe_substitute", "concat"}
)
_TYPES = frozenset(
    {"Select", "Insert", "Update", "Delete", "CompoundSelect", "TextClause", "Executable", "DDLElement"}
)
_METHODS = frozenset({"select", "insert", "update", "delete"})  # of a Table as well
_FUNCTIONS = _METHODS | {"text", "union", "union_all", "intersect", "except_", "CreateTable", "DropTable"}
_SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
Scopes = tuple[ast.AST, ...]  # the module first, then classes and functions inwards


def reaches_database(tree: ast.AST) -> bool:
    """Whether the module imports a library of a database, or the shared core's connection to one."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return any(name.split(".")[0] in LIBRARIES or name == "common.database" for name in names)


def calls(node: ast.AST, scopes: Scopes = ()) -> Iterator[tuple[ast.Call, Scopes]]:
    """Every call below a module, with the scopes that it stands in."""
    scopes = (*scopes, node) if isinstance(node, _SCOPES) else scopes
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, scopes
        yield from calls(child, scopes)


class Statements:
    """What one module's names are bound to."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = list(ast.walk(tree))
        self._bound: dict[ast.AST, dict[str, list[ast.AST]]] = {}
        self._from_afar = {
            n for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for n in node.names
        }
        made = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        self._makers = {one.name for one in made if _is_type(one.returns)}
        self._makers -= {one.name for one in made if not _is_type(one.returns)}

    def fixed(
        self,
        node: ast.AST,
        scopes: Scopes,
        text: bool = True,
        asked: frozenset[tuple[str, bool]] = frozenset(),
    ) -> bool:
        """Whether no value can be in it. Without `text` no constant text will do: its methods build others.

        `asked` are the names, each with `text`, that this answer is about to decide.
        """

        def each(*parts: ast.AST | None) -> bool:
            return all(part is not None and self.fixed(part, scopes, text, asked) for part in parts)

        match node:
            case ast.Constant():
                return text
            case ast.JoinedStr():
                return text and not any(isinstance(part, ast.FormattedValue) for part in node.values)
            case ast.IfExp():
                return each(node.body, node.orelse)
            case ast.BoolOp():
                return each(*node.values)
            case ast.Tuple():  # no list or dict: what is put into it later is not seen here
                return each(*node.elts)
            case ast.Subscript() | ast.NamedExpr():
                return each(node.value)
            case ast.alias():
                return (node.asname or node.name).isupper()
            case ast.arg():
                return _is_type(node.annotation)
            case ast.AnnAssign():
                return _is_type(node.annotation) or each(node.value)
            case ast.Name():
                if (node.id, text) in asked:  # `statement = statement.where(…)`: the other bindings decide
                    return True
                found = self._lookup(node.id, scopes)
                return bool(found) and all(
                    self.fixed(one, scopes, text, asked | {(node.id, text)}) for one in found
                )
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                inside = next((one for one in reversed(scopes) if isinstance(one, ast.ClassDef)), None)
                return (
                    name.isupper() and inside is not None and each(*self._bindings(inside).get(name, [None]))
                )
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                return name.isupper() and self._is_import(module, scopes)
            case ast.Call():
                return self._is_expression(node, scopes, asked)
        return False

    def _is_expression(self, call: ast.Call, scopes: Scopes, asked: frozenset[tuple[str, bool]]) -> bool:
        function = call.func
        if isinstance(function, ast.Name):
            return function.id in _FUNCTIONS or function.id in self._makers
        if not isinstance(function, ast.Attribute):
            return False
        on, name = function.value, function.attr
        owner = on.id if isinstance(on, ast.Name) else ""
        imported = bool(owner) and self._is_import(owner, scopes)
        if name in _METHODS or (name in _FUNCTIONS and imported):
            return True
        if owner in ("self", "cls"):
            return name in self._makers
        if name in MADE_OF_TEXT and (imported or name != "join"):  # a Select has a `join` as well
            return False
        return self.fixed(on, scopes, False, asked)

    def _is_import(self, name: str, scopes: Scopes) -> bool:
        found = self._lookup(name, scopes)
        return bool(found) and all(isinstance(one, ast.alias) for one in found)

    def _lookup(self, name: str, scopes: Scopes) -> list[ast.AST]:
        """What the nearest scope that binds the name binds it to; nothing when somebody else may, too."""
        if name in self._from_afar:
            return []
        for scope in reversed(scopes):
            if isinstance(scope, ast.ClassDef) and scope is not scopes[-1]:
                continue
            if name in self._bindings(scope):
                return self._bindings(scope)[name]
        return []

    def _bindings(self, scope: ast.AST) -> dict[str, list[ast.AST]]:
        if scope not in self._bound:
            self._bound[scope] = {}
            for name, what in _bindings(scope):
                self._bound[scope].setdefault(name, []).append(what)
        return self._bound[scope]


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """(name, the expression or else the node that binds it), inner scopes apart."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _bound_by(target, value)
            case ast.AnnAssign(target=ast.Name(id=name)) if child.value is not None or _is_type(
                child.annotation
            ):
                yield name, child
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                yield name, value
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                yield from _bound_by(target, value)
            case ast.comprehension(target=target, iter=value):
                yield from _bound_by(target, value)
            case ast.AugAssign(target=target):
                yield from _bound_by(target, child)
            case ast.withitem(optional_vars=ast.expr() as target):
                yield from _bound_by(target, child)
            case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
                yield name, child
            case ast.alias(name=name, asname=known):
                yield known or name.split(".")[0], child
            case ast.arg(arg=name):
                yield name, child
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, child
        if not isinstance(child, _SCOPES):
            yield from _bindings(child)


def _bound_by(target: ast.expr, value: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(target, ast.Name):
        yield target.id, value
        return
    for part in ast.walk(target):  # of several names at once nobody knows which gets what
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id, target


def _is_type(annotation: ast.expr | None) -> bool:
    """Whether it is a type of SQLAlchemy's statements, which no text is."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return False
    if isinstance(annotation, ast.BinOp):
        return _is_type(annotation.left) and _is_type(annotation.right)
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    name = annotation.attr if isinstance(annotation, ast.Attribute) else getattr(annotation, "id", "")
    return name in _TYPES
