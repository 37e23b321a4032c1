"""What one Python file is read to import of the shared core."""

import textwrap

import pytest

from release.core.imports import NOTHING, Imports, Reference, may_import, read_imports

ANYTHING = ("common", 0, None, True)


def read(text: str) -> Imports:
    return read_imports(textwrap.dedent(text).encode())


def seen(text: str) -> list[tuple[str, int, tuple[str, ...] | None, bool]]:
    """Module, level, names, whole."""
    return [(r.module, r.level, r.names, r.whole) for r in read(text).references]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import common", ("common", 0, None, False)),
        ("import common.log as log, json", ("common.log", 0, None, False)),
        ("from common import log", ("common", 0, ("log",), False)),
        ("from common.log import *", ("common.log", 0, ("*",), False)),
        ("from . import log", ("", 1, ("log",), False)),
        ("from ..a.b import log as x, y", ("a.b", 2, ("log", "y"), False)),
        ("def f():\n  import common.log", ("common.log", 0, None, False)),
        ("if FLAG:\n  pass\nelse:\n  import common.log", ("common.log", 0, None, False)),
        ("match x:\n  case 1:\n    import common.log", ("common.log", 0, None, False)),
        ("class A:\n  async def f(self):\n    import common.log", ("common.log", 0, None, False)),
    ],
)
def test_an_import_is_found_however_it_is_written(
    text: str, expected: tuple[str, int, tuple[str, ...] | None, bool]
) -> None:
    assert seen(text) == [expected]


@pytest.mark.parametrize(
    "text",
    ["import json", "import commonplace", "from uncommon import x", "import a.common", "x = 'import common'"],
)
def test_other_packages_are_none_of_ours(text: str) -> None:
    assert seen(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import common.log",
        "from typing import TYPE_CHECKING as T\nif T:\n  import common.log",
        "import typing\nif typing.TYPE_CHECKING:\n  import common.log",
        "import typing as t\nif t.TYPE_CHECKING:\n  import common.log",
        "from typing_extensions import TYPE_CHECKING\nif TYPE_CHECKING and x:\n  import common.log",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n  from common.log import x",
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n  pass\nelse:\n  import common.log",
        "try:\n  from typing import TYPE_CHECKING\nexcept ImportError:\n  TYPE_CHECKING = False\n"
        "if TYPE_CHECKING:\n  import common.log",
        "if False:\n  import common.log",
    ],
)
def test_what_only_type_checkers_see_is_left_out(text: str) -> None:
    assert seen(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n  import common.log",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  pass\nelse:\n  import common.log",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING or x:\n  import common.log",
        "from typing import TYPE_CHECKING\nTYPE_CHECKING = True\nif TYPE_CHECKING:\n  import common.log",
        "from settings import TYPE_CHECKING\nif TYPE_CHECKING:\n  import common.log",
        "DEBUG = False\nif DEBUG:\n  import common.log",
        "def f(TYPE_CHECKING):\n  if TYPE_CHECKING:\n    import common.log\nfrom typing import TYPE_CHECKING",
    ],
)
def test_what_may_run_counts(text: str) -> None:
    assert seen(text) == [("common.log", 0, None, False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("importlib.import_module('common.log')", ("common.log", 0, None, False)),
        ("from importlib import import_module as load\nload('common.log')", ("common.log", 0, None, False)),
        ("__import__('common.log')", ("common.log", 0, None, False)),
        (
            "NAME = 'common.log'\nimport_module = 1\nimportlib.import_module(NAME)",
            ("common.log", 0, None, False),
        ),
        ("importlib.import_module('common.' + 'log')", ("common.log", 0, None, False)),
        ("importlib.import_module(f'common.{x}')", ANYTHING),
        ("importlib.import_module('common.' + x)", ANYTHING),
        ("importlib.import_module('common.%s' % x)", ANYTHING),
        ("importlib.import_module('common.{}'.format(x))", ANYTHING),
        ("importlib.import_module(f'common.plugins.{x}')", ("common.plugins", 0, None, True)),
        ("importlib.import_module(f'common.plugins.a_{x}')", ("common.plugins", 0, None, True)),
        ("importlib.import_module(f'{x}.log')", ANYTHING),
        ("importlib.import_module(x)", ANYTHING),
        ("importlib.import_module(name=x)", ANYTHING),
        ("from importlib import import_module\nlist(map(import_module, names))", ANYTHING),
        ("importlib.import_module('.log', 'common.a')", ("common.a.log", 0, None, False)),
        ("importlib.import_module('..log', package='common.a')", ("common.log", 0, None, False)),
        ("importlib.import_module('.log', __package__)", ("log", 1, None, False)),
        ("importlib.import_module(f'.{x}', __package__)", ("", 1, None, True)),
        ("importlib.import_module('.log', x)", ANYTHING),
        ("importlib.util.find_spec('common.log')", ("common.log", 0, None, False)),
        ("runpy.run_module('common.log')", ("common.log", 0, None, False)),
        ("pkgutil.resolve_name('common.log:write')", ("common.log", 0, None, True)),
        ("pkgutil.iter_modules(__path__)", ("", 1, None, True)),
        ("pkgutil.walk_packages(common.plugins.__path__)", ("common.plugins", 0, None, True)),
        ("pkgutil.walk_packages(paths)", ANYTHING),
    ],
)
def test_an_import_by_name_counts_as_far_as_the_name_is_known(
    text: str, expected: tuple[str, int, tuple[str, ...] | None, bool]
) -> None:
    assert set(seen("import importlib, pkgutil, runpy\n" + text)) == {expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "dictConfig({'formatters': {'json': {'()': 'common.log.Json'}}})",
            ["common.log", "common.log.Json"],
        ),
        ("ROUTES = ['common.routes:app']", ["common.routes"]),
        ("getattr(importlib, 'import_module')('common.log')", ["common.log"]),
        ("importlib.util.find_spec('common.a.b')", ["common.a", "common.a.b"]),
    ],
)
def test_a_string_that_names_a_module_may_be_what_another_package_imports_it_by(
    text: str, expected: list[str]
) -> None:
    text = "import importlib\n" + text
    assert {module for module, *_ in seen(text)} == set(expected)
    assert {one.optional for one in read_imports(text.encode()).references} == {True}


@pytest.mark.parametrize(
    "text",
    [
        "x = 'common'",
        "x = 'see common.log for that'",
        "x = 'uncommon.log'",
        "x = f'common.{y}'",
        "def f(x: 'common.log.Json') -> 'common.log.Json': ...",
        "x: 'list[common.log.Json]' = []",
        "x: 'common.log.Json'",
    ],
)
def test_a_string_that_names_no_module_or_a_type_alone_is_no_import(text: str) -> None:
    assert seen(text) == []


@pytest.mark.parametrize(
    "text", ["import_module('boto3')", "import_module(f'plugins.{x}')", "__import__('x')"]
)
def test_an_import_by_another_name_is_none_of_ours(text: str) -> None:
    assert seen("from importlib import import_module\n" + text) == []


@pytest.mark.parametrize(
    "text",
    [
        "try:\n  import common.log\nexcept ImportError:\n  pass",
        "try:\n  import common.log\nexcept (KeyError, ModuleNotFoundError):\n  pass",
        "try:\n  import common.log\nexcept:\n  pass",
        "with contextlib.suppress(ImportError):\n  import common.log",
        "importlib.util.find_spec('common.log')",
    ],
)
def test_an_import_that_may_find_nothing_is_optional(text: str) -> None:
    assert [reference.optional for reference in read(text).references] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "try:\n  import common.log\nexcept KeyError:\n  pass",
        "try:\n  pass\nexcept ImportError:\n  import common.log",
        "try:\n  import common.log\nfinally:\n  pass",
        "try:\n  pass\nexcept ImportError:\n  pass\nelse:\n  import common.log",
    ],
)
def test_any_other_import_in_a_try_is_not(text: str) -> None:
    assert [reference.optional for reference in read(text).references] == [False]


def test_names_that_a_module_gives_are_those_of_its_own_level() -> None:
    found = read(
        """
        import os.path
        from json import loads as load
        A, (B, *C) = 1, (2, 3)
        if A:
            D: int = 1
        for E in (): pass
        def f():
            inner = 1
            global G
        class K:
            member = 1
        """
    )
    assert found.bound == {"os", "load", "A", "B", "C", "D", "E", "f", "G", "K"}
    assert not found.open


@pytest.mark.parametrize("text", ["from x import *", "def __getattr__(name): ...", "globals()['a'] = 1"])
def test_a_module_that_makes_names_at_run_time_is_open(text: str) -> None:
    assert read(text).open


def test_all_is_read_and_more_than_is_written_is_said() -> None:
    assert read("__all__ = ['a', 'b']\n__all__ += ['c']").exports == ("a", "b", "c")
    assert read("__all__: list[str] = ('a',)").exports == ("a",)
    assert read("__all__ = ['a', *others]").exports == ("a", "*")
    assert read("x = 1").exports is None


@pytest.mark.parametrize(
    ("data", "line"), [(b"x = 1\ndef f(:\n", 2), (b"a\0b", 1), (b"\xff\xfe", 1), (b"(" * 5000, 1)]
)
def test_what_is_no_python_is_broken_at_its_line(data: bytes, line: int) -> None:
    broken = read_imports(data).broken
    assert broken is not None and broken[0] == line and broken[1]


def test_another_encoding_that_the_file_declares_is_python() -> None:
    data = "# -*- coding: latin-1 -*-\nx = 'ü'\nimport common.log\n".encode("latin-1")
    assert read_imports(data).references == (Reference("common.log", 0, None, 3, False),)
    assert may_import(data)


def test_a_file_that_names_nothing_of_it_need_not_be_parsed() -> None:
    assert not may_import(b"import json\n")
    assert read_imports(b"import json\n").references == NOTHING.references
    assert may_import(b"import common") and may_import(b"x.import_module(y)") and may_import("ü".encode())


def test_a_suspicious_escape_is_their_linters_affair() -> None:
    assert read_imports(b"import common\nx = '\\d'\n").references  # warnings are errors here
