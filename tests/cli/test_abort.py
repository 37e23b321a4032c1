"""`release abort` of what somebody elsewhere is at, who may be gone; on real git, without any AWS."""

import json
from dataclasses import replace

from release.adapters.holders import ProcessHolders
from release.core.records import Holder
from tests.cli.conftest import Cli
from tests.cli.test_advance import begun
from tests.cli.worlds import Fleet

ABORT = ("abort", "qa", "--reason", "the wrong commit", "--yes")
ID = "20261121T110000Z-fleet-qa-0000abcd"
LATER = "2099-01-01T12:30:00Z"
ELSEWHERE = Holder("elsewhere/boot", 4711, "1")


def test_who_asks_a_process_elsewhere_hears_until_when_it_may_be_gone(
    fleet_in_a_folder: Fleet, cli: Cli
) -> None:
    begun(fleet_in_a_folder, "qa", next_by=LATER, holder=ELSEWHERE)
    ran = cli(*ABORT, at=fleet_in_a_folder.clone)
    assert (ran.code, " ".join(ran.out.split())) == (
        0,
        f"process 4711 on elsewhere is asked to abort {ID}; if it is gone, whoever comes after {LATER} takes"
        " it back",
    )


def test_of_a_workflow_run_it_may_be_sooner(fleet_in_a_folder: Fleet, cli: Cli) -> None:
    for stage in ("dev", "qa"):
        begun(fleet_in_a_folder, stage, next_by=LATER, holder=replace(ELSEWHERE, run="77.1"))
    told = json.loads(cli("abort", "dev", *ABORT[2:], "--json", at=fleet_in_a_folder.clone).out)
    assert told == {"outcome": "asked", "id": ID.replace("qa", "dev"), "holder": "run 77.1", "next_by": LATER}
    ran = cli(*ABORT, at=fleet_in_a_folder.clone)
    assert " ".join(ran.out.split()) == (
        f"run 77.1 is asked to abort {ID}; if it is gone, whoever comes after {LATER} takes it back"
        " (sooner where GitHub says that the run has ended)"
    )


def test_a_living_process_of_this_machine_is_just_asked(fleet_in_a_folder: Fleet, cli: Cli) -> None:
    me = ProcessHolders({}).current()
    for stage in ("dev", "qa"):
        begun(fleet_in_a_folder, stage, next_by=LATER, holder=me)
    ran = cli(*ABORT, at=fleet_in_a_folder.clone)
    assert " ".join(ran.out.split()) == f"{me.label} is asked to abort {ID}"
    told = json.loads(cli("abort", "dev", *ABORT[2:], "--json", at=fleet_in_a_folder.clone).out)
    assert told["next_by"] is None
