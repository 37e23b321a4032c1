"""`release doctor` for real: against the AWS and the forge of the sandbox, over HTTP."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.adapters.clock import SystemClock
from release.adapters.github import GitHubForge
from release.adapters.github.credentials import Home
from release.cli.main import main
from release.core.doctor.findings import exit_code
from release.doctor import Surroundings, examine
from release.sandbox.session import Sandbox
from release.wire import Wiring
from tests.cli.conftest import SANDBOXED, Cli, _somebody
from tests.cli.doctor_worlds import BUCKETS, NAME, STORE, Examined, fixes, reds
from tests.cli.worlds import git

pytestmark = SANDBOXED
Doctor = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def made(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Examined:
    with _somebody():
        return Examined.bare(tmp_path_factory.mktemp("examined") / "fleet", sandbox)


def _sign_in(made: Examined, patch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "CI", "RELEASE_ACCESS"):
        patch.delenv(name, raising=False)
    for name, value in made.environ.items():
        patch.setenv(name, value)


def _found(made: Examined) -> Any:
    """What `release doctor --json` says, in a fixture that has no capture of its own."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main(["-C", str(made.fleet.clone), "doctor", "--json"])
    return json.loads(out.getvalue())


@pytest.fixture
def doctor(cli: Cli, made: Examined, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    _sign_in(made, monkeypatch)

    def run(*words: str) -> tuple[int, Any]:
        ran = cli("doctor", "--json", *words, at=made.fleet.clone)
        assert ran.out, ran.err
        return ran.code, json.loads(ran.out)

    return run


@pytest.fixture(scope="module")
def first(made: Examined, sandbox: Sandbox) -> Any:
    """What is found before anything is set up."""
    with pytest.MonkeyPatch.context() as patch:
        _sign_in(made, patch)
        return _found(made)


@pytest.fixture(scope="module")
def green(made: Examined, first: Any) -> Examined:
    """Everything that was red, mended by the commands that were named."""
    with _somebody():
        for fix in dict.fromkeys(fixes(first)):
            assert made.carry_out(fix) or fix.startswith("release workflows render"), fix
        assert main(["-C", str(made.fleet.clone), "workflows", "render"]) == 0
        made.fleet.commit("ci: render the workflows")
        made.fleet.push()
    made.approve("prod-approval", "ana")
    return made


def test_what_is_not_set_up_is_red_and_everything_that_is_named_for_it_makes_it_green(
    first: Any, doctor: Doctor, green: Examined
) -> None:
    assert {red.partition(" ")[0] for red in reds(first)} == {
        *("workflows", "trust", "bucket-versioned", "bucket-private", "tags-fixed", "ledger-fixed"),
        *("branch", "code-owners", "immutable-releases", "environments"),
    }
    assert not reds(first, "unknown")

    code, found = doctor()

    assert (reds(found), reds(found, "unknown"), code) == ([], [], 0)
    assert found["healthy"]
    assert len(found["findings"]) > 50
    assert not green.sandbox.forge.violations(NAME)


def test_nothing_is_changed_by_looking(doctor: Doctor, green: Examined) -> None:
    before = (green.sandbox.forge.state(NAME), git(green.fleet.remote, "for-each-ref"))
    green.sandbox.forget_calls()

    doctor()

    assert (green.sandbox.forge.state(NAME), git(green.fleet.remote, "for-each-ref")) == before
    reading = ("get", "list", "check", "Get", "Describe", "List", "Head", "AssumeRole")
    calls = [(one["service"], one["operation"]) for one in green.sandbox.calls()]
    assert len(calls) > 30
    assert [call for call in calls if not call[1].rpartition("/")[2].startswith(reading)] == []


def test_each_setting_of_github_turned_bad_makes_its_own_check_red(doctor: Doctor, green: Examined) -> None:
    """All of them at once, because none of them may hide another; their fixes put everything right again."""
    for ruleset in green.github("GET", f"repos/{NAME}/rulesets"):
        green.github("DELETE", f"repos/{NAME}/rulesets/{ruleset['id']}")
    green.github("DELETE", f"repos/{NAME}/immutable-releases")
    green.github(
        "PUT",
        f"repos/{NAME}/actions/permissions/workflow",
        {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": True},
    )
    claims = {"use_default": False, "include_claim_keys": ["repo", "job_workflow_ref"]}
    green.github("PUT", f"repos/{NAME}/actions/oidc/customization/sub", claims)
    green.approve("qa", "ana")
    green.github("PUT", f"repos/{NAME}/environments/build", {"wait_timer": 7})
    green.github("DELETE", f"repos/{NAME}/environments/dev-plan")

    code, found = doctor()

    assert code == 3
    assert reds(found) == [
        "tags-fixed", "ledger-fixed", "branch", "code-owners", "immutable-releases", "environments dev-plan",
        "reviewers qa", "environment-branches build", "token-defaults", "oidc-subject",
    ]  # fmt: skip
    for fix in dict.fromkeys(fixes(found)):
        assert green.carry_out(fix), fix
    assert doctor()[0] == 0
    kept = {one["name"]: one["wait_timer"] for one in green.sandbox.forge.state(NAME)["environments"]}
    assert kept["build"] == 7


def test_each_setting_of_aws_turned_bad_makes_its_own_check_red(doctor: Doctor, green: Examined) -> None:
    s3 = green.aws("s3", STORE)
    s3.put_bucket_versioning(Bucket=BUCKETS[0], VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=BUCKETS[0])
    green.trust_anybody("release-plan", "444444444444")

    code, found = doctor()

    assert code == 3
    assert reds(found) == [
        "trust 444444444444/release-plan",
        f"bucket-versioned {BUCKETS[0]}", f"bucket-private {BUCKETS[0]}",
    ]  # fmt: skip
    for fix in fixes(found):
        assert green.carry_out(fix), fix
    assert doctor()[0] == 0


def test_what_a_plan_may_not_read_is_red_with_the_permission(doctor: Doctor, green: Examined) -> None:
    fault = green.sandbox.add_fault(
        {"service": "cloudformation", "operation": "DescribeStacks", "status": 403, "code": "AccessDenied"}
    )
    try:
        code, found = doctor("--stage", "dev")
    finally:
        green.sandbox.remove_fault(fault)

    assert (code, reds(found)) == (3, ["reads dev us-east-1"])
    (fix,) = fixes(found)
    assert "cloudformation:DescribeStacks" in fix


def test_a_bucket_that_is_not_there_is_red_and_the_other_region_is_not(
    doctor: Doctor, green: Examined
) -> None:
    green.aws("s3", STORE, "us-west-2").delete_bucket(Bucket=BUCKETS[1])

    code, found = doctor("--stage", "prod")

    assert (code, reds(found)) == (3, [f"bucket {BUCKETS[1]}"])
    (fix,) = fixes(found)
    assert green.carry_out(fix)
    _, found = doctor("--stage", "prod")
    assert reds(found) == [f"bucket-versioned {BUCKETS[1]}", f"bucket-private {BUCKETS[1]}"]
    for fix in fixes(found):
        assert green.carry_out(fix)


def test_each_thing_of_the_clone_turned_bad_makes_its_own_check_red(
    doctor: Doctor, green: Examined, cli: Cli, tmp_path: Path
) -> None:
    copy = green.fleet.copied(tmp_path / "copy")
    copy.git("tag", "v1.0.0")
    (copy.clone / ".github" / "workflows" / "watch.yml").write_text("name: mine\n", encoding="utf-8")

    ran = cli("doctor", "--json", "--stage", "dev", at=copy.clone)

    found = json.loads(ran.out)
    assert (ran.code, reds(found)) == (3, ["tags", "workflows"])
    assert next(fixes(found)) == "git tag -d v1.0.0"
    copy.push("v1.0.0")
    ran = cli("doctor", "--json", "--stage", "dev", at=copy.clone)
    assert reds(json.loads(ran.out)) == ["ledger", "workflows"]


def test_a_token_that_may_not_ask_leaves_unknown_what_it_may_not_know_and_says_what_it_lacks(
    doctor: Doctor, green: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", green.sandbox.forge.app_token(NAME, contents="read"))

    code, found = doctor()

    assert (code, reds(found)) == (4, [])
    assert [red.partition(" ")[0] for red in reds(found, "unknown")] == [
        "tags-fixed", "ledger-fixed", "immutable-releases", "environments", "reviewers",
        "environment-branches", "token-defaults", "oidc-subject",
    ]  # fmt: skip
    by_check = {one["check"]: one for one in found["findings"]}
    assert "`actions: read`" in by_check["environments"]["fix"]
    assert "`administration: read`" in by_check["immutable-releases"]["fix"]
    assert by_check["branch"]["state"] == "ok"


class _Hasty(SystemClock):
    """Does not wait between tries."""

    def sleep(self, seconds: float) -> None:
        pass


def test_a_github_that_is_down_leaves_the_rest_to_be_seen(doctor: Doctor, green: Examined) -> None:
    wired = Wiring(green.fleet.clone)
    nowhere = Home("http://127.0.0.1:9/api/v3", "http://127.0.0.1:9", NAME)
    around = Surroundings(
        wired.repo,
        wired.ledger,
        wired.machine,
        wired.aws_setup,
        forge=lambda: GitHubForge(nowhere, None, _Hasty()),
        out_of_step=lambda: ((), ""),
        handed_on=lambda pipelines: (),
        variables=frozenset(),
    )

    found = examine(around, "dev")

    assert exit_code(found) == 4
    states: dict[str, set[str]] = {}
    for one in found:
        states.setdefault(one.check.group, set()).add(one.state)
    assert states == {"This clone": {"ok"}, "AWS": {"ok"}, "GitHub": {"unknown"}}
    assert "out of reach" in next(one.says for one in found if one.check.id == "github")


def test_without_credentials_aws_is_unknown_and_the_rest_is_seen(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    code, found = doctor()

    assert (code, reds(found)) == (4, [])
    unknown = [one for one in found["findings"] if one["state"] == "unknown"]
    assert {one["group"] for one in unknown} == {"AWS"}
    assert {one["check"] for one in unknown} == {"account", "reads", "trust", "bucket"}
    assert all("aws sso login" in one["fix"] for one in unknown)


def test_credentials_of_another_account_are_red(
    cli: Cli, doctor: Doctor, green: Examined, tmp_path: Path
) -> None:
    copy = green.fleet.copied(tmp_path / "copy")
    text = (copy.clone / "pipelines" / "environments.yaml").read_text(encoding="utf-8")
    ambient = text.replace(', role: "arn:aws:iam::111111111111:role/release-deploy"', "")
    assert ambient != text
    copy.commit("chore: no role", {"pipelines/environments.yaml": ambient})
    copy.push()

    ran = cli("doctor", "--json", "--stage", "dev", at=copy.clone)

    assert (ran.code, reds(json.loads(ran.out))) == (3, ["account dev us-east-1"])


def test_people_read_short_greens_and_whole_commands(cli: Cli, doctor: Doctor, green: Examined) -> None:
    green.github("DELETE", f"repos/{NAME}/immutable-releases")

    ran = cli("doctor", at=green.fleet.clone)

    assert ran.code == 3
    lines = [line.strip() for line in ran.out.splitlines()]
    assert "✓ git" in "\n".join(lines) and "to mend" in lines[-1]
    assert f"fix: gh api -X PUT repos/{NAME}/immutable-releases" in lines
    assert "see: https://docs.github.com/en/code-security/supply-chain-security/" in ran.out
    assert "understanding-your-software-supply-chain/immutable-releases\n" in ran.out  # wider than the rest
    assert len(lines) < 50
    green.github("PUT", f"repos/{NAME}/immutable-releases")


def test_without_a_remote_that_is_what_is_wrong_and_what_hangs_on_it_is_unknown(
    cli: Cli, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet", "--template=", ".")
    monkeypatch.delenv("GITHUB_API_URL")

    ran = cli("doctor", "--json", at=tmp_path)

    found = json.loads(ran.out)
    assert (ran.code, reds(found)) == (3, ["remote", "workflows"])
    assert reds(found, "unknown") == ["tags", "ledger", "configuration", "github"]


def test_a_remote_that_does_not_answer_makes_nothing_on_github_red(
    cli: Cli, doctor: Doctor, green: Examined, tmp_path: Path
) -> None:
    copy = green.fleet.copied(tmp_path / "copy")
    copy.git("config", "remote.origin.url", "http://127.0.0.1:9/nothing.git")

    ran = cli("doctor", "--json", at=copy.clone)

    found = json.loads(ran.out)
    assert (ran.code, reds(found)) == (4, [])
    assert reds(found, "unknown") == ["remote", "tags", "ledger", "configuration", "code-owners"]


def test_a_stage_that_no_pipeline_has_is_named(cli: Cli, doctor: Doctor, made: Examined) -> None:
    ran = cli("doctor", "--stage", "staging", at=made.fleet.clone)

    assert (ran.code, ran.lines("error:")) == (2, ["no pipeline has a stage staging"])
    assert ran.lines("fix:") == ["name one of: dev, qa, prod"]
