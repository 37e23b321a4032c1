"""A job of GitHub Actions becomes a role by its own OIDC token, for as long as it runs; no other job does."""

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import httpx
import pytest
from botocore.config import Config

from release.adapters.artifacts_s3 import S3Artifacts
from release.adapters.aws import Aws, GitHubJob, session_name
from release.adapters.aws.web_identity import claims, trust
from release.adapters.lambda_functions import LambdaFunctions
from release.adapters.stacks import CloudFormationStacks
from release.core.models import BucketStore, Environment, Pipelines, Place
from release.errors import Misconfigured, Unavailable
from release.sandbox.git_remote import create
from release.sandbox.session import Sandbox
from release.wire import Wiring
from tests.adapters.loopback import Answer, Asked, answering
from tests.plain_http import NOBODY

pytestmark = pytest.mark.xdist_group("web identity")  # or each worker would start its sandbox
ACCOUNT = "444444444444"
REPOSITORY = "acme/fleet"
HOST = "token.actions.githubusercontent.com"
DEPLOY = f"arn:aws:iam::{ACCOUNT}:role/release-deploy"
PLAN = f"arn:aws:iam::{ACCOUNT}:role/release-plan"
PLACE = Place(ACCOUNT, "us-east-1", DEPLOY, PLAN)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.02) as started:
        remote = create(tmp_path_factory.mktemp("remote"), None)
        started.forge.add_repository(REPOSITORY, remote)
        iam = _iam(started)
        iam.create_open_id_connect_provider(Url=f"https://{HOST}", ClientIDList=["sts.amazonaws.com"])
        for role, environment in ((DEPLOY, "prod"), (PLAN, "prod-plan")):
            iam.create_role(
                RoleName=role.rsplit("/", 1)[-1], AssumeRolePolicyDocument=json.dumps(_trusts(environment))
            )
        yield started


def _iam(sandbox: Sandbox, account: str = ACCOUNT) -> Any:
    return boto3.client(
        "iam",
        "us-east-1",
        endpoint_url=sandbox.environment(base={})["AWS_ENDPOINT_URL"],
        aws_access_key_id=account,
        aws_secret_access_key="sandbox",
        config=Config(proxies={}),
    )


def _trusts(environment: str) -> dict[str, Any]:
    """The trust policy of docs/github.md."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "github.md").read_text(encoding="utf-8")
    policy = next(block.partition("```")[0] for block in text.split("```json")[1:] if "Federated" in block)
    for example, ours in (
        ("ORG@1234567/REPO@89012345", "acme@*/fleet@*"),
        ("ORG/REPO", REPOSITORY),
        ("444444444444", ACCOUNT),
        ("environment:prod", f"environment:{environment}"),
    ):
        assert example in policy
        policy = policy.replace(example, ours)
    read: dict[str, Any] = json.loads(policy)
    return read


@pytest.fixture(autouse=True)
def nobody_signed_in(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment(base={}).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


def job_in(sandbox: Sandbox, environment: str | None, **more: Any) -> GitHubJob:
    workflow = f"{REPOSITORY}/.github/workflows/_release.yml@refs/heads/main"
    more.setdefault("job_workflow_ref", workflow)
    job = GitHubJob.of(sandbox.forge.job_environment(REPOSITORY, environment=environment, **more))
    assert job is not None
    return job


def exchanges(sandbox: Sandbox) -> int:
    """How many tokens were asked for."""
    return sum("/_services/token" in call["path"] for call in sandbox.calls())


def who(aws: Aws, place: Place = PLACE) -> str:
    return str(aws.client(place, "sts").get_caller_identity()["Arn"])


# -- the exchange


def test_a_job_is_the_deploy_role_by_its_token_and_its_name_is_in_the_trail(sandbox: Sandbox) -> None:
    named = session_name({"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_ACTOR": "ada"})
    aws = Aws(job=job_in(sandbox, "prod"), access="deploy", session_name=named)
    assert who(aws) == f"arn:aws:sts::{ACCOUNT}:assumed-role/release-deploy/release-77.2-ada"
    assert aws.account(PLACE) == ACCOUNT


def test_subjects_with_ids_are_trusted_as_well(sandbox: Sandbox) -> None:
    sandbox.forge.change_repository(REPOSITORY, subject_has_ids=True)
    try:
        assert ":assumed-role/release-deploy/" in who(Aws(job=job_in(sandbox, "prod")))
    finally:
        sandbox.forge.change_repository(REPOSITORY, subject_has_ids=False)


def test_what_plans_is_the_role_for_planning_and_never_asks_for_the_other(sandbox: Sandbox) -> None:
    aws = Aws(job=job_in(sandbox, "prod-plan"), access="plan")
    assert ":assumed-role/release-plan/" in who(aws)
    with pytest.raises(Misconfigured, match="release-deploy does not trust this job"):
        who(Aws(job=job_in(sandbox, "prod-plan"), access="deploy"))


def test_one_session_serves_every_client_and_region(sandbox: Sandbox) -> None:
    sandbox.forget_calls()
    aws = Aws(job=job_in(sandbox, "prod"))
    for region in ("us-east-1", "us-west-2"):
        place = Place(ACCOUNT, region, DEPLOY)
        who(aws, place)
        aws.client(place, "lambda").list_functions()
    assert exchanges(sandbox) == 1


class ShortSessions:
    """STS between us and the sandbox's: its sessions end after `seconds`, and it can be `away`."""

    def __init__(self, endpoint: str, seconds: float) -> None:
        self.endpoint, self.seconds, self.away = endpoint, seconds, False
        self.exchanged: list[dict[str, list[str]]] = []

    def answer(self, asked: Asked) -> Answer:
        form = parse_qs(asked.body.decode())
        if form["Action"] == ["AssumeRoleWithWebIdentity"]:
            if self.away:
                return 503, {}, b""
            self.exchanged.append(form)
        ours = ("host", "content-length")
        sent = {name: value for name, value in asked.headers.items() if name.lower() not in ours}
        url = f"{self.endpoint}/"
        answer = httpx.post(url, content=asked.body, headers=sent, trust_env=False, verify=NOBODY)
        ends = (datetime.now(UTC) + timedelta(seconds=self.seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = re.sub(b"<Expiration>.*?<", f"<Expiration>{ends}<".encode(), answer.content)
        return answer.status_code, {"Content-Type": "text/xml"}, said


@pytest.fixture
def sts(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShortSessions]:
    short = ShortSessions(sandbox.endpoint, seconds=60)
    with answering(short.answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        yield short


def test_a_session_that_is_about_to_end_is_renewed_with_a_token_of_its_own(
    sandbox: Sandbox, sts: ShortSessions
) -> None:
    # The token of the first exchange ends as well, before the second: GitHub is asked anew.
    aws = Aws(job=job_in(sandbox, "prod", lifetime_seconds=1.0), session_name="release-77.1-ada")
    client = aws.client(PLACE, "lambda")
    client.list_functions()
    assert len(sts.exchanged) == 1
    threading.Event().wait(1.1)
    client.list_functions()
    first, second = sts.exchanged
    assert first["WebIdentityToken"] != second["WebIdentityToken"]
    assert first["RoleArn"] == second["RoleArn"] == [DEPLOY]
    assert first["RoleSessionName"] == second["RoleSessionName"] == ["release-77.1-ada"]


def test_an_outage_counts_only_when_the_session_is_about_to_end(sandbox: Sandbox, sts: ShortSessions) -> None:
    sts.seconds = 300
    client = Aws(job=job_in(sandbox, "prod")).client(PLACE, "lambda")
    client.list_functions()
    sts.away = True
    client.list_functions()  # its keys are good for five minutes
    sts.away, sts.seconds = False, 60
    client.list_functions()
    sts.away = True
    with pytest.raises(Unavailable, match="exchanging GitHub's OIDC token"):
        client.list_functions()


def test_credentials_that_renew_themselves_never_end(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Aws(job=job_in(sandbox, "prod")).credentials_end(PLACE) is None
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    assert Aws().credentials_end(PLACE) == ends


def test_a_program_gets_a_session_and_not_the_means_to_get_another(sandbox: Sandbox) -> None:
    given = Aws(job=job_in(sandbox, "prod")).environment(PLACE)
    assert given["AWS_SESSION_TOKEN"] and given["AWS_REGION"] == "us-east-1"
    assert not any(name.startswith("ACTIONS_") for name in given)


def test_what_has_signed_in_by_itself_stays_who_it_is(sandbox: Sandbox) -> None:
    given = sandbox.forge.job_environment(REPOSITORY, environment="prod")
    assert GitHubJob.of(given) is not None
    assert GitHubJob.of({**given, "AWS_ACCESS_KEY_ID": "AKIA"}) is None
    assert GitHubJob.of({**given, "AWS_PROFILE": "prod"}) is None
    assert GitHubJob.of({**given, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}) is None


def test_without_a_role_or_a_token_the_fix_says_what_a_job_needs() -> None:
    with pytest.raises(Misconfigured) as caught:
        Aws().account(PLACE)
    assert "`id-token: write`" in caught.value.fix and "`role:`" in caught.value.fix


# -- refusals


@pytest.mark.parametrize(
    ("environment", "more"),
    [
        ("qa", {}),
        (None, {}),
        ("prod", {"job_workflow_ref": f"{REPOSITORY}/.github/workflows/evil.yml@refs/heads/x"}),
    ],
)
def test_another_job_is_refused_with_its_subject_and_the_condition_in_both_forms(
    environment: str | None, more: Mapping[str, str], sandbox: Sandbox
) -> None:
    with pytest.raises(Misconfigured) as caught:
        who(Aws(job=job_in(sandbox, environment, **more)))
    subject = f"environment:{environment}" if environment else "ref:refs/heads/main"
    assert f"does not trust this job (subject repo:{REPOSITORY}:{subject})" in caught.value.cause
    assert f'"repo:{REPOSITORY}:{subject}"' in caught.value.fix
    if environment:
        assert "/fleet@" in caught.value.fix and "repo:acme@" in caught.value.fix
    assert "docs/github.md" in (caught.value.see or "")
    workflow = more.get("job_workflow_ref", f"{REPOSITORY}/.github/workflows/_release.yml@refs/heads/main")
    assert caught.value.details[1].endswith(f"(job_workflow_ref): {workflow}")


def test_whatever_is_called_first_says_so_and_makes_no_guess_of_its_own(sandbox: Sandbox) -> None:
    aws = Aws(job=job_in(sandbox, "qa"))
    store = S3Artifacts(lambda region: aws.client(PLACE, "s3"), "b-{region}", ["us-east-1"])
    for call in (
        lambda: store.get("0" * 64, kind="zip"),
        lambda: LambdaFunctions(aws).function(PLACE, "orders"),
        lambda: CloudFormationStacks(aws).stack(PLACE, "orders"),
    ):
        with pytest.raises(Misconfigured, match="release-deploy does not trust this job"):
            call()


def test_an_account_that_does_not_know_github_gets_the_command_that_tells_it(sandbox: Sandbox) -> None:
    place = Place("555555555555", "us-east-1", "arn:aws:iam::555555555555:role/release-deploy")
    paused: list[float] = []
    with pytest.raises(Misconfigured) as caught:
        who(Aws(job=job_in(sandbox, "prod"), sleep=paused.append), place)
    assert "the account 555555555555 does not take GitHub's OIDC token" in caught.value.cause
    assert caught.value.fix == (
        f"aws iam create-open-id-connect-provider --url https://{HOST} --client-id-list sts.amazonaws.com"
    )
    assert len(paused) == 2, "it may have been a key that AWS could not fetch"


def test_a_token_that_is_too_old_is_asked_for_again_and_then_said(sandbox: Sandbox) -> None:
    paused: list[float] = []
    job = job_in(sandbox, "prod", lifetime_seconds=-60.0)
    with pytest.raises(Unavailable, match="cannot check GitHub's OIDC token") as caught:
        who(Aws(job=job, sleep=paused.append))
    assert len(paused) == 2 and "clock" in caught.value.fix


def test_sts_out_of_reach_is_unavailable(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be reached while exchanging GitHub's OIDC token"):
        Aws(job=job_in(sandbox, "prod")).client(PLACE, "lambda").list_functions()


# -- the token


class TokenService:
    """What answered in the place of GitHub, and the job that asked."""

    def __init__(self, url: str) -> None:
        self.asked: list[tuple[str, str]] = []
        self.job = GitHubJob(f"{url}/token?api-version=2.0", "nobody-may-know")


@contextmanager
def token_service(*answers: tuple[int, bytes]) -> Iterator[TokenService]:
    """These answers, one after the other, the last for ever."""
    left = list(answers)

    def answer(asked: Asked) -> Answer:
        service.asked.append((asked.path, asked.headers["Authorization"]))
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return status, {}, body

    with answering(answer) as url:
        service = TokenService(url)
        yield service


def test_github_is_asked_for_this_audience_with_the_tokens_bearer_and_again_while_it_is_busy() -> None:
    paused: list[float] = []
    with token_service((503, b""), (429, b""), (200, b'{"value": "a.b.c"}')) as github:
        assert github.job.token(paused.append) == "a.b.c"
    path, bearer = github.asked[-1]
    assert path == "/token?api-version=2.0&audience=sts.amazonaws.com"
    assert bearer == "Bearer nobody-may-know"
    assert len(github.asked) == 3 and paused == [0.5, 1.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
def test_a_job_that_may_not_have_a_token_is_told_what_to_grant(status: int) -> None:
    with token_service((status, b"nobody-may-know")) as github, pytest.raises(Misconfigured) as caught:
        github.job.token(lambda seconds: None)
    assert caught.value.cause == f"GitHub gives this job no OIDC token (HTTP {status})"
    assert "`id-token: write`" in caught.value.fix and len(github.asked) == 1


def test_a_github_that_stays_away_is_unavailable_after_some_seconds() -> None:
    paused: list[float] = []
    with token_service((502, b"")) as github, pytest.raises(Unavailable, match="HTTP 502, 5 tries"):
        github.job.token(paused.append)
    gone = GitHubJob(github.job.url, "x")
    with pytest.raises(Unavailable, match="ConnectError"):
        gone.token(paused.append)
    assert sum(paused) == 15.0


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"value": 1}', b'{"value": "x"}', b"\xff"])
def test_an_answer_without_a_token_is_said_so(body: bytes) -> None:
    with token_service((200, body)) as github, pytest.raises(Unavailable, match="GitHub answered with"):
        github.job.token(lambda seconds: None)


def test_neither_the_bearer_nor_a_token_is_in_the_log_of_the_http_client_an_error_or_a_repr(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job = job_in(sandbox, "qa")
    with pytest.raises(Misconfigured) as caught:
        who(Aws(job=job))
    said = [record.getMessage() for record in caplog.records if record.name.startswith("httpx")]
    said += [repr(job), str(caught.value), caught.value.fix, *caught.value.details]
    assert not any(job.bearer in text for text in said)
    assert not any("eyJ" in text for text in said)


def test_claims_that_cannot_be_read_are_none() -> None:
    for token in ("", "a.b.c", "a", "a.bnVsbA.c", "é.é.é"):
        assert claims(token) == {}
    assert json.loads(trust({}).partition("condition ")[2])["StringLike"] == {f"{HOST}:sub": []}


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        ("ada", "release-12345678901.1-ada"),
        ("dependabot[bot]", "release-12345678901.1-dependabot-bot-"),
        ("x" * 200, "release-12345678901.1-" + "x" * 42),
        ("ü\n$(id)", "release-12345678901.1-----id-"),
    ],
)
def test_a_session_bears_the_name_of_run_and_actor_as_aws_takes_it(actor: str, name: str) -> None:
    assert session_name({"GITHUB_RUN_ID": "12345678901", "GITHUB_ACTOR": actor}) == name
    assert len(name) <= 64
    assert session_name({"GITHUB_ACTOR": actor}) == "release-cli"


# -- as the CLI joins it


def test_the_cli_becomes_what_the_variables_of_its_job_say(sandbox: Sandbox, tmp_path: Path) -> None:
    workflow = f"{REPOSITORY}/.github/workflows/_release.yml@refs/heads/main"
    job = sandbox.forge.job_environment(REPOSITORY, environment="prod-plan", job_workflow_ref=workflow)
    planning = Wiring(tmp_path, {**job, "RELEASE_ACCESS": "plan"})
    deploying = Wiring(tmp_path, {**job, "RELEASE_ACCESS": "deploy"})
    unsaid = Wiring(tmp_path, job)

    assert planning.functions.account(PLACE) == ACCOUNT
    for wired in (deploying, unsaid):
        with pytest.raises(Misconfigured, match="release-deploy does not trust this job"):
            wired.functions.account(PLACE)
    with pytest.raises(Misconfigured, match="RELEASE_ACCESS is 'look'"):
        _ = Wiring(tmp_path, {**job, "RELEASE_ACCESS": "look"}).functions


def test_artifacts_are_read_with_the_role_for_reading_and_written_with_the_other(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    workflow = f"{REPOSITORY}/.github/workflows/_release.yml@refs/heads/main"
    job = sandbox.forge.job_environment(REPOSITORY, environment="prod-plan", job_workflow_ref=workflow)
    store = BucketStore(ACCOUNT, "artifacts-{region}", role=DEPLOY, read_role=PLAN)
    pipelines = Pipelines({"prod": Environment("prod", ACCOUNT, ("us-east-1",), None)}, store, "live", {})

    for access in ("plan", "deploy"):
        read = Wiring(tmp_path, {**job, "RELEASE_ACCESS": access}).artifacts(pipelines)
        with pytest.raises(Misconfigured, match="there is no bucket artifacts-us-east-1"):
            read.put(b"x", kind="zip")
    writing = Wiring(tmp_path, {**job, "RELEASE_ACCESS": "build"}).artifacts(pipelines)
    with pytest.raises(Misconfigured, match="release-deploy does not trust this job"):
        writing.put(b"x", kind="zip")
