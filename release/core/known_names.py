"""Which names of a Python file stand for something that is known before it runs."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

# Functions that import what a string names, and those that list what lies in a package.
BY_NAME: Final = frozenset({"import_module", "__import__", "run_module", "find_spec", "resolve_name"})
BY_PATH: Final = frozenset({"iter_modules", "walk_packages"})
_HOMES = frozenset({"importlib", "importlib.util", "runpy", "pkgutil"})
_TYPING = frozenset({"typing", "typing_extensions"})


class KnownNames:
    """TYPE_CHECKING and what is false like it, functions that import by name, constant texts."""

    def __init__(self, tree: ast.Module) -> None:
        bindings = Counter(_bindings(tree))
        false: Counter[str] = Counter()
        self._typing: set[str] = set()
        self._functions: dict[str, str] = {"__import__": "__import__"}
        self._texts: dict[str, str] = {}
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom(module=str(module), level=0):
                    for alias in node.names:
                        name = alias.asname or alias.name
                        if module in _TYPING and alias.name == "TYPE_CHECKING":
                            false[name] += 1
                        if module in _HOMES and alias.name in (BY_NAME | BY_PATH):
                            self._functions[name] = alias.name
                case ast.Import():
                    self._typing.update(
                        alias.asname or alias.name for alias in node.names if alias.name in _TYPING
                    )
                case ast.Assign(
                    targets=[ast.Name(id="TYPE_CHECKING" | "MYPY" as name)], value=ast.Constant(value=False)
                ):
                    false[name] += 1
        for statement in tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                    if bindings[name] == 1:
                        self._texts[name] = text
        self._false = {name for name, count in false.items() if bindings[name] == count}

    def holds(self, test: ast.expr) -> bool | None:
        """Whether a condition holds at run time; None: there is no telling."""
        match test:
            case ast.Constant(value=value):
                return bool(value)
            case ast.Name(id=name) if name in self._false:
                return False
            case ast.Attribute(value=ast.Name(id=name), attr="TYPE_CHECKING") if name in self._typing:
                return False
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.holds(operand)
                return None if inner is None else not inner
            case ast.BoolOp(op=operator, values=values):
                decides = isinstance(operator, ast.Or)
                answers = [self.holds(value) for value in values]
                if decides in answers:
                    return decides
                return None if None in answers else not decides
        return None

    def imports_by(self, node: ast.expr) -> str | None:
        """Which of the functions that import by name this is."""
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                return self._functions.get(name)
            case ast.Attribute(attr=name, ctx=ast.Load()) if name in (BY_NAME | BY_PATH):
                return name
        return None

    def text(self, node: ast.expr | None) -> tuple[str, bool]:
        """What a string surely begins with, and whether that is all of it."""
        match node:
            case ast.Constant(value=str(text)):
                return text, True
            case ast.Name(id=name) if name in self._texts:
                return self._texts[name], True
            case ast.JoinedStr(values=values):
                return self._joined(values)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._joined([left, right])
            case ast.BinOp(left=left, op=ast.Mod()):
                return self.text(left)[0].partition("%")[0], False
            case ast.Call(func=ast.Attribute(value=text_node, attr="format")):
                return self.text(text_node)[0].partition("{")[0], False
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self.text(value)
        return "", False

    def _joined(self, parts: Iterable[ast.expr]) -> tuple[str, bool]:
        text = ""
        for part in parts:
            more, complete = self.text(part)
            text += more
            if not complete:
                return text, False
        return text, True


def _bindings(tree: ast.AST) -> Iterator[str]:
    """Every name that is given a value, as often as it is, in whatever scope."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.alias():
                yield node.asname or node.name.partition(".")[0]
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from names
