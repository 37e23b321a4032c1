import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from release.adapters.packaged import packaged_templates
from release.adapters.templates import CloudFormationTemplates
from release.build.documents import template_context
from release.errors import Misconfigured
from tests.build.fleet import TEMPLATE, service
from tests.infra.rendered import REPOSITORY, rendered, system

FILE = "services/orders/template.yaml.j2"
GOOD = """\
Parameters:
  AliasExists: {Type: String}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !Sub "x-${AWS::Region}"}
"""


def context() -> Mapping[str, Any]:
    return template_context(service(), "qa", "live")


def render(text: str, macros: Mapping[str, str] | None = None, own: Mapping[str, str] | None = None) -> str:
    templates = CloudFormationTemplates(macros or {})
    return templates.render(text, file=FILE, macros=own or {}, context=context())


def refusal(text: str, own: Mapping[str, str] | None = None) -> Misconfigured:
    with pytest.raises(Misconfigured) as refused:
        render(text, own=own)
    return refused.value


def test_a_template_knows_service_stage_alias_functions_and_settings() -> None:
    text = render(
        GOOD
        + "# {{ service.name }} {{ service.runtime }} {{ stage }} {{ alias }} {{ functions.api.name }}"
        + " {{ functions.api.handler }} {{ settings.memory }} {{ settings.environment.COLOUR }}\n"
    )
    assert text.splitlines()[-1] == (
        "# orders python3.13 qa live orders-qa orders.handler.handler 128 a-value-that-may-be-secret"
    )


def test_the_same_input_renders_the_same_text_in_every_process() -> None:
    code = (
        "import hashlib; from tests.adapters.test_templates import TEMPLATE, render;"
        "print(hashlib.sha256(render(TEMPLATE).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C", "PYTHONPATH": "."},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(digests) == 1


def test_the_macros_of_the_commit_win_over_those_of_the_tool() -> None:
    text = GOOD + '{% import "names.j2" as names %}# {{ names.who() }}\n'
    tool = {"names.j2": "{% macro who() %}tool{% endmacro %}"}
    own = {"names.j2": "{% macro who() %}commit{% endmacro %}"}
    assert "# tool" in render(text, tool)
    assert "# commit" in render(text, tool, own)


def test_the_tool_brings_macros_that_render_the_services_of_this_repository() -> None:
    for name in ("price-fetcher", "config-service"):
        assert "AWS::Lambda::Function" in rendered(*system(name, REPOSITORY))
    assert (packaged_templates() / "cloudformation").is_dir()


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("# {{ nothing }}", "'nothing' is undefined"),
        ("# {{ settings.memroy }}", "'dict object' has no attribute 'memroy'"),
        ("# {{ 1 / 0 }}", "ZeroDivisionError in the template: division by zero"),
        ("# {{ ''.__class__ }}", "SecurityError in the template: access to attribute '__class__' of 'str'"),
        ("# {{ stage", "unexpected end of template"),
        ("{% if %}{% endif %}", "Expected an expression, got 'end of statement block'"),
        ("# {{ [1] | random }}", "No filter named 'random'"),
        ("# {{ now() }}", "'now' is undefined"),
    ],
)
def test_a_mistake_points_at_the_line_of_the_template(line: str, cause: str) -> None:
    error = refusal(GOOD + line + "\n")
    assert cause in error.cause
    assert error.see == f"{FILE}:7"


FRAME = "{% block parameters %}{% endblock %}\nResources:\n{% block resources required %}{% endblock %}\n"
FRAMED = """\
{% extends "frame.j2" %}
{% set topic = "Topic" %}

{% block parameters %}
Parameters: {AliasExists: {Type: String}}
{% endblock %}
# between blocks
{% block resources %}
  {{ topic }}: {Type: AWS::SNS::Topic}
{% endblock %}
"""


@pytest.mark.parametrize(
    ("more", "line", "cause"),
    [
        ("\n{{ topic }}\n", 12, "this is in no block of frame.j2"),
        ("\n# a queue\n  Queue: {Type: AWS::SQS::Queue}\n", 13, "this is in no block of frame.j2"),
        ("{% block outptus %}\nOutputs: {}\n{% endblock %}\n", 11, "frame.j2 has no block outptus"),
    ],
)
def test_what_no_block_of_the_frame_takes_is_an_error_and_not_lost(more: str, line: int, cause: str) -> None:
    assert "Topic: {Type: AWS::SNS::Topic}" in render(FRAMED, {"frame.j2": FRAME})

    error = refusal(FRAMED + more, {"frame.j2": FRAME})

    assert error.cause.startswith(cause) and error.see == f"{FILE}:{line}"
    assert error.fix == "put it into one of its blocks: parameters, resources"


@pytest.mark.parametrize(
    ("name", "cause"), [("farme.j2", "there is no macro file"), (FILE, "without an end")]
)
def test_a_frame_that_cannot_be_is_named(name: str, cause: str) -> None:
    assert cause in refusal(f'{{% extends "{name}" %}}\n{{% block resources %}}{{% endblock %}}\n').cause


def test_a_missing_macro_file_is_named_with_the_line_that_wants_it() -> None:
    error = refusal(GOOD + '{% import "fucntion.j2" as f %}\n', {"function.j2": ""})
    assert error.cause == "there is no macro file 'fucntion.j2'"
    assert error.see == f"{FILE}:7"
    assert "function.j2" in error.fix


def test_a_mistake_in_a_macro_points_there_and_names_who_called() -> None:
    macro = "{% macro f() %}\n{{ nothing }}\n{% endmacro %}\n"
    error = refusal(GOOD + '{% import "m.j2" as m %}\n{{ m.f() }}\n', {"m.j2": macro})
    assert error.see == "templates/cloudformation/m.j2:2"
    assert error.details == (f"called from {FILE}:8",)


def test_a_macro_refuses_what_it_does_not_build() -> None:
    macro = "{% macro f() %}{{ refuse('settings.vpc: not built yet') }}{% endmacro %}"
    error = refusal(GOOD + '{% import "m.j2" as m %}\n{{ m.f() }}\n', {"m.j2": macro})
    assert error.cause == "settings.vpc: not built yet"
    assert error.see == "services/orders/service.yaml"


def test_a_template_that_includes_itself_ends() -> None:
    assert "without an end" in refusal(f'{{% include "{FILE}" %}}').cause


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD + "  - broken\n", 7),
        ("{% set a = 1 %}\n{% for x in [1, 2, 3] %}\n# {{ x }}\n{% endfor %}\n" + GOOD + "  - broken\n", 11),
        (GOOD + "{% if true %}\n  - {{ stage }}\n{% endif %}\n", 8),
    ],
)
def test_text_that_is_no_yaml_points_at_the_line_of_the_template(text: str, line: int) -> None:
    error = refusal(text)
    assert "not YAML" in error.cause
    assert error.see == f"{FILE}:{line}"


def test_yaml_that_a_macro_breaks_points_at_the_call() -> None:
    macro = "{% macro f() %}\n  - broken\n{% endmacro %}\n"
    error = refusal(GOOD + '{% import "m.j2" as m %}\n{{ m.f() }}\n', {"m.j2": macro})
    assert error.see == f"{FILE}:8"


def test_text_of_an_inherited_frame_keeps_its_place() -> None:
    frame = "Parameters: {AliasExists: {Type: String}}\nResources:\n{% block resources %}{% endblock %}\n"
    child = '{% extends "frame.j2" %}\n{% block resources %}\n  X:\n    Type: AWS::Lambda::Alias\n'
    child += "{% endblock %}\n"
    assert refusal(child, {"frame.j2": frame}).see == f"{FILE}:4"


@pytest.mark.parametrize("kind", ["AWS::Lambda::Alias", "AWS::Lambda::Version"])
def test_what_belongs_to_release_may_not_be_in_a_stack(kind: str) -> None:
    error = refusal(GOOD + f"  Mine:\n    Type: {kind}\n")
    assert error.details == (f"{FILE}:8: Mine is an {kind}, which release alone may own",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no mapping Resources"),
        ("[]\n", "no mapping Resources"),
        ("Parameters: {AliasExists: {Type: String}}\nResources: {}\n", "no mapping Resources"),
        ("Resources: {X: {Type: A}}\n", "lacks the parameter AliasExists"),
        (GOOD + "  Y: {Properties: {}}\n", "the resource Y has no Type"),
        (GOOD + "  Topic: {Type: A}\n", "Topic stands there twice"),
        (GOOD + "#" * 51_200, "CloudFormation takes 51,200 inline"),
    ],
)
def test_a_template_that_cannot_be_rolled_out_is_refused(text: str, problem: str) -> None:
    assert any(problem in detail for detail in refusal(text).details)


def test_a_template_of_all_functions_is_fine() -> None:
    assert "FunctionName: orders-qa" in render(TEMPLATE)
