"""The same through the command line, on a real repository: every answer is 0, or 2 with file and line.

The repository is its own remote, so that a commit needs no push: a thousand take minutes, not hours.
"""

import contextlib
import io
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release.cli.main import main
from release.core.models import LARGEST_FILE
from tests.cli.worlds import TEMPLATE
from tests.config.mangling import SEVERAL_PUTS, TEXTS, Put, mangled_bytes, mangled_document, stream
from tests.config.texts import FLEET, SERVICE

BESIDE = (  # what makes the example a service that could be built
    Put(b"services/price-fetcher/template.yaml.j2", "100644", TEMPLATE.encode()),
    Put(b"services/price-fetcher/price_fetcher/handler.py", "100644", b"def handler(event, context): ...\n"),
)
PLACE = re.compile(r"""^(  |see: )'?(pipelines|services)[^\n]*:[1-9][0-9]*""", re.MULTILINE)
# Where there is no file at all, none can be named with a line; and code is built from files, not lines.
WITHOUT_LINE = re.compile(
    r"there is no pipelines/ with a pipeline|there are no services in commit"
    r"|has files that cannot be built the same way everywhere"
)
ONCE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Repository:
    folder: Path

    def commit(self, puts: Sequence[Put]) -> None:
        subprocess.run(
            ["git", "-C", str(self.folder), "fast-import", "--quiet", "--force"],
            input=stream("main", [*BESIDE, *puts]),
            check=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["-C", str(self.folder), *arguments])
        return code, _said(out), _said(err)

    def holds(self, *puts: Put) -> tuple[int, str]:
        """The code and complaint of a verb that reads pipelines and services, held to the promise."""
        self.commit(puts)
        code, _, err = self.run("changed", "--ref", "main", "--json")
        assert code in (0, 2), err
        if code:
            assert PLACE.search(err) or WITHOUT_LINE.search(err), err
            assert "\nfix: " in err
            assert all(line.isprintable() for line in err.splitlines()), repr(err)
            assert len(err) < 20_000
        return code, err


def _said(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    folder = tmp_path / "its own remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", f"file://{folder}"], check=True)
    yield Repository(folder)


def test_what_is_mangled_here_is_right_before(repository: Repository) -> None:
    assert repository.holds() == (0, "")


def _texts(repository: Repository, data: st.DataObject) -> None:
    file, content = data.draw(st.sampled_from([mangled_bytes, mangled_document]))(data)
    repository.holds(Put(file.encode(), "100644", content))


@settings(ONCE, max_examples=15)
@given(data=st.data())
def test_the_command_line_says_where_a_file_is_wrong(repository: Repository, data: st.DataObject) -> None:
    _texts(repository, data)


@settings(ONCE, max_examples=15)
@given(puts=SEVERAL_PUTS)
def test_the_command_line_says_where_a_tree_is_wrong(repository: Repository, puts: list[Put]) -> None:
    repository.holds(*puts)


@pytest.mark.prove
@settings(ONCE, max_examples=500)
@given(data=st.data())
def test_500_mangled_files_through_the_command_line(repository: Repository, data: st.DataObject) -> None:
    _texts(repository, data)


@pytest.mark.prove
@settings(ONCE, max_examples=500)
@given(puts=SEVERAL_PUTS)
def test_500_mangled_trees_through_the_command_line(repository: Repository, puts: list[Put]) -> None:
    repository.holds(*puts)


LINK, SUBMODULE, FILE = "120000", "160000", "100644"
SERVICE_TEXT = TEXTS[SERVICE]
LARGE = b"team: backend\n" + b"#" * LARGEST_FILE


@pytest.mark.parametrize(
    ("puts", "complaint"),
    [
        ([Put(SERVICE.encode() + b"/x", FILE, b"x")], f"{SERVICE}:1: /: is a folder in the place of a file"),
        ([Put(SERVICE.encode(), LINK, b"../../../etc/passwd")], f"{SERVICE}:1: /: is a symbolic link"),
        ([Put(SERVICE.encode(), LINK, b"template.yaml.j2")], f"{SERVICE}:1: /: is a symbolic link"),
        ([Put(SERVICE.encode(), SUBMODULE, b"1" * 40)], f"{SERVICE}:1: /: is a submodule"),
        ([Put(b"services/other", SUBMODULE, b"1" * 40)], "services/other:1: /: is a submodule"),
        ([Put(b"services/other", LINK, b"price-fetcher")], "services/other:1: /: is a symbolic link"),
        ([Put(b"services", LINK, b"/etc")], "services:1: /: is a symbolic link"),
        ([Put(b"services", SUBMODULE, b"1" * 40)], "services:1: /: is a submodule"),
        ([Put(SERVICE.encode(), FILE, bytes(range(128, 256)))], f"{SERVICE}:1: /: the file is not UTF-8"),
        ([Put(SERVICE.encode(), FILE, LARGE)], f"{SERVICE}:1: /: the file is larger than 262,144 bytes"),
        ([Put(b"services/b/service.yml", FILE, SERVICE_TEXT)], "services/b/service.yml:1: /: only service"),
        ([Put(b"services/b/SERVICE.YAML", FILE, SERVICE_TEXT)], "services/b/SERVICE.YAML:1: /: only service"),
        (
            [Put(b"services/Price-Fetcher/service.yaml", FILE, SERVICE_TEXT)],
            "services/Price-Fetcher/service.yaml:2: /: the folder's name 'Price-Fetcher' is not a name",
        ),
        (
            [Put(b"services/a\nb/service.yaml", FILE, SERVICE_TEXT)],
            r"'services/a\nb/service.yaml':2: /: the folder's name 'a\nb' is not a name",
        ),
        (
            [Put(b"services/\xff/service.yaml", FILE, SERVICE_TEXT)],
            r"'services/\udcff/service.yaml':2: /: the folder's name '\udcff' is not a name",
        ),
        ([Put(FLEET.encode(), LINK, b"environments.yaml")], f"{FLEET}:1: /: is a symbolic link"),
        ([Put(FLEET.encode(), SUBMODULE, b"1" * 40)], f"{FLEET}:1: /: is a submodule"),
        ([Put(FLEET.encode() + b"/x", FILE, b"x")], f"{FLEET}:1: /: is a folder"),
        ([Put(FLEET.encode(), FILE, LARGE)], f"{FLEET}:1: /: the file is larger than 262,144 bytes"),
        ([Put(b"pipelines", LINK, b"elsewhere")], "pipelines:1: /: is a symbolic link"),
        ([Put(b"pipelines", SUBMODULE, b"1" * 40)], "pipelines:1: /: is a submodule"),
        ([Put(b"pipelines/pay.yml", FILE, b"x")], "pipelines/pay.yml:1: /: only files that end in .yaml"),
        ([Put(b"pipelines/pay.YAML", FILE, b"x")], "pipelines/pay.YAML:1: /: only files that end in .yaml"),
        (
            [Put(b"pipelines/Fleet.yaml", FILE, TEXTS[FLEET])],
            "pipelines/Fleet.yaml:1: /: the file's name 'Fl",
        ),
        ([Put(b"pipelines/a\nb.yaml", FILE, TEXTS[FLEET])], r"'pipelines/a\nb.yaml':1: /: the file's name"),
    ],
)
def test_what_stands_in_the_place_of_a_file_is_named(
    repository: Repository, puts: list[Put], complaint: str
) -> None:
    code, err = repository.holds(*puts)
    assert code == 2
    assert any(line.strip().startswith(complaint) for line in err.splitlines()), err


def test_a_file_of_50_megabytes_is_refused_without_being_read(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))
    code, err = repository.holds(Put(SERVICE.encode(), FILE, b"#" * 50_000_000))
    assert code == 2
    assert f"{SERVICE}:1: /: the file is larger than 262,144 bytes" in err
    contents = [line for line in trace.read_text().splitlines() if '"start"' in line and '"--batch"' in line]
    assert len(contents) == 1, "only the pipelines are read"


def test_links_and_submodules_that_are_no_configuration_are_nobodys_business(repository: Repository) -> None:
    puts = [
        Put(b"services/README.md", LINK, b"../README.md"),
        Put(b"docs", SUBMODULE, b"1" * 40),
    ]
    assert repository.holds(*puts) == (0, "")


@pytest.mark.parametrize("mode", [SUBMODULE, LINK, FILE])
def test_a_name_that_is_no_utf_8_is_told_in_json_as_well(repository: Repository, mode: str) -> None:
    repository.commit([Put(b"services/price-fetcher/not-utf-8-\xff", mode, b"1" * 40)])
    code, out, err = repository.run("changed", "--ref", "main", "--json")
    assert (code, err) == (0, "")
    notes = json.loads(out)["notes"]
    assert notes and all("services/price-fetcher/not-utf-8-" in note for note in notes)
