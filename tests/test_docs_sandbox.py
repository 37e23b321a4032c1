"""docs/sandbox.md and the sandbox say the same: example and test of the page run, its tables are complete."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from release.cli.sandbox_start import StartOptions
from release.sandbox.fault_rules import FaultRule
from release.sandbox.forge.client import Forge
from release.sandbox.forge.leniences import LENIENCES as FORGE_LENIENCES
from release.sandbox.leniences import LENIENCES

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
# One service without dependencies, and the two stages that the example names.
FILES = {
    "pipelines/environments.yaml": """\
artifacts: {account: "999999999999", bucket: "docs-artifacts-{region}"}
alias: live
environments:
  dev: {account: "111111111111", regions: [us-east-1], role: "arn:aws:iam::111111111111:role/release-deploy"}
  qa: {account: "222222222222", regions: [us-east-1], role: "arn:aws:iam::222222222222:role/release-deploy"}
""",
    "pipelines/fleet.yaml": """\
services: ["*"]
tags: "v{version}"
branches: [main]
stages:
  - {name: dev, on: push, rollout: all-at-once}
  - {name: qa, channel: qa, after: dev, rollout: all-at-once}
""",
    "services/orders/service.yaml": """\
team: backend
owner: orders@acme.example
data_class: internal
cost_center: "1"
runtime: python3.13
architecture: arm64
functions:
  api: {name: "orders-{stage}", handler: orders.handler.handler}
""",
    "services/orders/orders/__init__.py": "",
    "services/orders/orders/handler.py": "def handler(event, context):\n    return {'statusCode': 200}\n",
    "services/orders/template.yaml.j2": """\
Parameters:
  AliasExists: {Type: String, Default: "false"}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: "{{ functions.api.name }}"
      Role: !GetAtt Role.Arn
      Runtime: "{{ service.runtime }}"
      Handler: "{{ functions.api.handler }}"
      Code: {ZipFile: "raise RuntimeError('the placeholder')"}
""",
}


def block(kind: str, begins: str) -> str:
    """The one block of the page that begins so."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [one for one in blocks if one.startswith(begins)]
    return str(found)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose heading begins so."""
    table = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "acme"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    who = ("-c", "user.name=Ana Developer", "-c", "user.email=ana@acme.example")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), (*who, "commit", "-q", "-m", "feat: orders")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


@pytest.mark.prove
def test_the_example_ends_as_the_page_says(repository: Path) -> None:
    example = block("sh", "release sandbox run -- sh -c")
    promised = re.findall(r"# exit code (\d+)$", example, re.MULTILINE)
    assert promised == ["0", "5", "0"]
    script = re.sub(r"# exit code \d+$", '; echo "exit code $?"', example, flags=re.MULTILINE)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    who = {
        f"GIT_{role}_{what}": "ana@acme.example"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }

    ran = subprocess.run(
        ["sh", "-c", script],
        cwd=repository,
        env={**os.environ, **who, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert re.findall(r"^exit code (\d+)$", ran.stdout, re.MULTILINE) == promised, ran.stdout + ran.stderr


@pytest.mark.parametrize("begins", ["from collections.abc", "from pathlib"])
def test_the_tests_of_the_page_pass(tmp_path: Path, begins: str) -> None:
    (tmp_path / "test_prices.py").write_text(block("python", begins), encoding="utf-8")

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_prices.py"],
        cwd=tmp_path,
        # What is installed beside ours would be loaded as well, for a second; the page asks for none of it.
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ran.returncode == 0 and "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_every_field_of_a_rule_is_described() -> None:
    described = [name for cells in rows("field") for name in re.findall(r"`(\w+)`", cells[0])]

    assert sorted(described) == sorted(field.name for field in fields(FaultRule))


def test_every_option_of_a_start_is_described() -> None:
    described = {re.sub(r"[`-]+", "_", cells[0].split()[0]).strip("_") for cells in rows("option")}

    assert {name.removesuffix("s") for name in described} == {
        field.name.removesuffix("s") for field in fields(StartOptions)
    }


def test_what_it_is_lenient_in_is_listed() -> None:
    expected = [[one.aws, one.sandbox, f"[{one.id}]({one.source})"] for one in LENIENCES]

    text = "\n".join(f"| {' | '.join(cells)} |" for cells in expected)
    assert rows("AWS") == expected, f"the table has to be:\n{text}"


def test_where_the_forge_is_not_github_is_listed() -> None:
    expected = [[one.github, one.forge, f"[{one.id}]({one.source})"] for one in FORGE_LENIENCES]

    assert rows("GitHub | forge | see") == expected
    assert len({one.id for one in FORGE_LENIENCES}) == len(FORGE_LENIENCES)
    assert all(one.source.startswith("https://docs.github.com/") for one in FORGE_LENIENCES)


def test_everything_that_the_forge_can_be_told_is_described() -> None:
    described = [
        name for cells in rows("of `sandbox.forge` | for") for name in re.findall(r"`(\w+)`", cells[0])
    ]
    public = {name for name in vars(Forge) if not name.startswith("_")}

    assert set(described) == public - {
        "addresses",
        "person",
    }  # said by `environment`, and an id for reviewers
