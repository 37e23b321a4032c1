"""What the Lambda adapter does when AWS throttles, answers late, answers nothing or lets us not in."""

import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release.adapters.aws import Aws
from release.adapters.aws.errors import retry_after
from release.adapters.lambda_functions import LambdaFunctions
from release.core.models import Place
from release.core.snapshot import AliasFacts
from release.errors import ForeignChange, Misconfigured, RolloutFailed, Unavailable
from release.sandbox.session import Sandbox
from tests.adapters.aws_worlds import NAME, SandboxWorld, live, released, zipped

HERE = Place("111111111111", "us-east-1")
LOST: dict[str, Any] = {
    "service": "lambda",
    "when": "after",
    "status": 500,
    "code": "ServiceException",
    "times": 1,
}
UPDATE_CODE: dict[str, Any] = {"method": "PUT", "path": r"/code"}
PUBLISH: dict[str, Any] = {"method": "POST", "path": r"/versions"}
CREATE_ALIAS: dict[str, Any] = {"method": "POST", "path": r"/aliases"}
UPDATE_ALIAS: dict[str, Any] = {"method": "PUT", "path": r"/aliases/live"}


@pytest.fixture
def world(account: str, tmp_path: Path) -> SandboxWorld:
    return SandboxWorld(account, tmp_path)


def writes(sandbox: Sandbox) -> list[str]:
    """Method and path of every changing call to Lambda since they were forgotten."""
    return [
        f"{call['method']} {re.sub(r'^/[-0-9]+/functions', '', call['path'])}"
        for call in sandbox.calls()
        if call["service"] == "lambda" and call["method"] != "GET"
    ]


def test_a_throttled_write_is_sent_again_until_it_is_taken(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    first, second = released(world, tmp_path, 1), released(world, tmp_path, 2)
    created = live(world, first)
    sandbox.faults(
        [
            {
                **UPDATE_ALIAS,
                "status": 429,
                "code": "TooManyRequestsException",
                "times": 2,
                "retry_after": 0.01,
                "message": "Rate exceeded",
            }
        ]
    )

    moved = world.functions.update_alias(
        world.place, NAME, "live", lambda_version=second, revision=created.revision, description="x"
    )
    assert moved.lambda_version == second
    assert len(sandbox.fired()) == 2


def test_a_throttled_read_is_sent_again(sandbox: Sandbox, world: SandboxWorld) -> None:
    sandbox.faults(
        [
            {
                "service": "lambda",
                "method": "GET",
                "status": 429,
                "code": "TooManyRequestsException",
                "times": 2,
                "retry_after": 0.01,
            }
        ]
    )
    assert world.functions.function(world.place, NAME) is not None
    assert len(sandbox.fired()) == 2


def test_an_endless_throttle_is_unavailable(sandbox: Sandbox, account: str, tmp_path: Path) -> None:
    SandboxWorld(account, tmp_path)
    now = [0.0]
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    functions = LambdaFunctions(Aws(clock=lambda: now[0], sleep=sleep))
    sandbox.faults([{"path": "/aliases", "status": 429, "code": "TooManyRequestsException"}])
    with pytest.raises(Unavailable, match="throttled us while reading alias live of orders"):
        functions.alias(Place(account, "us-east-1"), NAME, "live")
    assert len(sandbox.fired()) == 8
    assert 5 < sum(slept) < 60


def test_after_a_throttle_nobody_calls_before_the_time_that_aws_has_named(
    sandbox: Sandbox, account: str, tmp_path: Path
) -> None:
    SandboxWorld(account, tmp_path)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    functions = LambdaFunctions(Aws(clock=lambda: now[0], sleep=sleep))
    place = Place(account, "us-east-1")
    throttle = {"path": "/aliases", "status": 429, "code": "TooManyRequestsException", "retry_after": 7}
    sandbox.faults([{**throttle, "times": 1}])
    assert functions.alias(place, NAME, "live") is None
    assert len(sandbox.fired()) == 1
    assert now[0] == pytest.approx(7.0, abs=0.2)

    before = now[0]
    sandbox.faults([{**throttle, "times": 1}])
    with functions.undoing():
        assert functions.alias(place, NAME, "live") is None  # an undo waits as well: AWS would refuse it
    assert now[0] - before == pytest.approx(7.0, abs=0.2)
    before = now[0]
    assert functions.function(place, NAME) is not None  # another quota: nobody asked us to stay away from it
    assert now[0] == before


@pytest.mark.parametrize(("said", "seconds"), [("3", 3.0), ("7200", 60.0), ("soon", None), (None, None)])
def test_what_aws_asks_us_to_wait_is_honoured_up_to_a_minute(said: str | None, seconds: float | None) -> None:
    headers = {} if said is None else {"retry-after": said}
    answer: Any = {
        "Error": {"Code": "TooManyRequestsException"},
        "ResponseMetadata": {"HTTPHeaders": headers},
    }
    assert retry_after(ClientError(answer, "GetAlias")) == seconds


def test_a_version_is_published_once_when_the_response_is_lost(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    sandbox.faults([{**LOST, **PUBLISH}])
    version = released(world, tmp_path, 1)

    assert len(sandbox.fired()) == 1
    assert [facts.lambda_version for facts in world.functions.versions(world.place, NAME)] == [version]


def test_a_publish_that_never_arrived_is_sent_again(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    sandbox.faults([{**LOST, **PUBLISH, "when": "before"}])
    version = released(world, tmp_path, 1)

    assert len(sandbox.fired()) == 1
    assert [facts.lambda_version for facts in world.functions.versions(world.place, NAME)] == [version]


def test_an_old_version_of_the_same_code_is_not_taken_for_the_lost_one(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    first = released(world, tmp_path, 1)
    world.somebody_changes_the_function()
    sandbox.faults([{**LOST, **PUBLISH, "when": "before"}])
    latest = world.functions.settled(world.place, NAME)

    second = world.functions.publish(
        world.place, NAME, code=latest.code, revision=latest.revision, description="release 1"
    )
    assert second != first
    assert len(world.functions.versions(world.place, NAME)) == 2


def test_code_is_updated_once_when_the_response_is_lost(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    latest = world.functions.settled(world.place, NAME)
    code, digest = zipped(tmp_path, 1)
    sandbox.forget_calls()
    sandbox.faults([{**LOST, **UPDATE_CODE}])

    world.functions.update_code(world.place, NAME, code, digest=digest, revision=latest.revision)
    assert world.functions.settled(world.place, NAME).code == digest
    assert writes(sandbox) == [f"PUT /{NAME}/code"]


def test_an_alias_moves_once_when_the_response_is_lost(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    first, second = released(world, tmp_path, 1), released(world, tmp_path, 2)
    sandbox.forget_calls()
    sandbox.faults([{**LOST, **CREATE_ALIAS}, {**LOST, **UPDATE_ALIAS}])

    created = live(world, first)
    moved = world.functions.update_alias(
        world.place, NAME, "live", lambda_version=second, revision=created.revision, description="ours"
    )
    assert moved == world.functions.alias(world.place, NAME, "live")
    assert (moved.lambda_version, moved.description) == (second, "ours")
    assert writes(sandbox) == [f"POST /{NAME}/aliases", f"PUT /{NAME}/aliases/live"]


def test_a_lost_move_that_somebody_overwrote_is_theirs(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    first, second = released(world, tmp_path, 1), released(world, tmp_path, 2)
    created = live(world, first)
    world.somebody_moves_the_alias("live", second)
    theirs = world.functions.alias(world.place, NAME, "live")
    sandbox.faults([{**LOST, **UPDATE_ALIAS, "when": "before"}])

    # The first try is lost before any effect; the second meets 412, and what is there is not what we sent.
    with pytest.raises(ForeignChange, match="by hand"):
        world.functions.update_alias(
            world.place, NAME, "live", lambda_version=second, revision=created.revision, description="ours"
        )
    assert world.functions.alias(world.place, NAME, "live") == theirs


def test_an_update_waits_for_one_that_is_under_way(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    latest = world.functions.settled(world.place, NAME)
    code, digest = zipped(tmp_path, 1)
    sandbox.faults([{**UPDATE_CODE, "status": 409, "code": "ResourceConflictException", "times": 1}])

    world.functions.update_code(world.place, NAME, code, digest=digest, revision=latest.revision)
    assert world.functions.settled(world.place, NAME).code == digest
    assert len(sandbox.fired()) == 1


def test_an_invocation_that_takes_too_long_is_unavailable_and_not_repeated(
    sandbox: Sandbox, world: SandboxWorld, tmp_path: Path
) -> None:
    version = released(world, tmp_path, 1)
    sandbox.faults([{"path": "/invocations", "hang": True}])

    with pytest.raises(Unavailable, match=f"invoking {NAME}:{version}"):
        world.functions.invoke(world.place, NAME, version, b"{}", timeout=-4)
    assert len(sandbox.fired()) == 1


def test_a_throttled_invocation_is_unavailable(sandbox: Sandbox, world: SandboxWorld, tmp_path: Path) -> None:
    version = released(world, tmp_path, 1)
    sandbox.faults([{"path": "/invocations", "status": 429, "code": "TooManyRequestsException"}])

    with pytest.raises(Unavailable, match="throttled"):
        world.functions.invoke(world.place, NAME, version, b"{}", timeout=5)


def test_nothing_listening_is_unavailable_within_seconds(
    monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    started = time.monotonic()

    with pytest.raises(Unavailable, match="cannot be reached") as failure:
        LambdaFunctions(Aws()).function(HERE, NAME)
    assert failure.value.exit_code == 4
    assert time.monotonic() - started < 5


def test_an_endpoint_that_is_no_url_is_misconfigured(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost")
    with pytest.raises(Misconfigured, match="localhost") as failure:
        LambdaFunctions(Aws()).function(HERE, NAME)
    assert "AWS_ENDPOINT_URL" in failure.value.fix


def test_no_credentials_are_misconfigured(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    role = Place(HERE.account, HERE.region, "arn:aws:iam::111111111111:role/deploy")
    functions = LambdaFunctions(Aws())
    for ask in (
        lambda: functions.function(HERE, NAME),
        lambda: functions.account(HERE),
        lambda: functions.account(role),
        lambda: functions.invoke(role, NAME, "live", b"{}", timeout=5),
    ):
        with pytest.raises(Misconfigured, match="no valid AWS credentials") as failure:
            ask()
        assert failure.value.exit_code == 2
        assert "AWS_PROFILE" in failure.value.fix


def test_a_profile_that_does_not_exist_is_misconfigured(
    monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(Misconfigured, match="nobody"):
        LambdaFunctions(Aws()).account(HERE)


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (403, "ExpiredTokenException", "no valid AWS credentials"),
        (403, "UnrecognizedClientException", "no valid AWS credentials"),
        (403, "AccessDeniedException", "access denied while reading function orders"),
        (400, "InvalidParameterValueException", "AWS refused reading function orders"),
    ],
)
def test_what_aws_refuses_names_what_we_did_and_where(
    sandbox: Sandbox, world: SandboxWorld, status: int, code: str, says: str
) -> None:
    sandbox.faults([{"service": "lambda", "status": status, "code": code, "message": "because"}])
    with pytest.raises(Misconfigured, match=rf"{says}.*{world.place.account}, us-east-1\): because"):
        world.functions.function(world.place, NAME)


def test_a_role_is_assumed_when_we_are_somebody_else(sandbox: Sandbox, account: str) -> None:
    there = str(int(account) + 10_000)
    sandbox.provision(
        environments=[("prod", ("us-east-1",), f"arn:aws:iam::{there}:role/release-deploy")],
        artifact_account=account,
        bucket_pattern=f"artifacts-{account}-{{region}}",
    )
    functions = LambdaFunctions(Aws())
    sandbox.forget_calls()

    place = Place(there, "us-east-1", f"arn:aws:iam::{there}:role/release-deploy")
    assert functions.account(place) == there
    assert functions.account(Place(there, "us-west-2", place.role)) == there
    assert functions.account(Place(account, "us-east-1")) == account
    assert functions.function(place, NAME) is None
    assert [call["operation"] for call in sandbox.calls() if call["service"] == "sts"] == [
        "GetCallerIdentity",
        "AssumeRole",
        "GetCallerIdentity",
    ]


def test_a_role_that_cannot_be_assumed_is_misconfigured(sandbox: Sandbox, account: str) -> None:
    sandbox.faults([{"operation": "AssumeRole", "status": 403, "code": "AccessDenied", "message": "no"}])
    role = "arn:aws:iam::111111111111:role/release-deploy"
    with pytest.raises(Misconfigured, match=f"cannot assume {role}"):
        LambdaFunctions(Aws()).function(Place("111111111111", "us-east-1", role), NAME)


def test_a_failed_update_ends_the_wait_at_once_with_the_reason(account: str, tmp_path: Path) -> None:
    world = SandboxWorld(account, tmp_path)

    # The sandbox's updates do not fail: the answer is changed on its way to the adapter.
    def fail(parsed: dict[str, Any], **_: Any) -> None:
        parsed.get("Configuration", {}).update(LastUpdateStatus="Failed", LastUpdateStatusReason=None)

    client = world.aws.client(world.place, "lambda", attempts=1)
    client.meta.events.register("after-call.lambda.GetFunction", fail)
    with pytest.raises(RolloutFailed, match=f"could not update {NAME} in {world.place}: it gave no reason"):
        world.functions.settled(world.place, NAME)


def test_what_moves_an_alias_says_that_there_are_no_weights(account: str, tmp_path: Path) -> None:
    world = SandboxWorld(account, tmp_path)
    version = released(world, tmp_path, 1)
    created: AliasFacts = live(world, version)
    sent: list[dict[str, Any]] = []
    client = world.aws.client(world.place, "lambda", attempts=1)
    client.meta.events.register(
        "provide-client-params.lambda.UpdateAlias", lambda params, **_: sent.append(params)
    )

    world.functions.update_alias(
        world.place, NAME, "live", lambda_version=version, revision=created.revision, description="x"
    )
    assert sent[0]["RoutingConfig"] == {"AdditionalVersionWeights": {}}
    assert sent[0]["RevisionId"] == created.revision
