"""Who is at work on a laptop: the login of a token, where the forge says whose it is."""

from collections.abc import Mapping

import pytest

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.core.eyes import NOBODY
from release.core.records import Event
from release.sandbox.session import Sandbox
from release.wire import Wiring
from tests.cli.conftest import Cli
from tests.cli.record_worlds import FORGED
from tests.cli.worlds import Fleet

pytestmark = FORGED


def environ(fleet: Fleet, sandbox: Sandbox, token: str) -> Mapping[str, str]:
    name = sandbox.forge.add_repository(f"acme/people-{fleet.folder.parent.name}", fleet.remote)
    return {**sandbox.forge.environment(name), "GH_TOKEN": token}


def newest(fleet: Fleet) -> Event:
    ledger = GitLedger(GitRepo.open(fleet.clone), SystemClock())
    return ledger.events(ledger.read(), limit=1)[0]


def hold(cli: Cli, fleet: Fleet) -> Event:
    ran = cli("hold", "qa", "--reason", "a test", "--yes", at=fleet.clone)
    assert ran.code == 0, ran.err
    return newest(fleet)


def test_the_record_has_the_login_and_that_a_token_proves_it(
    fleet: Fleet, sandbox: Sandbox, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(fleet, sandbox, "gho_ana").items():
        monkeypatch.setenv(name, value)

    event = hold(cli, fleet)

    assert (event.actor, event.known, event.run) == ("ana", "token", None)


@pytest.mark.parametrize(
    ("token", "api"),
    [("", None), ("ghs_app", None), ("gho_not a token", None), ("gho_ana", "http://127.0.0.1:9/api/v3")],
    ids=["none", "an app's", "no token", "GitHub is away"],
)
def test_without_a_proof_it_is_the_git_user_name_that_proves_nothing(
    token: str, api: str | None, fleet: Fleet, sandbox: Sandbox, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(fleet, sandbox, token).items():
        monkeypatch.setenv(name, value)
    if api is not None:
        monkeypatch.setenv("GITHUB_API_URL", api)

    event = hold(cli, fleet)

    assert (event.actor, event.known) == ("Test Person", None)


def test_who_asks_is_looked_up_only_when_a_gate_wants_to_know(fleet: Fleet, sandbox: Sandbox) -> None:
    sandbox.forget_calls()
    asking = Wiring(fleet.clone, environ(fleet, sandbox, "gho_ana")).asking()
    assert not [call for call in sandbox.calls() if call["service"] == "github"]

    assert asking.asker.logins == {"ana"}
    assert asking.asker.logins == {"ana"}

    assert [call["operation"] for call in sandbox.calls() if call["service"] == "github"] == [
        "users/get-authenticated"
    ]


def test_in_a_job_the_run_says_who_it_is_and_a_token_is_not_asked(fleet: Fleet, sandbox: Sandbox) -> None:
    job = {**environ(fleet, sandbox, "gho_ana"), "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7"}

    assert Wiring(fleet.clone, job | {"GITHUB_ACTOR": "grace"}).asking().asker.logins == {"grace"}
    assert Wiring(fleet.clone, job).asking().asker == NOBODY
    who = Wiring(fleet.clone, job | {"GITHUB_ACTOR": "grace"}).who()
    assert (who.actor, who.run, who.known) == ("grace", "7.1", None)
