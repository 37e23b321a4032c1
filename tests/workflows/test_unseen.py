"""Slips that the author of the promises had not seen when they were written. Each is noticed by a promise."""

from pathlib import Path

import pytest
import yaml

from tests.workflows.promises import Workflows
from tests.workflows.promises.setup import OF_SETUP
from tests.workflows.slips import Slip
from tests.workflows.test_mutations import QUICK_FIRST
from tests.workflows.test_promises import ACTION, OWN

LISTED = yaml.safe_load(Path(__file__).with_name("unseen.yaml").read_text(encoding="utf-8"))
SLIPS = [Slip(name, file, *words) for file, slips in LISTED.items() for name, *words in slips]
IN_SETUP = [slip for slip in SLIPS if slip.file == "action.yml"]
IN_WORKFLOWS = [slip for slip in SLIPS if slip.file != "action.yml"]


def name_of(slip: Slip) -> str:
    return slip.name


@pytest.mark.parametrize("slip", IN_WORKFLOWS, ids=name_of)
def test_a_slip_in_a_workflow_is_noticed(slip: Slip) -> None:
    text = slip.made_in(OWN).texts[slip.file]
    others = {name: workflow for name, workflow in OWN.all.items() if name != slip.file}
    seen = Workflows({**OWN.texts, slip.file: text}, others)

    assert seen.all[slip.file] != OWN.all[slip.file]  # it is YAML, and says something else
    with pytest.raises(AssertionError):
        for promise in QUICK_FIRST:
            promise(seen)


@pytest.mark.parametrize("slip", IN_SETUP, ids=name_of)
def test_a_slip_in_the_setup_action_is_noticed(slip: Slip) -> None:
    text = slip.made_in(Workflows({"action.yml": ACTION})).texts["action.yml"]

    assert yaml.safe_load(text) != yaml.safe_load(ACTION)
    with pytest.raises(AssertionError):
        for promise in OF_SETUP:
            promise(text)
