"""The command that publishes a service's document, and that notices when it is out of step."""

import subprocess
import sys
from pathlib import Path

from common import sql_lint
from common.errors import NotFound
from common.openapi import document
from common.routes import Route
from common.validation import ApiModel

SERVICES = Path(__file__).parents[2]
ROUTES = '''"""Things."""

from common.routes import Route

ROUTES = (Route(operation="getThing", method="GET", path="/things", summary="A thing"),)
'''


class Asked(ApiModel):
    thing_id: str
    limit: int = 10


class Answered(ApiModel):
    full_name: str


def test_a_route_becomes_parameters_answers_and_every_failure_that_it_documents() -> None:
    route = Route(
        operation="getThing",
        method="GET",
        path="/things",
        summary="A thing",
        query=Asked,
        answer=Answered,
        refusals=(NotFound,),
    )

    (operation,) = document("things", "Things.", [route])["paths"]["/things"].values()

    assert [(p["name"], p["in"], p["required"]) for p in operation["parameters"]] == [
        ("thingId", "query", True),
        ("limit", "query", False),
    ]
    assert list(operation["responses"]) == ["200", "400", "404", "503"]
    assert "VALIDATION_FAILED" in operation["responses"]["400"]["description"]


def test_a_document_that_is_out_of_step_is_told_with_the_way_out(tmp_path: Path) -> None:
    # A service of its own: the shared core also stands in repositories that have none of ours.
    for file in (SERVICES / "common").rglob("*.py"):
        copy = tmp_path / file.relative_to(SERVICES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    package = tmp_path / "some-things" / "some_things"
    package.mkdir(parents=True)
    (package.parent / "service.yaml").touch()
    (package / "__init__.py").touch()
    (package / "routes.py").write_text(ROUTES, "utf-8")

    def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "common.openapi", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    code, said = run("some-things", "--check")
    assert code == 1 and "fix: cd services && python -m common.openapi some-things" in said
    assert run("some-things") == (0, "") and run("some-things", "--check") == (0, "")
    assert run("nowhere")[0] == 2


def test_no_statement_of_the_shared_core_is_built_of_text() -> None:
    assert sql_lint.findings(SERVICES / "common") == []
