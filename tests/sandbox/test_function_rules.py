"""What Lambda does not take as a function: roles, runtimes, limits, environments and zips."""

import io
import urllib.request
import zipfile
from typing import Any

import pytest

from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, execution_role, refused, settled, trust, zipped
from tests.sandbox.conftest import Client

NOT_ASSUMED = "The role defined for the function cannot be assumed by Lambda."
OUT_OF_LIMITS = [
    ({"Timeout": 901}, "Value '901' at 'timeout'", "less than or equal to 900"),
    ({"MemorySize": 10241}, "Value '10241' at 'memorySize'", "less than or equal to 10240"),
    ({"Handler": "app handler"}, "Value 'app handler' at 'handler'", "regular expression"),
]


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


def wanted(functions: Any, account: str, **settings: Any) -> dict[str, Any]:
    """Parameters of CreateFunction that are right, but for `settings`."""
    return {
        "FunctionName": "orders",
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Role": execution_role(functions.meta.endpoint_url, account),
        "Code": {"ZipFile": zipped(ECHO % 1)},
        **settings,
    }


def names(functions: Any) -> list[str]:
    return [one["FunctionName"] for one in functions.list_functions()["Functions"]]


def test_a_role_that_does_not_exist_is_refused(functions: Any, account: str) -> None:
    role = f"arn:aws:iam::{account}:role/none"
    answer = refused(functions.create_function, **wanted(functions, account, Role=role))
    assert answer == ("InvalidParameterValueException", 400, NOT_ASSUMED)
    assert names(functions) == []

    before = create_function(functions, account, ECHO % 1)
    answer = refused(functions.update_function_configuration, FunctionName="orders", Role=role)
    assert answer == ("InvalidParameterValueException", 400, NOT_ASSUMED)
    assert settled(functions, "orders")["RevisionId"] == before["RevisionId"]


@pytest.mark.parametrize("deny", [False, True], ids=["another service", "denied"])
def test_a_role_that_lambda_may_not_assume_is_refused(
    client: Client, functions: Any, account: str, deny: bool
) -> None:
    policy = trust("ec2.amazonaws.com")
    if deny:
        policy = trust("lambda.amazonaws.com").replace('"Allow"', '"Deny"')
    role = client("iam").create_role(RoleName="other", AssumeRolePolicyDocument=policy)["Role"]["Arn"]

    answer = refused(functions.create_function, **wanted(functions, account, Role=role))
    assert answer == ("InvalidParameterValueException", 400, NOT_ASSUMED)


def test_a_role_that_lets_several_services_in_is_taken(client: Client, functions: Any, account: str) -> None:
    policy = trust("lambda.amazonaws.com").replace(
        '"lambda.amazonaws.com"', '["edgelambda.amazonaws.com", "lambda.amazonaws.com"]'
    )
    role = client("iam").create_role(
        RoleName="shared", Path="/service-role/", AssumeRolePolicyDocument=policy
    )["Role"]["Arn"]

    assert functions.create_function(**wanted(functions, account, Role=role))["Role"] == role
    # the path belongs to the ARN
    without_path = f"arn:aws:iam::{account}:role/shared"
    settled(functions, "orders")
    answer = refused(functions.update_function_configuration, FunctionName="orders", Role=without_path)
    assert answer[2] == NOT_ASSUMED


def test_a_role_of_another_account_is_not_passed(functions: Any, account: str, sandbox: Sandbox) -> None:
    role = execution_role(sandbox.endpoint, "123412341234")
    answer = refused(functions.create_function, **wanted(functions, account, Role=role))
    assert answer == ("AccessDeniedException", 403, "Cross-account pass role is not allowed.")


def test_what_is_no_arn_of_a_role_is_refused(functions: Any, account: str) -> None:
    code, status, message = refused(functions.create_function, **wanted(functions, account, Role="function"))
    assert (code, status) == ("ValidationException", 400)
    assert message.startswith("1 validation error detected: Value 'function' at 'role' failed to satisfy")


def test_an_unknown_runtime_is_refused_with_those_there_are(functions: Any, account: str) -> None:
    for runtime in ("python3.99", "Python3.13", "nodejs"):
        answer = wanted(functions, account, Runtime=runtime)
        if runtime == "nodejs":  # long gone, and still a name that the API knows
            assert functions.create_function(**answer)["Runtime"] == runtime
            continue
        code, status, message = refused(functions.create_function, **answer)
        assert (code, status) == ("InvalidParameterValueException", 400)
        assert message.startswith(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: "
            "Member must satisfy enum value set: ["
        )
        assert "python3.13" in message and "nodejs22.x" in message

    settled(functions, "orders")
    code, _, _ = refused(functions.update_function_configuration, FunctionName="orders", Runtime="python3.99")
    assert code == "InvalidParameterValueException"


@pytest.mark.parametrize("missing", ["Runtime", "Handler"])
def test_a_zip_needs_runtime_and_handler(functions: Any, account: str, missing: str) -> None:
    given = wanted(functions, account)
    del given[missing]
    code, status, message = refused(functions.create_function, **given)
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert "Runtime and Handler are mandatory" in message


@pytest.mark.parametrize(("settings", "what", "rule"), OUT_OF_LIMITS)
def test_settings_stay_within_their_limits(
    functions: Any, account: str, settings: dict[str, Any], what: str, rule: str
) -> None:
    for call, given in (
        (functions.create_function, wanted(functions, account, **settings)),
        (functions.update_function_configuration, {"FunctionName": "orders", **settings}),
    ):
        code, status, message = refused(call, **given)
        assert (code, status) == ("ValidationException", 400)
        assert what in message and rule in message
        if call == functions.create_function:
            create_function(functions, account, ECHO % 1)


@pytest.mark.parametrize(("size", "taken"), [(4096, True), (4097, False)])
def test_environment_variables_have_four_kilobytes_together(
    functions: Any, account: str, size: int, taken: bool
) -> None:
    value = "x" * (size - len('{"LIST":""}'))
    given = wanted(functions, account, Environment={"Variables": {"LIST": value}})
    if taken:
        assert functions.create_function(**given)["Environment"]["Variables"]["LIST"] == value
        return
    code, status, message = refused(functions.create_function, **given)
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert message.startswith(
        "Lambda was unable to configure your environment variables because the environment variables "
        "you have provided exceeded the 4KB limit."
    )


def test_variables_that_lambda_sets_itself_are_refused(functions: Any, account: str) -> None:
    create_function(functions, account, ECHO % 1)
    code, status, message = refused(
        functions.update_function_configuration,
        FunctionName="orders",
        Environment={"Variables": {"AWS_REGION": "eu-west-1", "STAGE": "qa"}},
    )
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert message.endswith("Reserved keys used in this request: AWS_REGION")


def test_code_that_is_no_zip_changes_nothing(functions: Any, account: str) -> None:
    no_zip = b"def handler(event, context): pass\n"
    message = "Could not unzip uploaded file. Please check your file, then try to upload again."
    refusal = ("InvalidParameterValueException", 400, message)

    assert (
        refused(functions.create_function, **wanted(functions, account, Code={"ZipFile": no_zip})) == refusal
    )
    before = create_function(functions, account, ECHO % 1)
    update = {"FunctionName": "orders", "ZipFile": no_zip, "Architectures": ["arm64"]}
    for dry in (True, False):
        assert refused(functions.update_function_code, DryRun=dry, **update) == refusal
    after = settled(functions, "orders")
    assert (after["RevisionId"], after["Architectures"]) == (before["RevisionId"], ["x86_64"])


def test_a_zip_that_unpacks_to_more_than_lambda_holds_is_refused(functions: Any, account: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as member:
        for _ in range(251):
            member.write(bytes(1024 * 1024))
    answer = refused(
        functions.create_function, **wanted(functions, account, Code={"ZipFile": packed.getvalue()})
    )
    assert answer == (
        "InvalidParameterValueException",
        400,
        "Unzipped size must be smaller than 262144000 bytes",
    )


@pytest.mark.parametrize(
    ("size_bytes", "code", "status", "message"),
    [
        (
            *(50 * 1024 * 1024 + 1, "InvalidParameterValueException", 400),
            "Zipped size must be smaller than 52428800 bytes",
        ),
        (
            *(54 * 1024 * 1024, "RequestEntityTooLargeException", 413),
            "Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation",
        ),
    ],
)
def test_more_than_fifty_megabytes_go_through_s3(
    functions: Any, account: str, size_bytes: int, code: str, status: int, message: str
) -> None:
    create_function(functions, account, ECHO % 1)
    answer = refused(functions.update_function_code, FunctionName="orders", ZipFile=bytes(size_bytes))
    assert answer == (code, status, message)


def test_creating_and_publishing_answers_the_first_version(functions: Any, account: str) -> None:
    answer = functions.create_function(**wanted(functions, account, Publish=True))

    assert (answer["Version"], answer["State"]) == ("1", "Pending")
    assert answer["FunctionArn"].endswith(":function:orders:1")
    version = settled(functions, "orders", "1")
    assert version["FunctionArn"] == answer["FunctionArn"]
    latest = settled(functions, "orders")
    assert latest["FunctionArn"].endswith(":function:orders")
    assert version["RevisionId"] != latest["RevisionId"]
    assert functions.publish_version(FunctionName="orders")["Version"] == "1"  # nothing has changed


def test_the_link_to_the_code_leads_to_the_version_that_was_asked_for(
    functions: Any, account: str, sandbox: Sandbox
) -> None:
    create_function(functions, account, ECHO % 1)
    functions.publish_version(FunctionName="orders")
    settled(functions, "orders", "1")
    functions.update_function_code(FunctionName="orders", ZipFile=zipped(ECHO % 2))
    settled(functions, "orders")
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")

    for qualifier, release in (("1", 1), ("live", 1), ("$LATEST", 2)):
        found = functions.get_function(FunctionName="orders", Qualifier=qualifier)
        assert found["Code"]["Location"].startswith(sandbox.endpoint)
        assert downloaded(found["Code"]["Location"]) == zipped(ECHO % release)


def downloaded(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=10) as answer:
        body: bytes = answer.read()
    return body
