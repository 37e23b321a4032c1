"""A repository with everything that `release doctor` asks for, set up by the very commands that it names."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from release.core.doctor.trust import ISSUER
from release.sandbox.session import Sandbox
from tests.cli.worlds import FILES, Fleet
from tests.plain_http import NOBODY

NAME = "acme/examined"
STORE = "999999999999"
ACCOUNTS = {"dev": "111111111111", "prod": "444444444444"}
ROLES = {
    "arn:aws:iam::444444444444:role/release-deploy": ACCOUNTS["prod"],
    "arn:aws:iam::444444444444:role/release-plan": ACCOUNTS["prod"],
    "arn:aws:iam::111111111111:role/release-deploy": ACCOUNTS["dev"],
    "arn:aws:iam::999999999999:role/release-build": STORE,
    "arn:aws:iam::999999999999:role/release-read": STORE,
}
ENVIRONMENTS = """\
artifacts:
  account: "999999999999"
  bucket: "examined-artifacts-{region}"
  role: arn:aws:iam::999999999999:role/release-build
  read_role: arn:aws:iam::999999999999:role/release-read
environments:
  dev:
    {account: "111111111111", regions: [us-east-1], role: "arn:aws:iam::111111111111:role/release-deploy",
     boundary: release-boundary}
  prod:
    account: "444444444444"
    regions: [us-east-1, us-west-2]
    role: arn:aws:iam::444444444444:role/release-deploy
    plan_role: arn:aws:iam::444444444444:role/release-plan
    boundary: release-boundary
"""
FLEET = """\
services: ["*"]
tags: "v{version}"
branches: [main]
stages:
  - {name: dev, on: push, rollout: all-at-once}
  - {name: qa, environment: dev, channel: qa, after: dev, rollout: all-at-once}
  - {name: prod, channel: gold, after: qa, rollout: all-at-once}
"""
BUCKETS = ("examined-artifacts-us-east-1", "examined-artifacts-us-west-2")
CODEOWNERS = "/pipelines/ @acme/owners\n/.github/ @acme/owners\n"
CHANGED = {
    "pipelines/environments.yaml": ENVIRONMENTS,
    "pipelines/fleet.yaml": FLEET,
    ".github/CODEOWNERS": CODEOWNERS,
}


@dataclass(frozen=True)
class Examined:
    """`login`: whose token asks GitHub."""

    fleet: Fleet
    sandbox: Sandbox
    login: str = "ana"

    @classmethod
    def bare(cls, folder: Path, sandbox: Sandbox) -> "Examined":
        """Nothing is set on GitHub; of AWS there are roles that people may assume, and buckets."""
        world = cls(Fleet.with_files(folder, FILES | CHANGED), sandbox)
        sandbox.forge.add_repository(NAME, world.fleet.remote)
        for role, account in ROLES.items():
            iam = world.aws("iam", account)
            trusted = {"AWS": [f"arn:aws:iam::{one}:root" for one in (STORE, *ACCOUNTS.values())]}
            statement = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
            iam.create_role(
                RoleName=role.rsplit("/", 1)[-1],
                AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            )
        for bucket in BUCKETS:
            region = bucket.removeprefix("examined-artifacts-")
            where = (
                {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            )
            world.aws("s3", STORE, region).create_bucket(Bucket=bucket, **where)
        return world

    @property
    def environ(self) -> Mapping[str, str]:
        """A person's shell, signed in to the account of the artifacts."""
        return {
            **self.sandbox.environment(account=STORE, base={}),
            **self.sandbox.forge.environment(NAME, login=self.login),
        }

    def aws(self, service: str, account: str, region: str = "us-east-1") -> Any:
        return boto3.client(
            service,
            region,
            endpoint_url=self.sandbox.environment(base={})["AWS_ENDPOINT_URL"],
            aws_access_key_id=account,
            aws_secret_access_key="sandbox",
            config=Config(proxies={}),
        )

    def github(self, method: str, path: str, body: Any = None) -> Any:
        """As `gh api` asks."""
        answer = httpx.request(
            method,
            f"{self.sandbox.forge.api}/{path}",
            json=body,
            headers={"Authorization": "Bearer ana", "User-Agent": "gh", "X-GitHub-Api-Version": "2022-11-28"},
            trust_env=False,
            verify=NOBODY,
        )
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def approve(self, environment: str, login: str) -> None:
        """Let this person be the reviewer of an environment."""
        policy = {"protected_branches": False, "custom_branch_policies": True}
        reviewers = [{"type": "User", "id": self.sandbox.forge.person(login)}]
        body = {"deployment_branch_policy": policy, "reviewers": reviewers}
        self.github("PUT", f"repos/{NAME}/environments/{environment}", body)

    def trust_anybody(self, role: str, account: str) -> None:
        """Let every job of the repository be this role."""
        iam = self.aws("iam", account)
        policy = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        for statement in policy["Statement"]:
            if "Condition" in statement:
                statement["Condition"]["StringLike"] = {f"{ISSUER}:sub": f"repo:{NAME}:*"}
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(policy))

    def carry_out(self, fix: str) -> bool:
        """Do what a fix says, where it is a command of gh or aws. False: it is no such command."""
        done = False
        if "ID" in re.findall(r'"id":"(\w+)"', fix):  # whose, a person has to say
            return True
        for command in fix.split(" && "):
            where = re.search(r" \(in account (\d+)\)$", command)
            words = shlex.split(command.removesuffix(where[0]) if where else command)
            if words[:1] == ["echo"] and words[2:5] == ["|", "gh", "api"]:
                method, path = words[6:8]
                self.github(method, path, json.loads(words[1]))
                done = True
            elif words[:3] == ["gh", "api", "-X"]:
                self.github(words[3], words[4])
                done = True
            elif words[:1] == ["aws"]:
                self._aws(words[1], words[2], words[3:], where[1] if where else STORE)
                done = True
        return done

    def _aws(self, service: str, operation: str, words: Sequence[str], account: str) -> None:
        """A command of the aws CLI, by the same API."""
        options = dict(zip(words[::2], words[1::2], strict=True))
        region = options.pop("--region", "us-east-1")
        arguments = {_pascal(name): _read(name, value) for name, value in options.items()}
        client = self.aws({"s3api": "s3"}.get(service, service), account, region)
        getattr(client, operation.replace("-", "_"))(**arguments)


def fixes(document: Mapping[str, Any]) -> Iterator[str]:
    for finding in document["findings"]:
        if finding["state"] != "ok":
            yield finding["fix"]


def reds(document: Mapping[str, Any], state: str = "no") -> list[str]:
    """ "check subject" of every finding in this state."""
    return [
        " ".join(filter(None, (one["check"], one["subject"])))
        for one in document["findings"]
        if one["state"] == state
    ]


def _pascal(option: str) -> str:
    return "".join(word.title() for word in option.strip("-").split("-"))


def _read(option: str, value: str) -> Any:
    if option == "--policy-document":
        return value
    if value.startswith("{"):
        return json.loads(value)
    if re.match(r"\w+=", value):
        pairs = (one.partition("=") for one in value.split(","))
        return {name: {"true": True, "false": False}.get(said, said) for name, _, said in pairs}
    return value
