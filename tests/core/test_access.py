"""What a process may do at most chooses the role that it becomes; nobody saying anything means all of it."""

import pytest

from release.core.access import Access, read_access
from release.core.models import BucketStore, Environment, Place
from release.errors import Misconfigured


@pytest.mark.parametrize(
    ("access", "environment", "artifacts"),
    [(None, "role", "role"), ("build", "role", "role"), ("plan", "plan", "read"), ("deploy", "role", "read")],
)
def test_each_job_takes_the_role_that_can_do_no_more_than_it_needs(
    access: Access | None, environment: str, artifacts: str
) -> None:
    (place,) = Environment("prod", "444444444444", ("us-east-1",), "role", "plan").places
    assert place.role_for(access) == environment
    assert BucketStore("999999999999", "b-{region}", "role", "read").role_for(access) == artifacts


@pytest.mark.parametrize("access", [None, "build", "plan", "deploy"])
def test_where_there_is_one_role_it_does_for_everything(access: Access | None) -> None:
    assert Place("444444444444", "us-east-1", "role").role_for(access) == "role"
    assert Place("444444444444", "us-east-1").role_for(access) is None
    assert BucketStore("999999999999", "b", "role").role_for(access) == "role"
    assert BucketStore("999999999999", "b", None).role_for(access) is None


def test_the_variable_says_it_and_a_slip_is_no_more_than_was_meant() -> None:
    assert read_access({}) is None and read_access({"RELEASE_ACCESS": ""}) is None
    assert read_access({"RELEASE_ACCESS": "plan"}) == "plan"
    with pytest.raises(Misconfigured, match="RELEASE_ACCESS is 'Plan'") as caught:
        read_access({"RELEASE_ACCESS": "Plan"})
    assert "build, plan, deploy" in caught.value.fix
