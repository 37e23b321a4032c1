"""How fast AWS lets one account and region call, and how late it says what was measured."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from release.sandbox.session import Sandbox
from tests.contract.conftest import make_client
from tests.contract.planes import NAME, SandboxPlane, create
from tests.contract.sources import source

pytestmark = pytest.mark.xdist_group("limits of a sandbox")  # or each worker would start its sandbox
QUOTAS = "lambda/latest/dg/gettingstarted-limits.html"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Limits as in an account of AWS, a measure that is visible after half a second."""
    with Sandbox.start(settle_seconds=0.02, rate_limit=15.0, metric_lag_seconds=0.5) as started:
        yield started


@pytest.fixture
def plane(sandbox: Sandbox, session: boto3.session.Session, account: str) -> SandboxPlane:
    return SandboxPlane(make_client(session, sandbox.endpoint, account))


@source(QUOTAS)
def test_control_calls_share_fifteen_a_second_and_the_rest_is_told_when_to_come_back(
    plane: SandboxPlane,
) -> None:
    create(plane)
    refusals = []
    for _ in range(40):
        try:
            plane.functions.get_function_configuration(FunctionName=NAME)
        except ClientError as error:
            refusals.append(error.response)
    assert refusals
    first = refusals[0]
    assert first["Error"]["Code"] == "TooManyRequestsException"
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert float(first["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) > 0


@source(QUOTAS)
def test_get_function_and_invoke_do_not_draw_on_them(plane: SandboxPlane) -> None:
    create(plane)
    for _ in range(40):
        plane.functions.get_function(FunctionName=NAME)
    for _ in range(20):
        plane.functions.invoke(FunctionName=NAME)


def calls_taken(functions: Any) -> int:
    taken = 0
    for _ in range(20):
        try:
            functions.list_functions()
            taken += 1
        except ClientError as error:
            assert error.response["Error"]["Code"] == "TooManyRequestsException"
    return taken


@source(QUOTAS)
def test_every_account_and_every_region_has_limits_of_its_own(
    sandbox: Sandbox, session: boto3.session.Session, account: str
) -> None:
    client = make_client(session, sandbox.endpoint, account)
    for _ in range(10):  # until it is used up, however slow this machine is
        if calls_taken(client("lambda")) < 20:
            break
    else:
        pytest.fail("nothing was refused")
    assert calls_taken(client("lambda", "us-west-2")) >= 15
    assert calls_taken(client("lambda", account=str(int(account) + 500_000))) >= 15


@source(QUOTAS)
def test_a_refused_call_has_no_effect(plane: SandboxPlane) -> None:
    create(plane)
    taken = 0
    for number in range(40):
        try:
            plane.functions.create_alias(FunctionName=NAME, Name=f"a{number}", FunctionVersion="$LATEST")
            taken += 1
        except ClientError as error:
            assert error.response["Error"]["Code"] == "TooManyRequestsException"
    time.sleep(0.5)
    assert taken < 40
    assert len(plane.functions.list_aliases(FunctionName=NAME)["Aliases"]) == taken


@source("lambda/latest/dg/monitoring-metrics-view.html")
def test_what_is_measured_is_seen_later(plane: SandboxPlane, sandbox: Sandbox) -> None:
    session = boto3.session.Session()
    account = plane.role().split(":")[4]
    cloudwatch = make_client(session, sandbox.endpoint, account)("cloudwatch")
    create(plane)
    began = datetime.now(UTC)
    plane.functions.invoke(FunctionName=NAME)

    def seen() -> int:
        return len(
            cloudwatch.get_metric_statistics(
                Namespace="AWS/Lambda",
                MetricName="Invocations",
                Dimensions=[{"Name": "FunctionName", "Value": NAME}],
                StartTime=began - timedelta(minutes=2),
                EndTime=began + timedelta(minutes=2),
                Period=60,
                Statistics=["Sum"],
            )["Datapoints"]
        )

    assert seen() == 0
    time.sleep(0.8)
    assert seen() == 1
