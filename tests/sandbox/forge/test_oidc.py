"""Jobs ask for their identity, and STS takes it where a role's trust policy does."""

import base64
import contextlib
import itertools
import json
import time
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.sandbox.conftest import Client
from tests.sandbox.forge.conftest import Repo

ISSUER = "token.actions.githubusercontent.com"
_numbers = itertools.count(1)


def token(repo: Repo, audience: str = "sts.amazonaws.com", **job: Any) -> str:
    environment = repo.sandbox.forge.job_environment(repo.name, **job)
    answer = ask(repo, environment, audience)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["value"])


def ask(repo: Repo, environment: dict[str, str], audience: str = "") -> httpx.Response:
    # As GitHub's own client does: the address has a query string already.
    address = environment["ACTIONS_ID_TOKEN_REQUEST_URL"] + (f"&audience={audience}" if audience else "")
    bearer = f"bearer {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"
    return repo.client.get(address, headers={"Authorization": bearer})


def claims(text: str) -> dict[str, Any]:
    body = text.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return said


def a_role(client: Client, account: str, condition: dict[str, Any] | None) -> str:
    """ARN of a new role that trusts GitHub under the condition; None: it trusts the account alone."""
    iam, name = client("iam"), f"deploy-{next(_numbers)}"
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"])
    by_github = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    by_account = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    statement = by_account if condition is None else by_github
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"])


def assume(client: Client, role: str, id_token: str) -> Any:
    return client("sts").assume_role_with_web_identity(
        RoleArn=role, RoleSessionName="run-7-ana", WebIdentityToken=id_token
    )


def code(client: Client, role: str, id_token: str) -> str:
    with pytest.raises(ClientError) as raised:
        assume(client, role, id_token)
    return str(raised.value.response["Error"]["Code"])


def test_a_token_says_which_job_it_is_of(repo: Repo) -> None:
    said = claims(token(repo, environment="prod", actor="ana", run_id="77", workflow="promote-prod.yml"))

    assert (said["iss"], said["aud"]) == (f"https://{ISSUER}", "sts.amazonaws.com")
    assert said["sub"] == f"repo:{repo.name}:environment:prod"
    assert (said["actor"], said["run_id"], said["environment"]) == ("ana", "77", "prod")
    assert said["job_workflow_ref"] == f"{repo.name}/.github/workflows/promote-prod.yml@refs/heads/main"
    assert (said["ref"], said["sha"]) == ("refs/heads/main", repo.head())
    assert 290 < said["exp"] - time.time() <= 300
    assert claims(token(repo))["jti"] != said["jti"]
    without = ask(repo, repo.sandbox.forge.job_environment(repo.name)).json()["value"]
    assert claims(without)["aud"] == "https://github.com/acme"


def test_a_subject_is_made_by_the_repositorys_rule(repo: Repo) -> None:
    assert claims(token(repo))["sub"] == f"repo:{repo.name}:ref:refs/heads/main"
    assert claims(token(repo, event_name="pull_request"))["sub"] == f"repo:{repo.name}:pull_request"
    repo.sandbox.forge.change_repository(repo.name, subject_has_ids=True)
    said = claims(token(repo, environment="prod"))
    owner, name = repo.name.split("/")
    ids = f"{owner}@{said['repository_owner_id']}/{name}@{said['repository_id']}"
    assert said["sub"] == f"repo:{ids}:environment:prod"
    keys = ["repo", "context", "job_workflow_ref"]
    repo.ok("PUT", "/actions/oidc/customization/sub", json={"use_default": False, "include_claim_keys": keys})
    said = claims(token(repo, environment="prod"))
    assert said["sub"] == f"repo:{ids}:environment:prod:job_workflow_ref:{said['job_workflow_ref']}"


def test_who_has_no_request_token_gets_no_identity(repo: Repo) -> None:
    environment = repo.sandbox.forge.job_environment(repo.name)
    for wrong in ("made-up", "gho_ana"):
        assert ask(repo, environment | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": wrong}).status_code == 401


def test_a_role_takes_the_job_that_its_trust_names(repo: Repo, client: Client, account: str) -> None:
    subject = f"repo:{repo.name}:environment:prod"
    role = a_role(
        client, account, {"StringEquals": {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": "sts.amazonaws.com"}}
    )
    taken = assume(client, role, token(repo, environment="prod"))

    assert taken["SubjectFromWebIdentityToken"] == subject
    assert taken["AssumedRoleUser"]["Arn"].endswith("/run-7-ana")
    session = taken["Credentials"]
    identity = client(
        "sts",
        account=session["AccessKeyId"],
        secret=session["SecretAccessKey"],
        token=session["SessionToken"],
    ).get_caller_identity()
    assert identity["Arn"] == taken["AssumedRoleUser"]["Arn"]
    assert code(client, role, token(repo, environment="qa")) == "AccessDenied"
    assert code(client, role, token(repo)) == "AccessDenied"


def test_a_role_may_ask_for_the_workflow_as_well(repo: Repo, client: Client, account: str) -> None:
    allowed = f"{repo.name}/.github/workflows/_release.yml@*"
    role = a_role(client, account, {"StringLike": {f"{ISSUER}:job_workflow_ref": allowed}})
    assume(client, role, token(repo, workflow="_release.yml"))
    assert code(client, role, token(repo, workflow="evil.yml")) == "AccessDenied"
    # what AWS does not know is no condition that could hold
    unknown = a_role(client, account, {"StringEquals": {f"{ISSUER}:run_id": "1"}})
    assert code(client, unknown, token(repo)) == "AccessDenied"


def test_a_role_that_does_not_trust_github_takes_no_job(repo: Repo, client: Client, account: str) -> None:
    assert code(client, a_role(client, account, None), token(repo)) == "AccessDenied"
    assert code(client, f"arn:aws:iam::{account}:role/none", token(repo)) == "AccessDenied"


def test_a_token_that_is_none_is_refused(repo: Repo, client: Client, account: str) -> None:
    role = a_role(client, account, {})
    good = token(repo)
    assume(client, role, good)
    head, body, signature = good.split(".")
    forged = (
        base64.urlsafe_b64encode(json.dumps(claims(good) | {"sub": "repo:evil"}).encode())
        .decode()
        .rstrip("=")
    )
    for wrong in ("nothing", f"{head}.{forged}.{signature}", f"{head}.{body}.", f"{head}.{body}"):
        assert code(client, role, wrong) == "InvalidIdentityToken"
    assert code(client, role, token(repo, audience="somebody-else")) == "InvalidIdentityToken"
    assert code(client, role, token(repo, lifetime_seconds=0.0)) == "ExpiredTokenException"
    elsewhere = "arn:aws:iam::999999999990:role/deploy"  # an account that does not know GitHub
    assert code(client, elsewhere, good) == "InvalidIdentityToken"


def test_a_token_holds_for_its_time_and_no_longer(repo: Repo, client: Client, account: str) -> None:
    role = a_role(client, account, {})
    short = token(repo, lifetime_seconds=1.0)
    assume(client, role, short)
    time.sleep(max(0.0, claims(short)["exp"] - time.time()) + 0.01)
    assert code(client, role, short) == "ExpiredTokenException"


def test_deploy_roles_of_the_sandbox_take_jobs_of_the_forge(repo: Repo, client: Client, account: str) -> None:
    role = f"arn:aws:iam::{account}:role/release-deploy"
    repo.sandbox.provision(
        environments=[(account, ("us-east-1",), role)],
        artifact_account=account,
        bucket_pattern=f"b{account}-{{region}}",
    )
    assume(client, role, token(repo, environment="prod"))
