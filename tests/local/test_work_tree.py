"""What of a work tree runs here, with which settings, and which event a function gets."""

from pathlib import Path

import pytest

from release.core.local import LocalFunction
from release.errors import Misconfigured
from release.local.fleet import read_local_env, read_work_tree
from release.local.invoke import chosen_function, read_event
from tests.local.fleet import small_fleet
from tests.local.test_workplace import fleet, service

API = LocalFunction("api", "greeter-dev")


def test_the_first_stage_runs_here_without_what_no_laptop_has(tmp_path: Path) -> None:
    clone = small_fleet(tmp_path)
    clone.edit("services/greeter/service.yaml", "timeout: 20", "timeout: 20\n    vpc: true\n    tracing: 5%")
    clone.write("services/greeter/local.env", "# mine\n\nGREETING = servus\n")

    tree = read_work_tree(tmp_path, tmp_path / "databases", pipeline=None)

    settings = tree.settings("greeter")
    assert (tree.stage.name, tree.place.account, tree.place.role) == ("dev", "111111111111", None)
    assert (settings.vpc, settings.tracing, settings.timeout) == (False, None, 20)
    assert settings.environment == {
        "DATABASE_URL": f"sqlite:///{tmp_path}/databases/greeter.db",
        "GREETING": "servus",
    }


def test_a_service_whose_code_is_built_is_left_out_with_the_reason(tmp_path: Path) -> None:
    clone = small_fleet(tmp_path)
    service_file = (tmp_path / "services/greeter/service.yaml").read_text()
    text = service_file.replace("greeter", "web").replace("python3.13", "nodejs22.x")
    text = text.replace("web.handler.handler", "src/web.handler").replace("web.migrate", "src/migrate")
    clone.write("services/web/service.yaml", text)

    tree = read_work_tree(tmp_path, tmp_path / "databases", pipeline=None)

    assert list(tree.services) == ["greeter"]
    assert "only Python" in tree.skipped["web"]


def test_a_line_of_local_env_that_says_nothing_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "local.env").write_text("A=1\nB\n")

    with pytest.raises(Misconfigured) as refused:
        read_local_env(tmp_path / "local.env")

    assert str(refused.value.see).endswith("local.env:2")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("default.json", "api.json", "z.json"), "default.json"),
        (("api.json", "a.json"), "api.json"),
        (("only.json",), "only.json"),
    ],
)
def test_the_default_event_is_the_one_that_needs_no_choice(
    tmp_path: Path, files: tuple[str, ...], expected: str
) -> None:
    folder = tmp_path / "services/greeter/events"
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).write_text(f'"{file}"')

    assert read_event(tmp_path, "greeter", API, None, here=tmp_path) == expected


def test_several_events_and_none_are_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "services/greeter/events"
    folder.mkdir(parents=True)
    with pytest.raises(Misconfigured, match="no event") as none:
        read_event(tmp_path, "greeter", API, None, here=tmp_path)
    (folder / "a.json").write_text("1")
    (folder / "b.json").write_text("2")
    with pytest.raises(Misconfigured, match="several events") as several:
        read_event(tmp_path, "greeter", API, None, here=tmp_path)

    assert "release local event" in none.value.fix
    assert "a.json, b.json" in several.value.fix
    assert read_event(tmp_path, "greeter", API, "b.json", here=tmp_path) == 2


def test_a_function_is_found_by_its_service_and_its_key() -> None:
    stands = fleet(service("orders"))

    assert chosen_function(stands, "orders", None)[1].name == "orders-dev"
    assert chosen_function(stands, "orders", "api")[1].name == "orders-dev"
    for name, key, said in (
        ("web", None, "does not run"),
        ("x", None, "no service x"),
        ("orders", "y", "api"),
    ):
        with pytest.raises(Misconfigured) as refused:
            chosen_function(stands, name, key)
        assert said in f"{refused.value.cause} {refused.value.fix}"
