"""Roles as docs/github.md asks for them, each trusting one job's environment, and what such jobs ask with."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import httpx

from release.sandbox.forge.client import DEFAULT_LOGIN
from tests.e2e.fleet import World
from tests.e2e.texts import ARTIFACT_ACCOUNT, BUCKET, PRIMARY, REGIONS

_HOST = "token.actions.githubusercontent.com"


class Identities:
    """Of one world: its repository in the forge, and two roles in the account of each stage."""

    def __init__(self, world: World, called: str = "") -> None:
        """`called`: OWNER/NAME whose `_release.yml` the jobs are of; empty: the world's own."""
        self._world = world
        self.repository = f"acme/{world.folder.name}"
        self._workflow = f"{called or self.repository}/.github/workflows/_release.yml"
        self._forge = world.fleet.sandbox.forge
        self._forge.add_repository(self.repository, world.remote.path)
        for stage, account in world.accounts.items():
            self._role(account, "release-deploy", [stage])
            self._role(account, "release-plan", [f"{stage}-plan"])
        name = world.folder.name
        reading = [one for stage in world.accounts for one in (stage, f"{stage}-plan")]
        self._role(ARTIFACT_ACCOUNT, f"build-{name}", ["build"])
        self._role(ARTIFACT_ACCOUNT, f"read-{name}", reading)

    def environments(self) -> str:
        """`pipelines/environments.yaml` with all roles."""
        name, ours = self._world.folder.name, f"arn:aws:iam::{ARTIFACT_ACCOUNT}:role"
        lines = [
            f'artifacts: {{account: "{ARTIFACT_ACCOUNT}", bucket: "{BUCKET}",'
            f' role: "{ours}/build-{name}", read_role: "{ours}/read-{name}"}}',
            "environments:",
        ]
        for stage, account in self._world.accounts.items():
            regions = ", ".join(REGIONS if stage == "prod" else (PRIMARY,))
            role = f"arn:aws:iam::{account}:role/release"
            lines.append(
                f'  {stage}: {{account: "{account}", regions: [{regions}],'
                f' role: "{role}-deploy", plan_role: "{role}-plan"}}'
            )
        return "\n".join(lines) + "\n"

    def tokens(self) -> dict[str, str]:
        """By the environment that a job names: what it asks for its identity with."""
        stages = self._world.accounts
        names = ["build", *stages, *(f"{stage}-plan" for stage in stages)]
        return {name: self._job(name)["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] for name in names}

    def url(self) -> str:
        return self._job("build")["ACTIONS_ID_TOKEN_REQUEST_URL"]

    def job_token(self) -> str:
        """GITHUB_TOKEN with all that the jobs of `_release.yml` ask for together."""
        return self._forge.app_token(
            self.repository, actions="read", contents="write", deployments="write", pull_requests="write"
        )

    def add_run(self, workflow: str, attempt: int, approved_by: Mapping[str, str]) -> int:
        """A run of the workflow, which these people have approved; its id."""
        run = self._forge.add_run(
            self.repository, workflow, attempt=attempt, status="waiting", waiting_for=[*approved_by]
        )
        for environment, login in approved_by.items():
            reviewers = [{"type": "User", "id": self._forge.person(login)}]
            made = self._say("PUT", f"environments/{environment}", DEFAULT_LOGIN, {"reviewers": reviewers})
            answer = {"environment_ids": [made["id"]], "state": "approved", "comment": "go"}
            self._say("POST", f"actions/runs/{run}/pending_deployments", login, answer)
        return run

    def _say(self, method: str, path: str, login: str, body: Mapping[str, Any]) -> Any:
        """By a person, to the API."""
        answer = httpx.request(
            method,
            f"{self._forge.api}/repos/{self.repository}/{path}",
            headers={"Authorization": f"Bearer gho_{login}"},
            json=body,
            timeout=60.0,  # a busy machine
        )
        assert answer.is_success, answer.text
        return answer.json()

    def _job(self, environment: str) -> dict[str, str]:
        return self._forge.job_environment(
            self.repository, environment=environment, job_workflow_ref=f"{self._workflow}@refs/heads/main"
        )

    def _role(self, account: str, name: str, environments: list[str]) -> None:
        iam: Any = self._world.fleet.client("iam", account, PRIMARY)
        provider = f"arn:aws:iam::{account}:oidc-provider/{_HOST}"
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_open_id_connect_provider(Url=f"https://{_HOST}", ClientIDList=["sts.amazonaws.com"])
        by_jobs = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{_HOST}:aud": "sts.amazonaws.com"},
                "StringLike": {
                    f"{_HOST}:sub": [f"repo:{self.repository}:environment:{one}" for one in environments],
                    f"{_HOST}:job_workflow_ref": f"{self._workflow}@*",
                },
            },
        }
        by_people = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ARTIFACT_ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [by_people, by_jobs]})
        try:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)
        except iam.exceptions.EntityAlreadyExistsException:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=policy)
