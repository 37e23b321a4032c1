"""Every action that a role is given is needed: with it the tool gets on, without it AWS says no."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from release.core.permissions import OPERATIONS, RoleKind, actions_of, grants
from release.errors import ReleaseError
from tests.permissions.conftest import ACCOUNT
from tests.permissions.roles import without
from tests.permissions.tries import TRIES, UNSEEN, Tried

KINDS: tuple[RoleKind, ...] = ("build", "read", "plan", "deploy")
# Each action with one role that has it: who asks makes no difference to how the sandbox judges.
pytestmark = pytest.mark.xdist_group("roles")  # or each worker would start its sandbox
GIVEN = list(
    {action: kind for kind in KINDS for action in actions_of(kind) if (kind, action) not in UNSEEN}.items()
)


@pytest.fixture
def tried(one_account: Tried, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tried]:
    for name, value in one_account.sandbox.environment(account=ACCOUNT, base={}).items():
        monkeypatch.setenv(name, value)
    yield one_account


@pytest.mark.parametrize(("action", "kind"), GIVEN, ids=[" of ".join(one) for one in GIVEN])
def test_without_one_action_a_role_is_refused_and_with_all_it_is_not(
    action: str, kind: RoleKind, tried: Tried
) -> None:
    whole = list(grants(kind, tried.bounds))

    tried.become(kind, whole)
    assert refusal(tried, action) is None
    tried.become(kind, without(whole, action))
    assert refusal(tried, action) is not None


@pytest.mark.parametrize("action", ["lambda:UpdateFunctionCode", "lambda:GetFunction"])
def test_a_role_may_do_nothing_to_what_has_another_name(action: str, tried: Tried) -> None:
    tried.become("deploy", list(grants("deploy", replace(tried.bounds, functions=("*-qa",)))))

    assert refusal(tried, action) is not None


def test_every_action_of_the_table_is_tried_or_told_to_be_unseen() -> None:
    table = {(kind, need.action) for one in OPERATIONS for kind in one.roles for need in one.needs}

    assert {pair for pair in table if pair[1] not in TRIES and pair not in UNSEEN} == set()
    assert set(UNSEEN) <= table
    assert {action for _, action in table} >= set(TRIES)


def refusal(tried: Tried, action: str) -> str | None:
    """What the sandbox refused while this was tried. Other failures are raised."""
    tried.sandbox.forget_calls()
    said = None
    try:
        TRIES[action](tried)
    except Exception as error:
        if not any(word in str(error) for word in ("denied", "Denied", "not authorized", "Forbidden")):
            raise
        said = str(error)
    refused = [call for call in tried.sandbox.calls() if call["status"] == 403]
    return said or (str(refused[0]["operation"]) if refused else None)


def test_what_is_refused_names_what_is_missing(tried: Tried) -> None:
    tried.become("plan", without(grants("plan", tried.bounds), "lambda:GetAlias"))

    with pytest.raises(ReleaseError, match="lambda:GetAlias"):
        TRIES["lambda:GetAlias"](tried)
