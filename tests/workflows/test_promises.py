"""Every promise, kept by the workflows of this repository and by those of fleets."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from release.core.recipients import Recipient
from release.views.workflows import WEBHOOKS
from tests.workflows.promises import OF_ALL, OF_RELEASE, Promise, Workflows
from tests.workflows.promises.setup import OF_SETUP
from tests.workflows.rendered import ROOT, SHARED, made_up, of_this_repository, texts_of

_FLEETS = made_up({"fleet": ["dev", "qa", "uat", "prod", "training"], "payments": ["dev", "qa"]})
_TOLD = tuple(Recipient("webhook", name) for name in WEBHOOKS)
OWN = Workflows(texts_of(of_this_repository()))
TWO = Workflows(texts_of(replace(_FLEETS, recipients=_TOLD)))
SHARING = Workflows(texts_of(_FLEETS, SHARED))  # by the workflow of another repository
REPOSITORIES: Mapping[str, Workflows] = {"own": OWN, "two pipelines": TWO, "only buttons": SHARING}
ACTION = (ROOT / "actions" / "setup" / "action.yml").read_text(encoding="utf-8")


def name_of(promise: Callable[..., None]) -> str:
    return promise.__name__


@pytest.mark.parametrize("repository", REPOSITORIES)
@pytest.mark.parametrize("promise", OF_ALL, ids=name_of)
def test_everywhere(promise: Promise, repository: str) -> None:
    promise(REPOSITORIES[repository])


@pytest.mark.parametrize("promise", OF_RELEASE, ids=name_of)
def test_of_the_reusable_workflow(promise: Promise) -> None:
    """It is the same for every pipeline, so once is enough."""
    assert TWO.texts["_release.yml"] == OWN.texts["_release.yml"]
    promise(OWN)


@pytest.mark.parametrize("promise", OF_SETUP, ids=name_of)
def test_of_the_setup_action(promise: Callable[[str], None]) -> None:
    promise(ACTION)


def test_the_setup_action_installs_python_by_the_same_action_as_the_workflows() -> None:
    (pin,) = re.findall(r"uses: (.*)", ACTION)

    assert f"uses: {pin}\n" in OWN.texts["ci.yml"]
