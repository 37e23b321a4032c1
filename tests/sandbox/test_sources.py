"""Functions that run from folders: which change of a file means new code."""

import threading
import time
from pathlib import Path

import pytest

from release.sandbox.sources import Source, Sources


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path / "bytecode")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for path in ("orders/handler.py", "orders/events/bus.py", "tests/test_orders.py", "events/a.json"):
        file = tmp_path / "service" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1")
    return Source((tmp_path / "service",), (tmp_path / "service", tmp_path / "absent"), {})


@pytest.mark.parametrize("path", ["orders/handler.py", "orders/events/bus.py", "orders/new.py", "data.json"])
def test_a_file_that_is_saved_is_new_code(sources: Sources, source: Source, path: str) -> None:
    before = sources.state(source)
    (source.folders[0] / path).write_text("22")

    assert sources.state(source) != before
    assert sources.state(source) == sources.state(source)


@pytest.mark.parametrize(
    "path", ["tests/test_orders.py", "events/a.json", "orders/__pycache__/x.pyc", ".swp"]
)
def test_what_is_no_code_changes_nothing(sources: Sources, source: Source, path: str) -> None:
    before = sources.state(source)
    file = source.folders[0] / path
    file.parent.mkdir(exist_ok=True)
    file.write_text("22")

    assert sources.state(source) == before


def test_files_that_are_being_written_are_waited_for(sources: Sources, source: Source) -> None:
    sources.state(source)
    handler = source.folders[0] / "orders/handler.py"
    handler.write_text("")  # an editor truncates first

    def finish() -> None:
        for size in range(1, 6):
            time.sleep(0.01)
            handler.write_text("x" * size)

    writing = threading.Thread(target=finish)
    writing.start()
    state = sources.state(source)
    seen = handler.read_text()
    writing.join()

    assert state == sources.state(source)
    assert seen == "xxxxx"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"folders": [], "watched": [], "environment": {}},
        {"folders": ["here"], "watched": [], "environment": {}},
    ],
)
def test_a_source_that_cannot_be_is_refused(sources: Sources, document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a source has"):
        sources.set({"111111111111/us-east-1/orders": document})
