"""A fleet of functions in a sandbox that is as slow and as strict as AWS, and the repository it comes from.

Of the sandbox: 15 control calls a second for each account and region, 150 ms for every call of Lambda.
CloudFormation works inside it and costs nobody a call, which favours whoever leaves the work to it.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from bench.repositories import Repository, git, make_history
from release.sandbox.session import Sandbox

REGION = "us-east-1"
ACCOUNT = "111111111111"  # what `release` deploys to
ARTIFACT_ACCOUNT = "999999999999"
LIMIT_PER_SECOND = 15  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LATENCY_SECONDS = 0.15
IN_A_SERVICE = 10
_BUCKET = "bench-fleet-{region}"
_NO_CONTROL_CALL = ("GetFunction", "Invoke", "GetPolicy")

_ENVIRONMENTS = f"""\
artifacts: {{account: "{ARTIFACT_ACCOUNT}", bucket: "{_BUCKET}"}}
alias: live
environments:
  dev: {{account: "{ACCOUNT}", regions: [{REGION}], role: "arn:aws:iam::{ACCOUNT}:role/release-deploy"}}
"""
_PIPELINE = """\
services: ["*"]
tags: "v{version}"
branches: [main]
stages:
  - {name: dev, on: push, rollout: all-at-once}
"""
_SERVICE = """\
team: bench
owner: bench@acme.example
data_class: internal
cost_center: "1"
runtime: python3.13
architecture: arm64
functions:
"""
_FUNCTION = '  f{number}: {{name: "{service}-f{number}-{{stage}}", handler: {service}.handler.handler}}\n'
_SETTINGS = "settings:\n  default: {memory: 128, timeout: 10}\n"
_HANDLER = """\
def handler(event, context):
    return {{"statusCode": 200, "release": "{release}"}}
"""
_TEMPLATE = """\
Parameters:
  AliasExists: {Type: String, Default: "false"}
Resources:
{% for key, function in functions.items() %}
  {{ key | title }}:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: {{ function.name }}
      Role: !Sub "arn:aws:iam::${AWS::AccountId}:role/function"
      Runtime: {{ service.runtime }}
      Handler: {{ function.handler }}
      MemorySize: {{ settings.memory }}
      Timeout: {{ settings.timeout }}
      Code: {ZipFile: "raise RuntimeError('the placeholder')"}
{% endfor %}
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls of Lambda's control plane that draw on the 15 a second."""

    control: int
    throttled: int

    @property
    def floor_seconds(self) -> float:
        return self.control / LIMIT_PER_SECOND


class AwsFleet:
    """Ends with the process, if nobody ends it before."""

    def __init__(self, folder: Path, functions: int, environment: Mapping[str, str]) -> None:
        self.functions = functions
        self.services = [f"s{number:02}" for number in range(functions // IN_A_SERVICE)]
        self.sandbox = Sandbox.start(rate_limit=LIMIT_PER_SECOND)
        self.environment = self.sandbox.environment(account=ARTIFACT_ACCOUNT, base=environment)
        self._release = 1
        role = f"arn:aws:iam::{ACCOUNT}:role/release-deploy"
        self.sandbox.provision(
            environments=[(ACCOUNT, (REGION,), role)],
            artifact_account=ARTIFACT_ACCOUNT,
            bucket_pattern=_BUCKET,
        )
        self.make_function_role(ACCOUNT)
        pipelines = {"pipelines/environments.yaml": _ENVIRONMENTS, "pipelines/fleet.yaml": _PIPELINE}
        files = [{f"services/{name}/{path}": text for path, text in _service(name)} for name in self.services]
        make_history(
            folder, [("feat: a fleet", {**pipelines, **{k: v for one in files for k, v in one.items()}})]
        )
        self.repository = Repository(folder)
        self.slow_down()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.sandbox.stop()

    def slow_down(self) -> None:
        """Every call of Lambda takes its time from here on."""
        self.sandbox.faults([{"service": "lambda", "latency_ms": LATENCY_SECONDS * 1000}])

    def client(self, service: str, account: str) -> Any:
        return boto3.session.Session().client(
            service,
            REGION,
            endpoint_url=self.sandbox.endpoint,
            aws_access_key_id=account,
            aws_secret_access_key="sandbox",  # noqa: S106 - the sandbox takes any
            config=Config(proxies={}),
        )

    def make_function_role(self, account: str) -> None:
        """The execution role that all functions of an account have."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        self.client("iam", account).create_role(RoleName="function", AssumeRolePolicyDocument=policy)

    @property
    def commit(self) -> str:
        return git(self.repository.clone, "rev-parse", "HEAD")

    def change(self) -> str:
        """A commit that changes the code of every function, on the remote; its id."""
        self._release += 1
        clone = self.repository.clone
        for name in self.services:
            (clone / f"services/{name}/{name}/handler.py").write_text(_HANDLER.format(release=self._release))
        person = ("-c", "user.name=Bench", "-c", "user.email=bench@example.invalid")
        git(
            clone, *person, "-c", "commit.gpgsign=false", "commit", "--quiet", "--all", "--message",
            f"feat: release {self._release}",
        )  # fmt: skip
        git(clone, "push", "--quiet", "origin", "HEAD:main")
        return self.commit

    def release(self, *arguments: str) -> str:
        """Run the CLI, untimed. Raises RuntimeError when it does not end well."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("release")), *arguments],
            cwd=self.repository.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"release {arguments[0]} ended with {done.returncode}: {done.stderr[-400:]}")
        return done.stdout

    def counted(self, account: str = ACCOUNT) -> Counted:
        """Since the calls were forgotten."""
        return count(self.sandbox.calls(), account)


def count(calls: Sequence[Mapping[str, Any]], account: str) -> Counted:
    """Of the log of a sandbox."""
    ours = [
        call
        for call in calls
        if call["service"] == "lambda"
        and call["account"] == account
        and call["operation"] not in _NO_CONTROL_CALL
    ]
    return Counted(len(ours), sum(call["status"] == 429 for call in ours))


def _service(name: str) -> Sequence[tuple[str, str]]:
    functions = "".join(_FUNCTION.format(service=name, number=number) for number in range(IN_A_SERVICE))
    return (
        ("service.yaml", f"{_SERVICE}{functions}{_SETTINGS}"),
        ("template.yaml.j2", _TEMPLATE),
        (f"{name}/__init__.py", ""),
        (f"{name}/handler.py", _HANDLER.format(release=1)),
    )
