"""`release infra`: templates of commits, rendered, linted and compared, as its callers see them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Ran
from tests.cli.worlds import FILES, FLEET, SERVICE, TEMPLATE, Fleet

TABLE = """\
  Prices:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      TableName: "NAME-{{ stage }}"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
"""
TEMPLATE_J2 = "services/orders/template.yaml.j2"
YAML = "services/orders/service.yaml"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet.with_files(tmp_path / "fleet", FILES)


@pytest.fixture
def infra(fleet: Fleet, cli: Cli) -> Callable[..., Ran]:
    return lambda *words: cli("infra", *words, at=fleet.clone)


Infra = Callable[..., Ran]


def compared(infra: Infra, *words: str) -> dict[str, Any]:
    ran = infra("diff", "--base", "HEAD~1", *words, "--json")
    assert ran.code == 0, ran.err
    document: dict[str, Any] = json.loads(ran.out)
    return document


def entries(document: dict[str, Any], stage: str) -> list[tuple[str, str]]:
    (stack,) = [one for one in document["stacks"] if one["stage"] == stage]
    return [(one["action"], one["name"]) for one in stack["entries"]]


# -- render


def test_a_template_is_rendered_for_a_stage_as_the_commit_has_it(fleet: Fleet, infra: Infra) -> None:
    fleet.write({TEMPLATE_J2: "not: committed\n"})

    ran = infra("render", "orders", "--stage", "qa")

    assert ran.code == 0
    assert ran.out == TEMPLATE.replace("{{ functions.api.name }}", "orders-qa")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "ordres", "--stage", "qa"), "there is no service ordres"),
        (("render", "orders", "--stage", "qaa"), "no stage qaa"),
        (("diff", "--base", "nowhere"), "nowhere"),
        (("diff", "--base", "HEAD", "ordres"), "there is no service ordres"),
        (("diff", "--base", "HEAD", "--stage", "qaa"), "no stage qaa"),
        (("diff", "--base", "HEAD", "--json", "--markdown"), "exclude each other"),
        (("lint", "ordres"), "there is no service ordres"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_said_with_what_there_is(
    words: tuple[str, ...], says: str, infra: Infra
) -> None:
    ran = infra(*words)

    assert ran.code == 2 and says in ran.err and "fix: " in ran.err


@pytest.mark.parametrize(
    "words",
    [("render", "fresh", "--stage", "qa"), ("diff", "--base", "HEAD", "fresh"), ("lint", "fresh")],
    ids=" ".join,
)
def test_a_service_that_is_in_the_work_tree_alone_is_said_to_lack_its_commit(
    words: tuple[str, ...], fleet: Fleet, infra: Infra
) -> None:
    fleet.write({"services/fresh/service.yaml": "team: backend\n"})

    ran = infra(*words)

    assert ran.code == 2 and "error: services/fresh is not in that commit" in ran.err
    assert "fix: commit it: git add services/fresh && git commit" in ran.err


# -- diff


def test_a_change_of_code_is_no_difference_of_stacks(fleet: Fleet, infra: Infra) -> None:
    fleet.commit(
        "feat: code", {"services/orders/orders/handler.py": "def handler(e, c):\n    return {1: 2}\n"}
    )

    assert compared(infra)["stacks"] == []


def test_a_setting_of_one_stage_differs_in_that_stage_alone(fleet: Fleet, infra: Infra) -> None:
    fleet.commit(
        "feat: memory", {TEMPLATE_J2: TEMPLATE.replace('}"}', '}", MemorySize: {{ settings.memory }}}')}
    )
    fleet.commit("feat: more in uat", {YAML: f"{SERVICE}settings: {{uat: {{memory: 512}}}}\n"})

    (stack,) = compared(infra)["stacks"]
    assert (stack["stage"], stack["regions"]) == ("uat", ["us-east-1"])
    assert stack["entries"][0]["changes"] == [
        {"path": "Properties.MemorySize", "before": "128", "after": "512", "replacement": "no"}
    ]


def test_a_renamed_table_is_a_replacement_that_loses_its_data(fleet: Fleet, infra: Infra) -> None:
    fleet.commit("feat: table", {TEMPLATE_J2: TEMPLATE + TABLE})
    fleet.commit("feat: rename", {TEMPLATE_J2: TEMPLATE + TABLE.replace("NAME", "other")})

    ran = infra("diff", "--base", "HEAD~1")
    assert "± Prices  AWS::DynamoDB::Table  (replaced, and its data is lost)" in ran.out
    assert "TableName  NAME-{stage} → other-{stage}  replaces the resource" in ran.out
    assert "orders in dev, qa, uat" in ran.out, "stages that differ alike are shown once"
    shown = infra("diff", "--base", "HEAD~1", "--markdown").out
    assert "**Prices (AWS::DynamoDB::Table) is replaced, and its data is lost**" in shown.replace("\\", "")


def test_what_differs_in_form_alone_is_said_to(fleet: Fleet, infra: Infra) -> None:
    lines = TEMPLATE.splitlines(keepends=True)
    fleet.commit("style: comment", {TEMPLATE_J2: "# why\n" + "".join(lines)})

    document = compared(infra, "--stage", "dev")
    assert [stack["entries"] for stack in document["stacks"]] == [[]]
    assert "only comments, order or ways of writing differ" in infra("diff", "--base", "HEAD~1").out


def test_a_new_service_is_a_new_stack_and_one_that_is_gone_is_left_alone(fleet: Fleet, infra: Infra) -> None:
    new = {path.replace("orders", "sales"): text.replace("orders", "sales") for path, text in FILES.items()
           if path.startswith("services/")}  # fmt: skip
    fleet.git("rm", "-r", "--quiet", "services/orders")
    fleet.commit("feat: sales for orders", new)

    document = compared(infra)
    assert [(one["service"], one["new"]) for one in document["stacks"]] == [("sales", True)] * 3
    assert document["notes"] == ["orders is gone: release leaves its stacks alone"]


def test_a_stage_that_comes_has_new_stacks_and_one_that_goes_is_left_alone(
    fleet: Fleet, infra: Infra
) -> None:
    at = FLEET.index("  - {name: uat")
    fleet.commit(
        "feat: trial for uat",
        {"pipelines/fleet.yaml": FLEET[:at] + FLEET[at:].replace("uat, ch", "trial, environment: uat, ch")},
    )

    document = compared(infra)
    assert [(one["stage"], one["new"]) for one in document["stacks"]] == [("trial", True)]
    assert document["notes"] == ["the stage uat is gone: release leaves its stacks alone"]


def test_a_base_that_cannot_be_rendered_is_shown_as_nothing(fleet: Fleet, infra: Infra) -> None:
    fleet.commit("feat: broken", {TEMPLATE_J2: "{{ nobody }}"})
    fleet.commit("fix: mended", {TEMPLATE_J2: TEMPLATE})

    assert entries(compared(infra), "dev") == [("add", "Function"), ("add", "AliasExists")]


def test_a_head_that_cannot_be_rendered_is_an_error_with_its_line(fleet: Fleet, infra: Infra) -> None:
    fleet.commit("feat: broken", {TEMPLATE_J2: "Resources:\n  A: {{ nobody }}\n"})

    ran = infra("diff", "--base", "HEAD~1")
    assert ran.code == 2
    assert f"see: {TEMPLATE_J2}:2" in ran.err


def test_no_value_can_break_out_of_the_comment(fleet: Fleet, infra: Infra) -> None:
    evil = "~~~~\\n</details> @everyone ```"
    fleet.commit("feat: evil", {TEMPLATE_J2: f'Description: "{evil}"\n{TEMPLATE}'})

    text = infra("diff", "--base", "HEAD~1", "--markdown", "--stage", "dev").out
    assert text.count("</details>") == 2 and text.rstrip().endswith("~~~\n\n</details>")
    assert "@everyone" in text.split("~~~diff\n")[1].split("\n~~~\n")[0], "inside the block nobody is called"


def test_no_name_can_move_the_cursor_or_begin_a_line(fleet: Fleet, infra: Infra) -> None:
    evil = r'{Outputs: {"a\u001b[2J\n~~~~~": {Value: "1"}}}'
    key = evil[evil.index('"a') : evil.index(": {Value")]
    fleet.commit("feat: evil", {TEMPLATE_J2: f"{TEMPLATE}Outputs:\n  {key}: {{Value: x}}\n"})

    for words in ((), ("--markdown",)):
        out = infra("diff", "--base", "HEAD~1", "--stage", "dev", *words).out
        assert r"Outputs a\x1b[2J\n~~~~~" in out and "\x1b" not in out


def test_a_comment_is_never_longer_than_github_takes(fleet: Fleet, infra: Infra) -> None:
    lines = (f"  Topic{number}Z: {{Type: AWS::SNS::Topic}}\n" for number in range(1200))
    many = "{% set many %}\n" + "".join(lines) + '{% endset %}\n{{ many | replace("Z", stage) }}'
    fleet.commit("feat: many", {TEMPLATE_J2: TEMPLATE + many})

    text = infra("diff", "--base", "HEAD~1", "--markdown").out
    assert len(text) < 65_536
    assert "2 more stacks differ" in text


# -- lint


def test_a_finding_points_at_the_line_of_the_template(
    fleet: Fleet, infra: Infra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    bad = TEMPLATE.replace(
        'Default: "false"}', 'Default: "false"}\n  {# of nobody #}\n  Unused: {Type: Text}'
    )
    fleet.commit("feat: bad", {TEMPLATE_J2: bad})

    ran = infra("lint", "--stage", "dev")

    assert ran.code == 3
    assert f"::error file={TEMPLATE_J2},line=4,title=E2002 of orders::" in ran.err
    assert f"{TEMPLATE_J2}:4: E2002" in ran.out.replace("\n", "")
    assert f"see: {TEMPLATE_J2}:" in ran.err


def test_only_templates_that_a_change_touches_are_linted(fleet: Fleet, infra: Infra) -> None:
    fleet.commit(
        "feat: code", {"services/orders/orders/handler.py": "def handler(e, c):\n    return {1: 2}\n"}
    )

    assert "0 templates, 0 findings" in infra("lint", "--base", "HEAD~1").out
