"""GitHub lets no job tag a commit whose workflows are those of no branch: a blocker, and only then."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.core import canonical, trailers
from release.core.eyes import NOBODY, Asking, pushes_by_job_token
from release.core.manifest import Manifest
from release.core.versions import Next
from release.promotion import Request, next_release, read_setup
from tests.cli.worlds import FLEET, Fleet

WORKFLOW = ".github/workflows/promote-uat.yml"
JOB = {"GITHUB_ACTIONS": "true", "GH_TOKEN": "ghs_of_a_job"}


def answered(fleet: Fleet, environ: Mapping[str, str], stage: str) -> Next:
    repo = GitRepo.open(fleet.clone)
    asking = Asking(lambda: NOBODY, datetime(2026, 11, 23, tzinfo=UTC), pushes_by_job_token(environ))
    setup = read_setup(repo, GitLedger(repo, SystemClock()), None, asking=asking)
    answer, _ = next_release(repo, setup, Request("promote", stage))
    return answer


def codes(fleet: Fleet, environ: Mapping[str, str] = JOB) -> list[str]:
    """What keeps the release of qa from uat."""
    return [blocker.code for blocker in answered(fleet, environ, "uat").blockers]


@pytest.fixture
def changed(fleet: Fleet) -> Fleet:
    """What qa runs has one workflow, and main another one since."""
    commit = fleet.commit("ci: a workflow", {WORKFLOW: "name: one\n"})
    fleet.push()
    fleet.ran("dev", commit, 5)
    built = Manifest("fleet", commit, "lambda-release 0.1.0", {}).to_bytes()  # as `ran` stores it
    stated = {"Release-Manifest": canonical.sha256(built)}
    fleet.tag("v1.0.0-qa.3", commit, message=trailers.format_message("v1.0.0-qa.3", stated))
    fleet.ran("qa", commit, 6, "v1.0.0-qa.3")
    assert codes(fleet) == []  # main has the same
    fleet.commit("feat: more", {"services/orders/orders/data.txt": "more"})
    fleet.push()
    assert codes(fleet) == []  # another commit, the same workflows
    fleet.commit("ci: another workflow", {WORKFLOW: "name: two\n"})
    fleet.push()
    return fleet


def test_a_job_cannot_tag_a_commit_with_other_workflows(changed: Fleet) -> None:
    assert codes(changed) == ["workflows-differ"]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"GH_TOKEN": "gho_of_a_person"},
        {"GITHUB_ACTIONS": "true", "GH_TOKEN": "github_pat_of_a_person"},
        {**JOB, "RELEASE_TOKEN_MAY_TAG_WORKFLOWS": "true"},
    ],
)
def test_who_pushes_with_another_token_may(changed: Fleet, environ: Mapping[str, str]) -> None:
    assert codes(changed, environ) == []


def test_a_branch_that_is_released_from_and_has_them_is_enough(changed: Fleet) -> None:
    commit = changed.git("rev-parse", "v1.0.0-qa.3^{commit}")
    changed.push(f"{commit}:refs/heads/hotfix/one")
    assert codes(changed) == ["workflows-differ"]  # no branch of this pipeline
    changed.commit("chore: hotfixes", {"pipelines/fleet.yaml": FLEET.replace("[main]", '[main, "hotfix/*"]')})
    changed.push()

    assert codes(changed) == []


def test_a_tag_that_is_there_already_needs_no_push(changed: Fleet) -> None:
    answer = answered(changed, JOB, "qa")

    assert (answer.tag, answer.existing, answer.blockers) == ("v1.0.0-qa.3", True, ())
