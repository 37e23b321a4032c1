"""Who may import whom. The rules are the table below; docs/architecture.md says why."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# layer -> the layers of `release` that it may import beside itself
MAY_IMPORT = {
    "errors": frozenset(),
    "core": frozenset({"errors"}),
    "ports": frozenset({"core"}),
    "observe": frozenset({"ports", "core", "errors"}),
    "apply": frozenset({"ports", "core", "errors"}),
    "build": frozenset({"ports", "core", "errors"}),
    "config": frozenset({"ports", "core", "errors"}),
    "views": frozenset({"ports", "core", "errors"}),
    "adapters": frozenset({"ports", "core", "errors"}),
    "sandbox": frozenset({"ports", "core", "errors"}),
    # the verbs behind the CLI: they read through ports and let core decide
    "promotion": frozenset({"observe", "apply", "build", "config", "ports", "core", "errors"}),
    "standing": frozenset({"promotion", "observe", "ports", "core", "errors"}),
    "past": frozenset({"ports", "core", "errors"}),
    "orphans": frozenset({"past", "promotion", "observe", "build", "ports", "core", "errors"}),
    "drift": frozenset({"orphans", "past", "promotion", "observe", "build", "ports", "core", "errors"}),
    "changed": frozenset({"promotion", "observe", "build", "config", "ports", "core", "errors"}),
    "retire": frozenset({"past", "promotion", "observe", "apply", "build", "ports", "core", "errors"}),
    "journal": frozenset({"ports", "core", "errors"}),
    "decide": frozenset({"promotion", "apply", "ports", "core", "errors"}),
    "make_way": frozenset({"decide", "promotion", "apply", "ports", "core", "errors"}),
    "resume": frozenset({"promotion", "apply", "build", "ports", "core", "errors"}),
    "verify": frozenset({"promotion", "observe", "apply", "build", "ports", "core", "errors"}),
    "infra": frozenset(
        {"past", "changed", "promotion", "observe", "apply", "build", "ports", "core", "errors"}
    ),
    "check": frozenset({"changed", "build", "ports", "core", "errors"}),
    "local": frozenset({"observe", "build", "config", "sandbox", "ports", "core", "errors"}),
    "audit": frozenset({"standing", "promotion", "observe", "build", "config", "ports", "core", "errors"}),
    "dispatch": frozenset({"promotion", "ports", "core", "errors"}),
    "doctor": frozenset({"observe", "build", "config", "ports", "core", "errors"}),
    "record": frozenset({"audit", "promotion", "build", "ports", "core", "errors"}),
    "new": frozenset({"config", "ports", "core", "errors"}),
    "wire": frozenset(
        {"adapters", "build", "sandbox", "config", "observe", "apply", "ports", "core", "errors"}
    ),
}
MAY_IMPORT["cli"] = frozenset(MAY_IMPORT)

# foreign package -> the layers that may import it; what is not named is free outside core and errors
OUTSIDE = frozenset({"adapters", "build", "sandbox"})
FOREIGN = {
    "boto3": OUTSIDE,
    "botocore": OUTSIDE,
    "s3transfer": OUTSIDE,
    "git": OUTSIDE,
    "jinja2": OUTSIDE,
    "httpx": OUTSIDE,
    "click": frozenset({"cli"}),
    "pydantic": frozenset({"config"}),
    "cfnlint": frozenset({"adapters"}),
    "yaml": OUTSIDE | {"config"},
    "ministack": frozenset({"sandbox"}),
    "hypercorn": frozenset({"sandbox"}),
    "openapi_core": frozenset({"sandbox"}),
}
# Sessions and the rate budget of one AWS account are one thing, however many adapters talk to it.
SHARED_BY_ADAPTERS = "release.adapters.aws"

# core decides; what is read, waited for or drawn by lot comes to it as an argument
IMPURE = frozenset(
    {
        "asyncio",
        "concurrent",
        "fcntl",
        "fileinput",
        "ftplib",
        "getpass",
        "glob",
        "http",
        "importlib",
        "io",
        "linecache",
        "locale",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
        "pathlib",
        "pickle",
        "platform",
        "pty",
        "queue",
        "random",
        "sched",
        "secrets",
        "select",
        "selectors",
        "shelve",
        "shutil",
        "signal",
        "site",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "syslog",
        "tempfile",
        "threading",
        "time",
        "tracemalloc",
        "urllib",
        "uuid",
        "webbrowser",
        "zipfile",
    }
)
PURE_PARTS = frozenset({"urllib.parse"})
CLOCKS = frozenset({"now", "utcnow", "today"})
IMPURE_CALLS = frozenset({"open", "print", "input", "breakpoint", "exec", "eval"})


def broken_rules(module: str, source: str, *, file: str, is_package: bool = False) -> list[str]:
    """Each broken rule as `file:line: what, and the rule`, for one module of `release` given as text."""
    layer = layer_of(module)
    if layer and layer not in MAY_IMPORT:
        return [f"{file}:1: {module} is in no layer: give release/{layer} its row in MAY_IMPORT"]
    tree = ast.parse(source, file)
    found = [
        f"{file}:{line}: imports {name}: {rule}"
        for line, name in imports(tree, module, is_package)
        if (rule := rule_against(module, layer, name))
    ]
    if layer == "core":
        found += [f"{file}:{line}: calls {what}: core is pure" for line, what in impure_calls(tree)]
    return found


def layer_of(module: str) -> str:
    """The second part of the name; empty for `release` itself."""
    name = (module.split(".") + [""])[1]
    return "cli" if name == "__main__" else name


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported, wherever it stands and however it is written.

    `from a import b` gives `a.b`: whether b is a module or a name in one makes no difference to the rules.
    """
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def rule_against(module: str, layer: str, name: str) -> str:
    """The rule that this import breaks; empty when it is fine."""
    top, *rest = name.split(".")
    if top == "release":
        other = rest[0] if rest else ""
        if other not in MAY_IMPORT:
            return ""  # a name of release/__init__.py, such as __version__
        if layer == "adapters" == other:
            own = ".".join(module.split(".")[:3])
            allowed = name == "release.adapters" or (name + ".").startswith(
                (own + ".", SHARED_BY_ADAPTERS + ".")
            )
            return "" if allowed else "adapters never import each other"
        if other != layer and other not in MAY_IMPORT.get(layer, frozenset()):
            allowed_layers = ", ".join(sorted(MAY_IMPORT.get(layer, frozenset()))) or "nothing"
            return f"{layer or 'release'} may import {allowed_layers}"
        return ""
    if layer == "core":
        if top not in sys.stdlib_module_names and top != "semver":
            return "core may import core, errors, semver and the standard library without I/O"
        if top in IMPURE and not any((name + ".").startswith(part + ".") for part in PURE_PARTS):
            return "core is pure: no files, network, clock, environment or randomness"
    if layer in ("errors", "") and top not in sys.stdlib_module_names:
        return "errors may import nothing"
    owners = FOREIGN.get("boto3" if top.startswith("mypy_boto3") else top)
    if owners is not None and layer not in owners:
        return f"only {', '.join(sorted(owners))} may import {top}"
    return ""


def impure_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr=attribute)) if attribute in CLOCKS:
                if ast.unparse(owner).split(".")[-1] in ("datetime", "date"):
                    yield node.lineno, f"{ast.unparse(owner)}.{attribute}()"
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield node.lineno, f"{name}()"


def modules_of_release() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "release").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_release_keeps_its_import_rules() -> None:
    broken = [
        line
        for module, path in modules_of_release()
        for line in broken_rules(
            module,
            path.read_text(encoding="utf-8"),
            file=str(path.relative_to(ROOT)),
            is_package=path.name == "__init__.py",
        )
    ]
    assert not broken, "\n" + "\n".join(broken)


def test_every_module_is_looked_at() -> None:
    assert {"release", "release.errors", "release.core.models", "release.ports"} <= dict(
        modules_of_release()
    ).keys()


def test_boto3_put_into_a_real_core_module_is_found_at_its_line() -> None:
    source = (ROOT / "release/core/models.py").read_text(encoding="utf-8")
    line = len(source.splitlines()) + 1

    assert broken_rules(
        "release.core.models", source + "\nimport boto3\n", file="release/core/models.py"
    ) == [
        f"release/core/models.py:{line + 1}: imports boto3: "
        "core may import core, errors, semver and the standard library without I/O"
    ]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("release.core.plan", "import boto3"),
        ("release.core.plan", "import boto3.session as b"),
        ("release.core.plan", "from botocore.config import Config"),
        ("release.core.plan", "def f():\n    import boto3"),
        ("release.core.plan", "if TYPE_CHECKING:\n    from mypy_boto3_lambda import LambdaClient"),
        ("release.core.plan", "import importlib"),
        ("release.core.plan", "__import__('boto3')"),
        ("release.core.plan", "import os.path"),
        ("release.core.plan", "from pathlib import Path"),
        ("release.core.plan", "from time import sleep"),
        ("release.core.plan", "from urllib import request"),
        ("release.core.plan", "from urllib.request import urlopen"),
        ("release.core.plan", "import rich"),
        ("release.core.plan", "from datetime import datetime\nx = datetime.now()"),
        ("release.core.plan", "import datetime\nx = datetime.date.today()"),
        ("release.core.plan", "x = open('f')"),
        ("release.core.plan", "from .. import adapters"),
        ("release.core.plan", "from ..adapters import git"),
        ("release.core.plan", "from ..ports import Clock"),
        ("release.core.plan", "from release import wire"),
        ("release.ports.git", "from release.errors import Misconfigured"),
        ("release.ports.git", "from ..adapters.git import GitRepo"),
        ("release.errors", "from release.core import models"),
        ("release.errors", "import click"),
        ("release.observe", "from release.adapters.git import GitRepo"),
        ("release.apply", "import botocore.exceptions"),
        ("release.apply", "def f():\n    from release import observe"),
        ("release.build.zip", "from release.adapters import artifacts"),
        ("release.config", "from release import wire"),
        ("release.views.plan", "import click"),
        ("release.views.plan", "import jinja2"),
        ("release.views.plan", "from pydantic import BaseModel"),
        ("release.cli.promote", "import boto3"),
        ("release.cli.promote", "importlib.import_module('git')"),
        ("release.cli.promote", "from git.repo import Repo"),
        ("release.cli.promote", "import yaml"),
        ("release.infra.lint", "from cfnlint.api import lint"),
        ("release.adapters.ledger", "from release.adapters.git import GitRepo"),
        ("release.adapters.ledger", "from release.adapters import git"),
        ("release.adapters.ledger", "from . import git"),
        ("release.adapters.ledger", "from .awsome import x"),
        ("release.adapters.ledger", "from release import config"),
        ("release.wire", "from release.cli import main"),
        ("release.wire", "import boto3"),
        ("release", "from release.core import models"),
        ("release.helpers", ""),
    ],
)
def test_a_forbidden_import_is_found_however_it_is_written(module: str, source: str) -> None:
    found = broken_rules(module, source, file="release/x.py")

    assert len(found) == 1
    assert found[0].startswith(f"release/x.py:{max(1, len(source.splitlines()))}: ")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "release.core.plan",
            "from release.core import models\nfrom . import versions\nfrom ..errors import Conflict",
        ),
        (
            "release.core.plan",
            "import json, re, hashlib\nfrom datetime import datetime, timedelta\nimport semver",
        ),
        ("release.core.plan", "from urllib.parse import quote"),
        ("release.core.plan", "def f(clock):\n    return clock.now()"),
        ("release.ports.aws", "from release.core.models import Place\nfrom .git import Repo"),
        ("release.config", "import yaml, pydantic\nfrom release import errors"),
        ("release.cli.promote", "import click\nfrom release import wire, __version__\nfrom . import main"),
        (
            "release.adapters.ledger",
            "import git\nfrom release.ports import Ledger\nfrom release.adapters.aws import s",
        ),
        ("release.adapters.ledger", "from .aws import session\nfrom release.adapters import aws"),
        (
            "release.adapters.github.client",
            "from release.adapters.github import models\nfrom . import models",
        ),
        ("release.wire", "from release.adapters import git\nfrom release.build import builder"),
        ("release.sandbox.aws", "import ministack.core, boto3, yaml"),
        ("release.__main__", "from release.cli.main import main"),
    ],
)
def test_an_allowed_import_is_left_alone(module: str, source: str) -> None:
    assert broken_rules(module, source, file="release/x.py") == []


def test_a_relative_import_in_a_package_counts_from_the_package_itself() -> None:
    assert broken_rules("release.core", "from . import plan", file="f", is_package=True) == []
    assert broken_rules("release.core", "from .. import apply", file="f", is_package=True) == [
        "f:1: imports release.apply: core may import errors"
    ]
