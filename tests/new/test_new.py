"""`release new`: what it makes, what it refuses, and that nothing half-made is ever left."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from release.cli.main import main
from release.config import load_pipelines
from release.core.scaffold import KindName
from release.errors import Misconfigured
from release.new import scaffold
from release.observe import work_tree_pipelines
from tests.cli.worlds import Fleet
from tests.new.worlds import TAGS, another_team, templates


@pytest.fixture
def team(tmp_path: Path) -> Fleet:
    return another_team(tmp_path / "team")


def new(fleet: Fleet, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["-C", str(fleet.clone), "new", *words])
    out, err = capsys.readouterr()
    return int(code), out, err


def services(fleet: Fleet) -> list[str]:
    folder = fleet.clone / "services"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_service_comes_with_the_shared_core_where_there_is_none_and_says_what_is_next(
    team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = new(team, capsys, "price-api", "--kind", "http", *TAGS)

    assert code == 0
    assert services(team) == ["common", "price-api"]
    assert (team.clone / "services/price-api/price_api/handler.py").is_file()
    assert not list((team.clone / "services").rglob("__pycache__"))
    said = out.partition("next:\n")[2].split("\n")
    assert [line.strip() for line in said if line] == [
        "git add services/price-api services/common && git commit -m 'feat: price-api'",
        "release check price-api common && release infra lint price-api",
        "release sandbox run -- release deploy dev price-api --yes",
    ]


def test_the_next_service_takes_its_tags_from_one_that_is_there_and_leaves_the_shared_core_alone(
    team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    new(team, capsys, "orders", "--kind", "http", *TAGS)
    own = team.clone / "services/common/errors.py"
    own.write_text(own.read_text("utf-8") + "\nOURS = 1\n", "utf-8")

    code, out, _ = new(team, capsys, "stock", "--kind", "queue", "--team", "stock", "--json")

    made: dict[str, Any] = json.loads(out)
    assert code == 0
    assert (made["tags_of"], made["brought_core"]) == ("orders", False)
    assert made["tags"] == {
        "team": "stock", "owner": "orders@acme.example", "cost_center": "4711", "data_class": "internal",
    }  # fmt: skip
    assert (made["kind"], made["folder"], made["pipelines"]) == ("queue", "services/stock", ["fleet"])
    assert "services/stock/service.yaml" in made["files"]
    assert all((team.clone / path).is_file() for path in made["files"])
    assert made["next"][0].startswith("git add services/stock &&")
    assert own.read_text("utf-8").endswith("OURS = 1\n")


@pytest.mark.parametrize(
    ("name", "cause", "fix"),
    [
        ("Orders", "'Orders' is not a name", "as in orders"),
        ("my_orders", "'my_orders' is not a name", "as in my-orders"),
        ("-", "'-' is not a name", "starting with a letter"),
        ("../orders", "is not a name", "lower-case letters"),
        ("orders\n", "is not a name", "lower-case letters"),
        ("", "'' is not a name", "lower-case letters"),
        ("\x1b[2J", "'\\x1b[2J' is not a name", "lower-case letters"),
        ("\udcff", "'\\udcff' is not a name", "lower-case letters"),
        ("x" * 10_000, "… (", "choose a shorter one"),
        ("orders" * 9, "has 54 characters", "choose a shorter one"),
        ("common", "is a name that this repository needs itself", "such as common-service"),
        ("tests", "is a name that this repository needs itself", "such as tests-service"),
        ("release", "is a name that this repository needs itself", "such as release-service"),
        ("run-me", "would hide run_me of this repository", "such as run-me-service"),
        ("class", "is a word of Python", "such as class-service"),
        ("queue", "would hide Python's own module", "such as queue-service"),
        ("botocore", "would hide a package of Lambda's runtime", "such as botocore-service"),
        ("aws-lambda-powertools", "would hide a package that the service needs", "choose another one"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(
    name: str, cause: str, fix: str, team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    (team.clone / "run_me.py").touch()
    words = ("--kind", "http", *TAGS, "--", name) if name.startswith("-") else (name, "--kind", "http", *TAGS)
    code, _, err = new(team, capsys, *words)

    assert code == 2 and services(team) == []
    said, mended = err.partition("fix:")[::2]
    assert cause in said and fix in mended and "see: services/" in mended


def test_a_name_that_aws_would_not_take_in_some_stage_is_refused_with_the_stage(
    team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "a-stage-with-a-long-name"
    fleet = (team.clone / "pipelines/fleet.yaml").read_text("utf-8")
    team.write(
        {
            "pipelines/fleet.yaml": fleet.replace("name: uat", f"name: {long}, environment: uat").replace(
                "after: uat", f"after: {long}"
            )
        }
    )

    code, _, err = new(team, capsys, "orders-of-the-world-and-more", "--kind", "http", *TAGS)
    assert code == 0, err

    code, _, err = new(team, capsys, "orders-of-the-world-and-more-x3", "--kind", "http")
    assert code == 2
    assert (
        "role of its function would be orders-of-the-world-and-more-x3-a-stage-with-a-long-name-us-east-1"
        in err
    )
    assert "fix: choose a name with 29 characters at most" in err
    assert "see: pipelines/fleet.yaml:" in err


@pytest.mark.parametrize("what", ["folder", "file", "dangling link"])
def test_what_is_there_is_never_touched(what: str, team: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    place = team.clone / "services" / "orders"
    place.parent.mkdir()
    if what == "folder":
        place.mkdir()
    elif what == "file":
        place.write_text("mine")
    else:
        place.symlink_to("nowhere")

    code, _, err = new(team, capsys, "orders", "--kind", "http", *TAGS)

    assert code == 2 and "services/orders is there already" in err and "see: services/orders" in err
    assert services(team) == ["orders"]


def test_a_function_of_the_same_name_in_another_service_is_found_before_anything_is_written(
    team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    new(team, capsys, "stock", "--kind", "http", *TAGS)
    file = team.clone / "services/stock/service.yaml"
    file.write_text(file.read_text("utf-8").replace('"stock-{stage}"', '"orders-{stage}"'), "utf-8")

    code, _, err = new(team, capsys, "orders", "--kind", "http")

    assert code == 2 and "orders-{stage}" in err.replace("orders-dev", "orders-{stage}")
    assert services(team) == ["common", "stock"]


def test_another_service_that_is_wrong_does_not_stand_in_the_way(
    team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    team.write({"services/broken/service.yaml": "team: [\n"})

    assert new(team, capsys, "orders", "--kind", "scheduled", *TAGS)[0] == 0


def test_a_shared_core_without_what_is_needed_is_named_and_left_alone(
    team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    team.write({"services/common/core.py": "class Core: ...\n"})

    code, _, err = new(team, capsys, "orders", "--kind", "http", *TAGS)

    assert code == 2 and services(team) == ["common"]
    assert "common.core.LambdaHandler" in err and "common.core.Core" not in err
    assert "move services/common away" in err


def test_without_a_service_to_take_tags_from_they_have_to_be_said(
    team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = new(team, capsys, "orders", "--kind", "http", "--team", "backend")

    assert code == 2 and "fix: add --owner … --cost-center …" in err
    code, _, err = new(team, capsys, "orders", "--kind", "http", *TAGS[:2], "--owner", "a\nb")
    assert code == 2 and "--owner 'a\\nb' cannot be the value of an AWS tag" in err
    assert services(team) == []


def test_a_repository_without_pipelines_is_told_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = Fleet.with_files(tmp_path / "bare", {"README.md": "nothing"})

    code, _, err = new(fleet, capsys, "orders", "--kind", "http", *TAGS)

    assert code == 2 and "pipelines/environments.yaml" in err


def test_a_service_that_no_pipeline_takes_says_so(team: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = (team.clone / "pipelines/fleet.yaml").read_text("utf-8")
    team.write({"pipelines/fleet.yaml": fleet.replace('["*"]', '["other-*"]')})

    code, out, _ = new(team, capsys, "orders", "--kind", "http", *TAGS)

    assert code == 0 and "no pipeline releases it" in out and "release deploy" not in out


def test_services_that_cannot_be_a_folder_is_an_error_with_a_way_out(
    team: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    team.write({"services": "a file"})

    code, _, err = new(team, capsys, "orders", "--kind", "http", *TAGS)

    assert code == 2 and "cannot be written" in err and "fix: make services/ a folder" in err


class Broken:
    """The tool's templates, with a file that cannot be written after all the others."""

    def __init__(self) -> None:
        self._real = templates()
        self.packages, self.shared_core = self._real.packages, self._real.shared_core

    def render(self, kind: KindName, words: Mapping[str, object]) -> Mapping[str, str]:
        return {**self._real.render(kind, words), "README.md/below-a-file": ""}


def test_what_fails_while_writing_leaves_nothing(team: Fleet) -> None:
    texts = work_tree_pipelines(team.clone)
    tags = {"team": "backend", "owner": "o@acme.example", "cost_center": "1"}

    with pytest.raises(Misconfigured, match="nothing was"):
        scaffold(
            team.clone,
            "orders",
            "http",
            given=tags,
            pipelines=load_pipelines(texts.files, texts.odd),
            templates=Broken(),
        )
    assert not (team.clone / "services").exists()
    assert team.git("status", "--porcelain") == ""
