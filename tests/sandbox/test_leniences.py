"""The list of leniences can be cited and printed; where one can be shown in a call, it still holds."""

import json
import re
import time
from typing import Any

from release.sandbox.leniences import LENIENCES
from tests.sandbox.calls import ECHO, create_function, settled, trust
from tests.sandbox.conftest import Client


def test_every_lenience_has_an_id_of_its_own_both_sides_and_a_page_of_aws() -> None:
    ids = [lenience.id for lenience in LENIENCES]
    assert len(set(ids)) == len(ids)
    for lenience in LENIENCES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", lenience.id)
        assert lenience.aws != lenience.sandbox
        assert "" not in (lenience.aws, lenience.sandbox)
        assert lenience.source.startswith("https://docs.aws.amazon.com/")


def test_leniences_of_functions_are_still_true(client: Client, account: str) -> None:
    """One that has been closed has to leave the list."""
    functions: Any = client("lambda")
    client("iam").create_role(RoleName="later", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    role = f"arn:aws:iam::{account}:role/later"  # new-role: taken at once
    create_function(functions, account, ECHO % 1)
    functions.update_function_configuration(FunctionName="orders", Role=role, Runtime="python3.8")
    settled(functions, "orders")  # deprecated-runtimes, runtime-version
    queue = f"arn:aws:sqs:us-east-1:{account}:none"
    functions.update_function_configuration(FunctionName="orders", DeadLetterConfig={"TargetArn": queue})
    settled(functions, "orders")  # dead-letter-queue
    client("iam").delete_role(RoleName="later")

    answer = functions.invoke(FunctionName="orders")  # execution-role
    assert json.load(answer["Payload"])["release"] == 1


def test_a_second_page_of_log_events_does_not_come(client: Client) -> None:
    logs: Any = client("logs")
    group, now = "/aws/lambda/orders", int(time.time() * 1000)
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    for count in (10_000, 1):
        events = [{"timestamp": now, "message": "x"}] * count
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    found = logs.filter_log_events(logGroupName=group)
    assert (len(found["events"]), "nextToken" in found) == (10_000, False)
