"""What holds while an update is in progress, in a sandbox where updates last long enough to look at."""

from collections.abc import Iterator

import pytest

from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, digest, refused, settled, zipped
from tests.sandbox.conftest import Client


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.25) as started:
        yield started


def test_an_update_is_refused_while_another_is_in_progress(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    answer = functions.update_function_code(FunctionName="orders", ZipFile=zipped(ECHO % 2))

    assert answer["LastUpdateStatus"] == "InProgress"
    for call, arguments in (
        (functions.update_function_code, {"ZipFile": zipped(ECHO % 3)}),
        (functions.update_function_configuration, {"MemorySize": 256}),
        (functions.publish_version, {}),
    ):
        code, status, message = refused(call, FunctionName="orders", **arguments)
        assert (code, status) == ("ResourceConflictException", 409)
        assert "An update is in progress" in message
    assert settled(functions, "orders")["CodeSha256"] == digest(zipped(ECHO % 2))


def test_an_active_function_stays_active_and_serves_while_it_is_updated(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    functions.update_function_code(FunctionName="orders", ZipFile=zipped(ECHO % 2))
    during = functions.get_function_configuration(FunctionName="orders")

    assert (during["State"], during["LastUpdateStatus"]) == ("Active", "InProgress")
    assert "FunctionError" not in functions.invoke(FunctionName="orders")


def test_a_new_version_is_pending_and_not_invoked_before_it_is_active(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    assert functions.publish_version(FunctionName="orders")["State"] == "Pending"

    code, status, message = refused(functions.invoke, FunctionName="orders", Qualifier="1")
    assert (code, status) == ("ResourceConflictException", 409)
    assert "Pending" in message
    settled(functions, "orders", "1")
    assert functions.invoke(FunctionName="orders", Qualifier="1")["ExecutedVersion"] == "1"


def test_a_revision_goes_stale_when_the_update_settles(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    answered = functions.update_function_code(FunctionName="orders", ZipFile=zipped(ECHO % 2))["RevisionId"]
    after = settled(functions, "orders")["RevisionId"]

    assert after != answered
    stale = refused(functions.publish_version, FunctionName="orders", RevisionId=answered)
    assert stale[:2] == ("PreconditionFailedException", 412)
    assert functions.publish_version(FunctionName="orders", RevisionId=after)["Version"] == "1"
