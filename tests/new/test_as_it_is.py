"""A new service of each kind, with no edit: checked, linted, built, deployed in the sandbox, smoke-tested."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from release.core.scaffold import KindName
from tests.cli.worlds import Fleet
from tests.new.worlds import ROOT, TAGS, another_team, like_ours

AFTER_DEPLOY = """\
set -eu
release deploy dev orders --yes >&2
exec "$0" -c '
import json, boto3
client = boto3.client("lambda", "us-east-1", aws_access_key_id="111111111111", aws_secret_access_key="-")
answer = client.invoke(
    FunctionName="orders-dev", Qualifier="live", Payload=open("services/orders/events/EVENT").read())
print(json.dumps({"error": answer.get("FunctionError"), "answer": json.load(answer["Payload"])}))'
"""
ANSWERS: dict[str, tuple[str, Any]] = {
    "http": ("put-item.json", {"statusCode": 200}),
    "stream": ("changes.json", {"batchItemFailures": []}),
    "queue": ("messages.json", {"batchItemFailures": []}),
    "scheduled": ("hourly.json", {"statusCode": 200}),
}


def release(fleet: Fleet, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
        "VIRTUAL_ENV": str(Path(sys.executable).parents[1]),
    }
    return subprocess.run(
        [sys.executable, "-m", "release", "-C", str(fleet.clone), *words],
        cwd=fleet.clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.prove
@pytest.mark.parametrize(
    ("kind", "world"),
    [("http", another_team), ("stream", like_ours), ("queue", another_team), ("scheduled", like_ours)],
    ids=["http", "stream", "queue", "scheduled"],
)
def test_a_new_service_is_checked_linted_deployed_and_answers_as_it_is(
    kind: KindName, world: Any, tmp_path: Path
) -> None:
    fleet: Fleet = world(tmp_path / "fleet")
    made = release(fleet, "new", "orders", "--kind", kind, *TAGS, "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["brought_core"] is (world is another_team)
    fleet.commit("feat: orders")
    fleet.push()

    common = ["common"] if world is another_team and kind == "http" else []  # the same in each
    checked = release(fleet, "check", "orders", *common, "--skip", "audit", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    outcomes = {
        name: one["outcome"] for name, one in json.loads(checked.stdout)["services"]["orders"].items()
    }
    assert outcomes == {"lint": "passed", "types": "passed", "tests": "passed", "audit": "skipped"}

    linted = release(fleet, "infra", "lint", "orders")
    assert linted.returncode == 0, linted.stdout + linted.stderr

    event, expected = ANSWERS[kind]
    script = AFTER_DEPLOY.replace("EVENT", event)
    deployed = release(fleet, "sandbox", "run", "--", "sh", "-c", script, sys.executable)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert "smoke test through live ok" in deployed.stderr
    answered = json.loads(deployed.stdout.splitlines()[-1])
    assert answered["error"] is None
    assert {key: answered["answer"].get(key) for key in expected} == expected
