"""The folder of `release local`: one server at a time, and nothing of a dead one that counts."""

import subprocess
from pathlib import Path

import pytest

from release.core.local import LocalFleet, LocalFunction, LocalService, Serving
from release.errors import Conflict, Misconfigured
from release.local.workplace import FOLDER, Workplace

SERVING = Serving(1, "http://127.0.0.1:1", "http://127.0.0.1:2")


def fleet(*services: LocalService) -> LocalFleet:
    return LocalFleet("dev", "111111111111", "us-east-1", "live", services, {"web": "built by a command"})


def service(name: str, *routes: str) -> LocalService:
    return LocalService(
        name,
        (LocalFunction("api", f"{name}-dev"),),
        {"T": f"{name}-t"},
        {},
        f"id-{name}",
        routes,
        None,
        ("/x",),
    )


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def test_what_is_written_is_read_again(workplace: Workplace) -> None:
    stands = fleet(service("orders", "GET /orders"))
    with workplace.claim():
        workplace.write_serving(SERVING)
        workplace.write_fleet(stands)

        assert workplace.require() == (SERVING, stands)


def test_a_file_in_its_place_is_to_be_moved_away(workplace: Workplace) -> None:
    workplace.folder.write_text("", encoding="utf-8")

    with pytest.raises(Misconfigured, match="cannot be written: File exists") as refused:
        workplace.prepare()

    assert refused.value.fix == f"move away what is called {FOLDER} there"


def test_without_a_server_nothing_stands_whatever_the_files_say(workplace: Workplace) -> None:
    with workplace.claim():
        workplace.write_serving(SERVING)
        workplace.write_fleet(fleet())

    assert workplace.serving() is None
    with pytest.raises(Misconfigured, match="not up"):
        workplace.require()


def test_a_second_server_is_refused_and_the_next_one_finds_nothing_of_the_first(workplace: Workplace) -> None:
    with workplace.claim():
        workplace.write_serving(SERVING)
        (workplace.sandbox / "s3").mkdir(parents=True)
        with pytest.raises(Conflict):
            workplace.claim()

    with workplace.claim():
        assert workplace.serving() is None
        assert not workplace.sandbox.exists()


def test_git_does_not_see_it(workplace: Workplace) -> None:
    workplace.prepare()
    subprocess.run(["git", "init", "--quiet"], cwd=workplace.top, check=True)

    shown = subprocess.run(
        ["git", "status", "--porcelain"], cwd=workplace.top, check=True, capture_output=True, text=True
    )

    assert shown.stdout == ""


def test_taking_down_nothing_is_no_error_and_leaves_nothing(workplace: Workplace) -> None:
    with workplace.alone():
        assert not workplace.take_down()

    assert not (workplace.top / FOLDER).exists()


def test_what_another_release_has_written_is_no_fleet(workplace: Workplace) -> None:
    workplace.prepare()
    workplace.fleet_file.write_text('{"stage": "dev", "services": [], "more": 1}')

    assert workplace.fleet() is None
