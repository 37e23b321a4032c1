"""What it costs to move a hundred functions under AWS's own limit of 15 control calls a second.

Everybody has an account of their own in one sandbox with that limit and 150 ms for every call of Lambda, and
moves a hundred functions from one code to another, by a new version behind an alias.
"""

import functools
import itertools
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bench import peers
from bench.aws_fleet import ACCOUNT, LIMIT_PER_SECOND, REGION, AwsFleet
from bench.model import Absent, Command, Contender, Contenders, Goal, Row
from bench.workshop import Workshop, floor

FUNCTIONS = 100
THREADS = 32
FLOOR = "floor of its own calls"
_IN_A_STACK = 25  # functions: a template has 51,200 bytes at most
_MOVED_ALL = rf"moved {FUNCTIONS} of {FUNCTIONS},"


@functools.cache
def _fleet(cache: Path) -> AwsFleet:
    """One for all rows of a run. It serves the first release."""
    shop = Workshop(cache, offline=True, progress=lambda text: None)
    folder = cache / "work" / "rollout"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fleet = AwsFleet(folder, FUNCTIONS, shop.environment())
    fleet.release("build")
    fleet.release("deploy", "dev", "--yes")
    return fleet


def _ready(shop: Workshop) -> AwsFleet:
    shop.progress(f"deploying {FUNCTIONS} functions for the first time: a minute")
    return _fleet(shop.cache)


def _rollout(shop: Workshop) -> Contenders:
    fleet = _ready(shop)
    return [
        _deploy(shop, fleet),
        _floor(shop, fleet, FLOOR),
        _floor(shop, fleet, "floor of three calls each", "3"),
        _threads(shop, fleet, "default", "boto3 threads, default retries", "555555555501"),
        _threads(shop, fleet, "adaptive", "boto3 threads, adaptive retries", "555555555502"),
        _sam(shop, fleet, "555555555503"),
        _aws_loop(shop, fleet, "555555555504"),
    ]


# -- ours ------------------------------------------------------------------------------------------------


def _deploy(shop: Workshop, fleet: AwsFleet) -> Contender:
    def before() -> None:
        fleet.change()
        fleet.release("build")
        fleet.sandbox.forget_calls()

    folder = fleet.repository.clone
    ours = shop.ours(
        "deploy",
        "dev",
        "--yes",
        folder=folder,
        shows=r"dev serves",
        name="release deploy",
        **fleet.environment,
    )
    return replace(ours, before=before)


def _floor(shop: Workshop, fleet: AwsFleet, name: str, *calls: str) -> Contender:
    """Of what `release` called in the same round. Nobody throttled may be among it."""
    words = (ACCOUNT, str(FUNCTIONS), *calls)
    command = shop.program("floor_of_calls", *words, folder=shop.cache, **fleet.environment, **_HERE)
    version = f"{LIMIT_PER_SECOND} calls/s"
    return replace(
        floor(name, command, version=version, shows=r" 0 throttled"), says_seconds=r"at least ([0-9.]+) s"
    )


_HERE = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


# -- others ----------------------------------------------------------------------------------------------


def _threads(shop: Workshop, fleet: AwsFleet, mode: str, name: str, account: str) -> Contender:
    _functions_for(fleet, account)
    words = (mode, str(FUNCTIONS), str(THREADS))
    command = shop.program("boto3_threads", *words, folder=shop.cache, **_of(fleet, account))
    return Contender(name, "peer", _boto3(), (command,), _MOVED_ALL)


def _boto3() -> str:
    import boto3

    return str(boto3.__version__)


def _sam(shop: Workshop, fleet: AwsFleet, account: str) -> Contender | Absent:
    """CloudFormation does its work in the sandbox without a call that counts: in AWS it does not."""
    folder = fleet.repository.folder / "sam"
    (folder / "src").mkdir(parents=True)
    fleet.make_function_role(account)
    fleet.client("s3", account).create_bucket(Bucket="bench-sam")
    options = ("--template-file", "template.json", "--stack-name", "fleet", "--s3-bucket", "bench-sam")
    found = shop.peer(
        "aws-sam-cli", "deploy", *options, "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
        "--region", REGION,
        script="sam", folder=folder, name="sam deploy", shows="Successfully created/updated",
    )  # fmt: skip
    rounds = itertools.count(1)

    def before() -> None:
        number = next(rounds)
        (folder / "src" / "index.py").write_text(f"def handler(event, context):\n    return {number}\n")
        (folder / "template.json").write_text(_template(range(FUNCTIONS), {"Code": "src"}, number, account))

    return _with_environment(found, fleet, account, before)


def _aws_loop(shop: Workshop, fleet: AwsFleet, account: str) -> Contender | Absent:
    """One call after the other, each in a process of its own."""
    try:
        installed = peers.install(
            "awscli", shop.cache / "peers", offline=shop.offline, progress=shop.progress
        )
    except peers.NotInstallable as reason:
        return Absent("aws-cli loop", "peer", str(reason))
    _functions_for(fleet, account)
    folder = fleet.repository.folder / "loop"
    folder.mkdir()
    script = folder / "deploy.sh"
    script.write_text(_LOOP.format(aws=installed.start("aws")[0], last=FUNCTIONS - 1, functions=FUNCTIONS))
    command = Command(("sh", str(script), sys.executable), folder)
    found = Contender("aws-cli loop", "peer", installed.version, (command,), _MOVED_ALL)
    return _with_environment(found, fleet, account, None)


_LOOP = """\
set -e
echo "def handler(event, context): return $(date +%s%N)" > index.py
"$1" -m zipfile -c code.zip index.py
for number in $(seq 0 {last}); do
    name="f$number"
    {aws} lambda update-function-code --function-name "$name" --zip-file fileb://code.zip > /dev/null
    {aws} lambda wait function-updated-v2 --function-name "$name"
    version=$({aws} lambda publish-version --function-name "$name" --query Version --output text)
    {aws} lambda update-alias --function-name "$name" --name live --function-version "$version" > /dev/null
done
echo "moved {functions} of {functions}, 0 lost"
"""


def _of(fleet: AwsFleet, account: str) -> dict[str, str]:
    return {**fleet.environment, "AWS_ACCESS_KEY_ID": account}


def _with_environment(
    found: Contender | Absent, fleet: AwsFleet, account: str, before: Callable[[], None] | None
) -> Contender | Absent:
    if isinstance(found, Absent):
        return found
    commands = tuple(replace(command, environment=_of(fleet, account)) for command in found.commands)
    return replace(found, commands=commands, before=before)


def _functions_for(fleet: AwsFleet, account: str) -> None:
    """Functions f0, f1, … with a version behind the alias, made by CloudFormation: that calls nobody."""
    fleet.make_function_role(account)
    stacks = fleet.client("cloudformation", account)
    code = {"Code": {"ZipFile": "def handler(event, context):\n    return 0\n"}}
    for number, first in enumerate(range(0, FUNCTIONS, _IN_A_STACK)):
        template = _template(range(first, first + _IN_A_STACK), code, 1, account)
        stacks.create_stack(StackName=f"fleet-{number}", TemplateBody=template)
        stacks.get_waiter("stack_create_complete").wait(
            StackName=f"fleet-{number}", WaiterConfig={"Delay": 0.2, "MaxAttempts": 300}
        )


def _template(numbers: range, code: Mapping[str, object], release: int, account: str) -> str:
    def resources(number: int) -> Iterator[tuple[str, object]]:
        name = f"F{number}"
        yield (
            name,
            {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": f"f{number}",
                    "Role": f"arn:aws:iam::{account}:role/function",
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    **code,
                },
            },
        )
        version = f"{name}V{release}"
        yield version, {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": name}}}
        serves = {"Fn::GetAtt": [version, "Version"]}
        yield (
            f"{name}Live",
            {
                "Type": "AWS::Lambda::Alias",
                "Properties": {"FunctionName": {"Ref": name}, "Name": "live", "FunctionVersion": serves},
            },
        )

    found = dict(pair for number in numbers for pair in resources(number))
    return json.dumps({"Resources": found}, separators=(",", ":"))


# -- the way back ----------------------------------------------------------------------------------------


def _rollback(shop: Workshop) -> Contenders:
    fleet = _ready(shop)
    old = fleet.commit
    fleet.change()
    fleet.release("build")
    answer = fleet.repository.folder / "rollback.txt"

    rounds = itertools.count()

    def before() -> None:
        if next(rounds):  # the rollback of the last round holds the stage
            fleet.release("unhold", "dev", "--yes", "--reason", "measured")
        fleet.release("deploy", "dev", "--yes")
        fleet.sandbox.forget_calls()

    script = str(Path(sys.executable).with_name("release"))
    words = (script, "dev", old, str(answer))
    timed = shop.program("time_rollback", *words, folder=fleet.repository.clone, **fleet.environment)
    # The same run, and another part of its answer.
    read = Command(("cat", str(answer)), shop.cache)

    def ours(name: str, command: Command, says: str) -> Contender:
        return Contender(name, "ours", shop.version, (command,), "first alias moved", says_seconds=says)

    first = ours("release rollback: first alias", timed, r"first alias moved ([0-9.]+) s")
    return [
        replace(first, before=before),
        ours("… last alias", read, r"the last one ([0-9.]+) s"),
        ours("… all confirmed and recorded", read, r"recorded ([0-9.]+) s"),
        _floor(shop, fleet, "floor of two calls each", "2"),
    ]


ROWS = (
    Row(
        f"rollout-{FUNCTIONS}",
        f"{FUNCTIONS} functions to new code, 15 control calls a second, 150 ms latency",
        _rollout,
        goals=(Goal(1.1, FLOOR),),
        rounds=3,
    ),
    Row(
        f"rollback-{FUNCTIONS}",
        f"{FUNCTIONS} functions back, from the confirmation on",
        _rollback,
        goals=(Goal(2.0),),
        rounds=3,
    ),
)
