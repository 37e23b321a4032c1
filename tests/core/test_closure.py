"""What of the shared core a service takes."""

import pytest

from release.core.closure import Closure, SharedCore
from release.core.imports import Imports, read_imports


def core(**files: str) -> SharedCore:
    """Files by name: `a__b` is a/b.py, `a__init` is a/__init__.py; `data_x` is data/x.json."""
    found: dict[str, Imports | None] = {}
    for name, text in files.items():
        if name.startswith("data_"):
            found[f"data/{name[5:]}.json"] = None
        else:
            path = name.replace("__", "/").replace("/init", "/__init__").removeprefix("/")
            found[f"{path}.py"] = read_imports(text.encode())
    return SharedCore("services/common", found)


def taken(shared: SharedCore, text: str) -> Closure:
    imports = read_imports(text.encode())
    assert imports.broken is None
    return shared.closure([("services/orders/handler.py", reference) for reference in imports.references])


def files(shared: SharedCore, text: str) -> list[str]:
    found = taken(shared, text)
    assert not found.missing
    return list(found.files)


CORE = {
    "__init": "VERSION = 1",
    "log": "import json",
    "errors": "",
    "http": "from common.errors import Problem",
    "middleware__init": "from common.middleware.access import log_access",
    "middleware__access": "from ..log import logger\nfrom . import shapes",
    "middleware__shapes": "",
    "plugins__a": "",
    "plugins__b": "from common import log",
    "tools__deep__x": "",
    "data_rates": "{}",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import json", []),
        ("import common", ["__init__.py"]),
        ("import common.log", ["__init__.py", "log.py"]),
        ("from common import log, VERSION", ["__init__.py", "log.py"]),
        ("from common.http import x", ["__init__.py", "errors.py", "http.py"]),
        (
            "from common.middleware import log_access",
            ["__init__.py", "log.py", *(f"middleware/{at}.py" for at in ("__init__", "access", "shapes"))],
        ),
        ("import common.plugins.a", ["__init__.py", "plugins/a.py"]),
        ("from common.plugins import a", ["__init__.py", "plugins/a.py"]),
        ("from common import plugins", ["__init__.py", "log.py", "plugins/a.py", "plugins/b.py"]),
        ("import common.tools.deep.x as x", ["__init__.py", "tools/deep/x.py"]),
        ("from common.log import *", ["__init__.py", "log.py"]),
        ("from .log import x", []),
        ("import common.plugins\nimport importlib\nimportlib.import_module(f'common.plugins.{x}')",
         ["__init__.py", "log.py", "plugins/a.py", "plugins/b.py"]),
    ],
)  # fmt: skip
def test_a_module_is_taken_with_the_packages_on_its_way_and_all_that_they_import(
    text: str, expected: list[str]
) -> None:
    assert files(core(**CORE), text) == expected


def test_circles_end() -> None:
    shared = core(
        __init="import common.a", a="from common import b", b="import common.a, common.c", c="import common"
    )
    assert files(shared, "import common.c") == ["__init__.py", "a.py", "b.py", "c.py"]


def test_a_shared_core_without_init_is_a_namespace() -> None:
    assert files(core(log=""), "from common import log") == ["log.py"]
    assert files(core(log="", a__b=""), "import common.a.b") == ["a/b.py"]


@pytest.mark.parametrize("text", ["import common.tools", "from common import tools", "x = 'common.tools'"])
def test_a_folder_without_init_is_there_when_it_is_imported(text: str) -> None:
    found = taken(core(__init="", tools__a="import common.log", tools__b="", log="", other=""), text)
    assert list(found.files) == ["__init__.py", "log.py", "tools/a.py", "tools/b.py"]
    assert "so all of common.tools is taken" in found.notes[0]


def test_of_a_folder_without_init_only_what_is_imported_is_taken() -> None:
    found = taken(core(tools__a="", tools__b=""), "import common.tools\nfrom common.tools import a")
    assert (list(found.files), found.notes) == (["tools/a.py"], ())


def test_a_package_goes_before_a_module_of_its_name_and_a_module_before_a_namespace() -> None:
    assert files(core(a="", a__init=""), "import common.a") == ["a/__init__.py"]
    assert files(core(a="", a__b=""), "import common.a") == ["a.py"]


def test_a_native_module_is_a_module() -> None:
    shared = SharedCore("services/common", {"fast.cpython-313-aarch64-linux-gnu.so": None})
    assert files(shared, "from common import fast") == ["fast.cpython-313-aarch64-linux-gnu.so"]


def test_a_star_takes_the_submodules_that_all_names() -> None:
    shared = core(a__init="__all__ = ['x', 'y']\ny = 1", a__x="", a__z="")
    assert files(shared, "from common.a import *") == ["a/__init__.py", "a/x.py"]
    shared = core(a__init="__all__ = [n for n in names]", a__x="", a__z="")
    found = taken(shared, "from common.a import *")
    assert list(found.files) == ["a/__init__.py", "a/x.py", "a/z.py"]
    assert found.notes == (
        "services/orders/handler.py:1: the __all__ of common.a is made at run time, "
        "so all of common.a is taken",
    )


@pytest.mark.parametrize(
    "more", ["__all__ += ['z']", "__all__.extend(['z'])", "__all__.append('z')", "__all__.insert(0, 'z')"]
)
def test_what_is_added_to_all_later_counts(more: str) -> None:
    shared = core(a__init=f"__all__ = ['x']\n{more}", a__x="", a__y="", a__z="")
    assert files(shared, "from common.a import *") == ["a/__init__.py", "a/x.py", "a/z.py"]


def test_a_string_takes_the_module_that_it_names_and_nothing_where_there_is_none() -> None:
    shared = core(__init="", log="from . import shapes", shapes="", other="")
    assert files(shared, "x = 'common.log.Json.write'") == ["__init__.py", "log.py", "shapes.py"]
    found = taken(shared, "x = open('common.txt'), 'common.gone.Json'")
    assert not found.files
    assert not found.missing


def test_an_import_by_name_takes_the_whole_package_with_a_note() -> None:
    found = taken(core(**CORE), "import importlib\n\nimportlib.import_module(x)")
    assert set(found.files) == {path for path in ALL_FILES if path.endswith(".py")}
    assert found.notes == (
        "services/orders/handler.py:3: imports by name at run time, so all of common is taken",
    )


ALL_FILES = [
    "__init__.py", "log.py", "errors.py", "http.py", "middleware/__init__.py", "middleware/access.py",
    "middleware/shapes.py", "plugins/a.py", "plugins/b.py", "tools/deep/x.py", "data/rates.json",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("import common.gone", "common.gone"),
        ("from common.gone import x", "common.gone"),
        ("from common import gone", "common.gone"),
        ("import common.log.inner", "common.log.inner"),
        ("from common.plugins import c", "common.plugins.c"),
        ("from common.middleware import nothing", "common.middleware.nothing"),
        ("import importlib\nimportlib.import_module('common.gone')", "common.gone"),
        ("import importlib\nimportlib.import_module(f'common.gone.{x}')", "common.gone"),
    ],
)
def test_an_import_that_finds_nothing_is_named_with_its_place(text: str, missing: str) -> None:
    ((importer, module),) = taken(core(**CORE), text).missing
    assert module == missing
    assert str(importer) == f"services/orders/handler.py:{text.count(chr(10)) + 1}"


@pytest.mark.parametrize(
    "text",
    [
        "try:\n  import common.gone\nexcept ImportError:\n  pass",
        "from common import __path__, __name__",
        "from common.log import whatever",  # what a module gives, only a run tells
        "import importlib.util\nimportlib.util.find_spec('common.gone')",
    ],
)
def test_an_import_that_may_find_nothing_is_no_problem(text: str) -> None:
    assert taken(core(**CORE), text).missing == ()


def test_a_package_that_makes_its_names_at_run_time_may_have_any() -> None:
    assert taken(core(__init="def __getattr__(name): ..."), "from common import x").missing == ()


def test_a_relative_import_that_leaves_the_shared_core_finds_nothing() -> None:
    found = taken(core(a="from .. import orders"), "import common.a")
    assert [(str(importer), module) for importer, module in found.missing] == [
        ("services/common/a.py:1", "..")
    ]


def test_a_shared_module_that_is_no_python_is_named_and_may_need_all_of_the_core() -> None:
    found = taken(core(a="x = = 1", b="", c__d=""), "import common.a")
    assert list(found.files) == ["a.py", "b.py", "c/d.py"]
    ((importer, why),) = found.broken
    assert str(importer) == "services/common/a.py:1" and why == "invalid syntax"


def test_a_broken_module_that_nobody_imports_is_nobodys_problem() -> None:
    assert taken(core(a="x = = 1", b=""), "import common.b").broken == ()


def test_each_file_says_who_asks_for_it_first() -> None:
    found = taken(core(a="import common.b", b="\nimport common.c", c=""), "import common.a")
    chain = {path: str(importer) for path, importer in found.files.items()}
    assert chain == {
        "a.py": "services/orders/handler.py:1",
        "b.py": "services/common/a.py:1",
        "c.py": "services/common/b.py:2",
    }
