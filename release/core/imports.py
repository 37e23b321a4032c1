"""What a Python file imports of the shared core, as far as its text tells.

https://docs.python.org/3/reference/import.html is what is followed. Where the text cannot tell, the answer is
more rather than less: a module too many makes an artifact larger, one too few breaks it.
"""

import ast
import re
import warnings
from collections.abc import Iterable
from typing import Final, NamedTuple

from release.core.known_names import BY_NAME, BY_PATH, KnownNames

PACKAGE: Final = "common"  # what services/common is called in an artifact, and in every import

_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
# A string that names a module, or something in one: logging.config.dictConfig imports by such, and others do.
_NAMED = re.compile(rf"{PACKAGE}(?:\.[^\W\d]\w*)+(?::[\w.]+)?")
# Whoever names none of these imports nothing of the shared core.
_TELLTALES = tuple(name.encode() for name in (PACKAGE, *sorted(BY_NAME | BY_PATH)))


class Reference(NamedTuple):
    """One import statement, or one call that imports by name."""

    module: str  # dotted, without the dots in front; may be "" where there are some
    level: int  # how many dots are in front
    names: tuple[str, ...] | None  # of `from module import names`; None: `import module`
    line: int
    optional: bool  # where it finds nothing, the program goes on
    whole: bool = False  # everything below that package: which module, only a run tells


class Imports(NamedTuple):
    """What one file says. `broken`: (line, why) of a file that is no Python."""

    references: tuple[Reference, ...] = ()
    bound: frozenset[str] = frozenset()  # names that the module itself gives
    open: bool = False  # it may give others as well
    exports: tuple[str, ...] | None = None  # __all__, with "*" where it is more than what is written; or none
    broken: tuple[int, str] | None = None


NOTHING: Final = Imports()


def may_import(data: bytes) -> bool:
    """Whether a file of a service may import the shared core. False costs no parsing."""
    # PEP 3131 gives letters of other widths the same meaning, PEP 263 lets a file be in UTF-7.
    return any(word in data for word in _TELLTALES) or not data.isascii() or b"coding" in data[:200]


def read_imports(data: bytes) -> Imports:
    """Parse a file. Never raises: a file that is no Python is `broken`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence" is their linter's affair
            tree = ast.parse(data)
    except SyntaxError as error:
        return Imports(broken=(error.lineno or 1, error.msg))
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte; nesting without an end
        return Imports(broken=(1, str(error) or type(error).__name__))
    reader = _Reader(tree)
    try:
        reader.visit(tree)
    except RecursionError:
        return Imports(broken=(1, "too deeply nested"))
    return Imports(
        tuple(dict.fromkeys(reader.found)),
        frozenset(reader.bound),
        reader.open,
        reader.exports,
    )


class _Reader(ast.NodeVisitor):
    def __init__(self, tree: ast.Module) -> None:
        self.found: list[Reference] = []
        self.bound: set[str] = set()
        self.open = False
        self.exports: tuple[str, ...] | None = None
        self._optional = False
        self._inside = 0  # functions and classes
        self._annotations: set[int] = set()  # nodes, by id
        self._names = KnownNames(tree)

    # -- statements that import --------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0])
            self._add(alias.name, 0, None, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = tuple(alias.name for alias in node.names)
        for alias in node.names:
            self._bind(alias.asname or alias.name)
        self.open = self.open or "*" in names
        self._add(node.module or "", node.level, names, node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        self._extend(node)
        function = self._names.imports_by(node.func)
        if function is None:
            if isinstance(node.func, ast.Name) and node.func.id in ("globals", "exec", "setattr", "vars"):
                self.open = True
            self.generic_visit(node)
            return
        if function in BY_PATH:
            self._by_path(node)
        else:
            self._by_name(function, node)
        for child in (*node.args, *(keyword.value for keyword in node.keywords)):
            if not isinstance(child, ast.Constant):
                self.visit(child)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and id(node) not in self._annotations:
            self._named(node.value, node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        # A part of a name is none.
        self._visit_all([part for part in node.values if not isinstance(part, ast.Constant)])

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        elif self._names.imports_by(node) is not None:
            self._anything(node)  # handed on, so that another place calls it

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if self._names.imports_by(node) is not None:
            self._anything(node)
        self.generic_visit(node)

    # -- what decides whether they run -------------------------------------------------------------------

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        holds = self._names.holds(node.test)
        self.visit(node.test)
        if holds is not False:
            self._visit_all(node.body if isinstance(node, ast.If) else [node.body])
        if holds is not True:
            self._visit_all(node.orelse if isinstance(node, ast.If) else [node.orelse])

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit_If(node)

    def visit_Try(self, node: ast.Try) -> None:
        caught = any(_catches(handler.type) for handler in node.handlers)
        self._visit_all(node.body, optional=caught)
        self._visit_all([*node.handlers, *node.orelse, *node.finalbody])

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self._visit_all([*node.body, *node.handlers, *node.orelse, *node.finalbody])

    def visit_With(self, node: ast.With) -> None:
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        caught = any(
            _last(call.func) == "suppress" and any(_catches(one) for one in call.args) for call in calls
        )
        self._visit_all(node.items)
        self._visit_all(node.body, optional=caught)

    # -- what names the module gives ---------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._bind(node.name)
        self._annotated(getattr(node, "returns", None))
        self.open = self.open or (node.name == "__getattr__" and not self._inside)
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.visit_FunctionDef(node)

    def visit_arg(self, node: ast.arg) -> None:
        self._annotated(node.annotation)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.bound.update(node.names)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets):
            self._export(node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and node.target.id == "__all__" and node.value is not None:
            self._export(node.value)
        self._annotated(node.annotation)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name) and node.target.id == "__all__":
            self._export(node.value)
        self.generic_visit(node)

    # ----------------------------------------------------------------------------------------------------

    def _extend(self, node: ast.Call) -> None:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="__all__"), attr="append" | "insert"), args=[*_, one]
            ):
                self._export(ast.List([one]))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="__all__"), attr="extend"), args=[more]):
                self._export(more)

    def _annotated(self, node: ast.expr | None) -> None:
        """What is said of a type is not imported by it."""
        if node is not None:
            self._annotations.update(map(id, ast.walk(node)))

    def _named(self, text: str, line: int) -> None:
        if _NAMED.fullmatch(text):
            parts = text.partition(":")[0].split(".")
            before, self._optional = self._optional, True
            for length in range(2, len(parts) + 1):  # which part is the module, only the tree tells
                self._add(".".join(parts[:length]), 0, None, line)
            self._optional = before

    def _export(self, value: ast.expr) -> None:
        parts = list(ast.walk(value))
        found = [one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        written = isinstance(value, ast.List | ast.Tuple | ast.Set) and len(parts) <= len(found) + 2
        self.exports = (*(self.exports or ()), *found, *(() if written else ("*",)))

    def _bind(self, name: str) -> None:
        if not self._inside:
            self.bound.add(name)

    def _visit_all(self, nodes: Iterable[ast.AST], *, optional: bool = False) -> None:
        before, self._optional = self._optional, self._optional or optional
        for node in nodes:
            self.visit(node)
        self._optional = before

    def _add(
        self, module: str, level: int, names: tuple[str, ...] | None, line: int, *, whole: bool = False
    ) -> None:
        if level or module.partition(".")[0] == PACKAGE:
            self.found.append(Reference(module, level, names, line, self._optional, whole))

    def _anything(self, node: ast.expr) -> None:
        self._add(PACKAGE, 0, None, node.lineno, whole=True)

    def _by_name(self, function: str, node: ast.Call) -> None:
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        name = node.args[0] if node.args else given.get("name", given.get("mod_name"))
        text, complete = self._names.text(name)
        text, _, attribute = text.partition(":")  # pkgutil.resolve_name("package.module:attribute")
        more = len(node.args) > 1 or bool(node.keywords)
        if text.startswith("."):
            rest = text.lstrip(".")
            package = node.args[1] if len(node.args) > 1 else given.get("package")
            base, known = self._names.text(package)
            if known and base:
                keep = base.split(".")[: len(base.split(".")) - (len(text) - len(rest) - 1)]
                text = ".".join([*keep, rest])
            elif isinstance(package, ast.Name) and package.id in ("__package__", "__name__"):
                level = len(text) - len(rest)
                exact = complete and package.id == "__package__"
                module = rest if exact else ""
                self._add(module, level, None, node.lineno, whole=not exact)
                return
            else:
                self._anything(node)
                return
        whole = not complete or (function == "__import__" and more) or bool(attribute)
        if complete:
            # What looks for a module may well not find it, and what follows ":" may be a module or not.
            before, self._optional = self._optional, self._optional or function == "find_spec"
            if function == "find_spec":
                self._named(text, node.lineno)  # it imports what the module lies in
            self._add(text, 0, None, node.lineno, whole=whole)
            self._optional = before
        elif "." in text:
            self._add(text.rpartition(".")[0], 0, None, node.lineno, whole=True)
        elif PACKAGE.startswith(text):
            self._anything(node)

    def _by_path(self, node: ast.Call) -> None:
        path = next((one for one in ast.walk(node) if _last(one) == "__path__"), None)
        if isinstance(path, ast.Name):
            self._add("", 1, None, node.lineno, whole=True)
        elif isinstance(path, ast.Attribute) and (name := ast.unparse(path.value)).startswith(PACKAGE):
            self._add(name, 0, None, node.lineno, whole=True)
        else:
            self._anything(node)


def _catches(kind: ast.expr | None) -> bool:
    """Whether an except clause of this kind catches an import that finds nothing."""
    if isinstance(kind, ast.Tuple):
        return any(_catches(one) for one in kind.elts)
    return kind is None or _last(kind) in _CAUGHT


def _last(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
