from datetime import time, timedelta

import pytest

from release.config import load_pipelines
from release.core.freeze import FreezeWindow
from release.core.models import AllAtOnce, Gradual, Rollout
from tests.config.texts import FLEET, PIPELINES, pipeline_complaints, pipelines_with

GATES = 'gates: {soak: 24h, four_eyes: true, freeze: ["Fri 16:00 - Mon 08:00 America/New_York"]}'
CANARY = (
    '{canary: [10, 50, 100], bake: 5m, min_samples: 100, max_error_rate: 1%, alarms: ["{function}-errors"]}'
)


def complaint(old: str, new: str) -> str:
    (only,) = pipeline_complaints(pipelines_with(FLEET, old, new))
    return only.removeprefix("pipelines/fleet.yaml:")


def rollouts_with(old: str, new: str, stage: str = "prod") -> dict[str, Rollout]:
    found = load_pipelines(pipelines_with(FLEET, old, new)).pipelines["fleet"].stage(stage)
    assert found is not None
    return dict(found.rollouts)


# gates


def test_every_known_gate_loads_whether_it_is_built_or_not() -> None:
    windows = "[Sat 00:00 - Sun 23:59 UTC, Mon 01:00 - Mon 02:00 UTC]"
    gates = f"{{soak: 2d, four_eyes: true, freeze: {windows}, order: true"
    texts = pipelines_with(
        FLEET, GATES, f"gates: {gates}, no_lost_commits: true, alarms_clear: true, signed_off: true}}"
    )
    stage = load_pipelines(texts).pipelines["fleet"].stage("prod")
    assert stage is not None
    assert {gate.name: gate.setting for gate in stage.gates} == {
        "soak": "2d",
        "four_eyes": "true",
        "freeze": "Sat 00:00 - Sun 23:59 UTC; Mon 01:00 - Mon 02:00 UTC",
        "order": "true",
        "no_lost_commits": "true",
        "alarms_clear": "true",
        "signed_off": "true",
    }


def test_gates_carry_what_they_mean() -> None:
    stage = load_pipelines(PIPELINES).pipelines["fleet"].stage("prod")
    assert stage is not None
    values = {gate.name: gate.value for gate in stage.gates}
    window = FreezeWindow(4, time(16), 0, time(8), "America/New_York")
    assert values == {"soak": timedelta(hours=24), "four_eyes": None, "freeze": (window,)}


@pytest.mark.parametrize("gate", ["soak: 1h", "signed_off: true"])
def test_a_gate_about_the_stage_before_needs_one(gate: str) -> None:
    found = complaint("    rollout: all-at-once\n", f"    rollout: all-at-once\n    gates: {{{gate}}}\n")
    name = gate.partition(":")[0]
    assert found == (
        f"9: stages/0/gates/{name}: the gate {name} asks about the stage before,"
        " and this one comes after none; add `after:` with that stage, or take the line out"
    )


def test_an_unknown_gate_is_an_error_with_a_guess() -> None:
    assert complaint("four_eyes: true", "foureyes: true") == (
        "20: stages/3/gates/foureyes: there is no gate 'foureyes'; did you mean 'four_eyes'? (one of: soak,"
        " four_eyes, freeze, order, no_lost_commits, alarms_clear, signed_off)"
    )


def test_a_gate_cannot_be_switched_off_by_false() -> None:
    assert complaint("four_eyes: true", "four_eyes: false") == (
        "20: stages/3/gates/four_eyes: a gate cannot be false; take the line out"
    )


def test_yes_is_no_boolean_and_the_fix_says_so() -> None:
    assert complaint("four_eyes: true", "four_eyes: yes") == (
        "20: stages/3/gates/four_eyes: must be true or false, and is a text: 'yes';"
        " write true or false: YAML 1.2 reads yes, no, on and off as texts"
    )


@pytest.mark.parametrize(
    "soak", ["24", "1.5h", "0h", "-1h", "24 h", "h", "999999d", '"24h\\n"', "", "[24h]", "9" * 5000]
)
def test_soak_is_a_duration(soak: str) -> None:
    assert complaint("soak: 24h", f"soak: {soak}").startswith("20: stages/3/gates/soak: ")


@pytest.mark.parametrize(
    ("window", "what"),
    [
        ("Fri 16:00 - Mon 08:00", "is not a freeze window"),
        ("Friday 16:00 - Mon 08:00 UTC", "is not a freeze window"),
        (
            "Fry 16:00 - Mon 08:00 UTC",
            "has the day 'Fry', which is none of Mon, Tue, Wed, Thu, Fri, Sat, Sun",
        ),
        ("Fri 24:00 - Mon 08:00 UTC", "has the time '24:00'; times are 00:00 to 23:59"),
        ("Fri 16:00 - Mon 08:00 America/NewYork", "has the zone 'America/NewYork', which is no name of"),
        ("Fri 16:00 - Mon 08:00 America", "has the zone 'America', which is no name of"),
        ("Fri 16:00 - Fri 16:00 UTC", "ends when it starts"),
    ],
)
def test_a_freeze_window_is_a_stretch_of_the_week_in_a_zone(window: str, what: str) -> None:
    found = complaint("Fri 16:00 - Mon 08:00 America/New_York", window)
    assert found.startswith("20: stages/3/gates/freeze/0: ")
    assert what in found


def test_freeze_is_a_list() -> None:
    assert complaint('["Fri 16:00 - Mon 08:00 America/New_York"]', "Fri 16:00 - Mon 08:00 UTC").startswith(
        "20: stages/3/gates/freeze: must be a list, and is a text"
    )


# what a failure leads to


def test_a_failed_rollout_holds_the_stage_where_that_is_said() -> None:
    def on_failure(*lines: str) -> str:
        texts = pipelines_with(FLEET, "    after: uat\n", "".join(["    after: uat\n", *lines]))
        stage = load_pipelines(texts).pipelines["fleet"].stage("prod")
        assert stage is not None
        return stage.on_failure

    assert on_failure() == on_failure("    on_failure: go-on\n") == "go-on"
    assert on_failure("    on_failure: hold\n") == "hold"


def test_a_failure_leads_to_nothing_else() -> None:
    assert complaint("    after: uat\n", "    after: uat\n    on_failure: stop\n") == (
        "20: stages/3/on_failure: 'stop' is not what a failure leads to; one of: go-on, hold"
    )


# the way into a stage


def test_a_stage_is_filled_from_anywhere_unless_actions_alone_may() -> None:
    def via(line: str) -> str:
        texts = pipelines_with(FLEET, "    after: uat\n", f"    after: uat\n{line}")
        stage = load_pipelines(texts).pipelines["fleet"].stage("prod")
        assert stage is not None
        return stage.via

    assert via("") == via("    via: here\n") == "here"
    assert via("    via: actions\n") == "actions"


def test_there_is_no_other_way_into_a_stage() -> None:
    assert complaint("    after: uat\n", "    after: uat\n    via: action\n") == (
        "20: stages/3/via: 'action' is not a way into a stage; did you mean 'actions'?"
        " (one of: here, actions)"
    )


# rollouts


def test_one_rollout_goes_for_every_region() -> None:
    two_regions = "rollout: all-at-once\n    environment: prod"
    assert rollouts_with("rollout: all-at-once", two_regions, "dev") == {
        "us-east-1": AllAtOnce(),
        "us-west-2": AllAtOnce(),
    }
    gradual = rollouts_with("rollout: all-at-once", f"rollout: {CANARY}\n    environment: prod", "dev")
    assert set(gradual) == {"us-east-1", "us-west-2"}


def test_a_canary_without_numbers_is_measured_by_the_defaults() -> None:
    canary = rollouts_with(CANARY, "{canary: [5, 100], bake: 90s}")["us-east-1"]
    assert isinstance(canary, Gradual)
    assert (canary.steps, canary.bake) == ((5, 100), timedelta(seconds=90))
    assert (canary.min_samples, canary.max_error_rate, canary.alarms) == (100, 0.01, ())
    assert (canary.max_p99, canary.probe) == (None, False)


def test_a_canary_may_be_judged_by_how_long_calls_take_and_be_probed() -> None:
    canary = rollouts_with(CANARY, "{canary: [5, 100], bake: 90s, max_p99: 1500ms, probe: true}")["us-east-1"]
    assert isinstance(canary, Gradual)
    assert (canary.max_p99, canary.probe) == (timedelta(seconds=1.5), True)


def test_a_linear_rollout_takes_equal_steps_and_ends_with_everything() -> None:
    linear = rollouts_with(CANARY, "{linear: 30, bake: 5m}")["us-east-1"]
    assert isinstance(linear, Gradual)
    assert linear.steps == (30, 60, 90, 100)


def test_a_replica_may_have_a_canary() -> None:
    assert isinstance(rollouts_with("us-west-2: all-at-once", f"us-west-2: {CANARY}")["us-west-2"], Gradual)


def test_every_region_of_the_environment_has_a_rollout() -> None:
    assert complaint("      us-west-2: all-at-once", "#") == (
        "21: stages/3/rollout: says nothing about the region us-west-2;"
        " add `us-west-2:`, as in us-west-2: all-at-once"
    )


def test_a_rollout_names_no_other_region() -> None:
    found = pipeline_complaints(pipelines_with(FLEET, "us-west-2: all", "us-west-1: all"))
    assert found[1] == (
        "pipelines/fleet.yaml:23: stages/3/rollout/us-west-1: 'us-west-1' is neither a region of this"
        " environment"
        " nor a part of a rollout; did you mean 'us-west-2'? (one of: us-east-1, us-west-2, canary,"
        " linear, bake,"
        " min_samples, max_error_rate, max_p99, alarms, probe)"
    )


def test_a_rollout_must_be_said() -> None:
    assert complaint("    rollout: all-at-once\n", "") == "6: stages/0/rollout: is missing; add `rollout:`"


def test_a_misspelt_rollout_gets_a_guess() -> None:
    assert complaint("rollout: all-at-once", "rollout: all_at_once") == (
        "8: stages/0/rollout: 'all_at_once' is not a rollout;"
        " did you mean 'all-at-once'? (one of: all-at-once, canary, linear)"
    )
    assert complaint("rollout: all-at-once", "rollout: canary") == (
        "8: stages/0/rollout: a canary rollout needs its steps; write {canary: [10, 50, 100], bake: 5m}"
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[10, 50, 100]", "[50, 10, 100]", "canary: the steps 50, 10, 100 do not rise"),
        ("[10, 50, 100]", "[10, 10, 100]", "canary: the steps 10, 10, 100 do not rise"),
        ("[10, 50, 100]", "[10, 50]", "canary: the steps end with 50, not with 100"),
        (
            "[10, 50, 100]",
            "[0, 100]",
            "canary/0: '0' is out of range; write a whole number from 1 to 100 percent",
        ),
        ("[10, 50, 100]", "[10, 101]", "canary/1: '101' is out of range"),
        (
            "[10, 50, 100]",
            "[10%, 100]",
            "canary/0: must be a whole number from 1 to 100 percent, and is a text",
        ),
        ("[10, 50, 100]", '["10", 100]', "canary/0: must be a whole number"),
        ("[10, 50, 100]", "[1.5, 100]", "canary/0: must be a whole number"),
        (
            "[10, 50, 100]",
            "[010, 100]",
            "canary/0: '010' means different numbers to different readers of YAML",
        ),
        ("[10, 50, 100]", f"[{'9' * 5000}, 100]", "canary/0: '9999"),
        ("[10, 50, 100]", "[]", "canary: is an empty list"),
        ("[10, 50, 100]", "10", "canary: must be a list, and is an integer: '10'"),
        ("canary: [10, 50, 100], ", "", ": names neither canary nor linear"),
        ("canary: [10", "linear: 10, canary: [10", ": names both canary and linear"),
        ("bake: 5m, ", "", "bake: is missing"),
        ("bake: 5m", "bake: 5", "bake: the duration '5' has no unit"),
        ("min_samples: 100", "min_samples: 0", "min_samples: '0' is out of range"),
        ("min_samples: 100", "min_samples: true", "min_samples: must be a whole number"),
        ("max_error_rate: 1%", "max_error_rate: 0.01", "max_error_rate: '0.01' is not a percentage"),
        ("max_error_rate: 1%", "max_error_rate: 101%", "max_error_rate: '101%' is not a percentage"),
        ("max_error_rate: 1%", "max_error_rate: .nan", "max_error_rate: '.nan' is not a percentage"),
        ("bake: 5m", "bake: 5m, max_p99: 1500", "max_p99: the duration '1500' has no unit; write ms, s or m"),
        ("bake: 5m", "bake: 5m, max_p99: 1h", "max_p99: '1h' is not the duration of a call; write a whole"),
        (
            "bake: 5m",
            "bake: 5m, max_p99: 0ms",
            "max_p99: must be longer than nothing and at most 900 seconds",
        ),
        ("bake: 5m", "bake: 5m, max_p99: 901s", "max_p99: must be longer than nothing and at most 900"),
        ("bake: 5m", "bake: 5m, probe: yes", "probe: must be true or false"),
        ("{function}-errors", "{funktion}-errors", "alarms/0: '{funktion}-errors' is not an alarm name"),
        (
            "min_samples",
            "min_sample",
            "min_sample: the key 'min_sample' is not known; did you mean 'min_samples'?",
        ),
    ],
)
def test_a_canary_is_checked_in_every_part(old: str, new: str, expected: str) -> None:
    separator = "" if expected.startswith(":") else "/"
    assert complaint(old, new).startswith(f"22: stages/3/rollout/us-east-1{separator}{expected}")


@pytest.mark.parametrize("step", ["0", "100", "10%", "[10]"])
def test_a_linear_step_is_a_part_of_the_traffic(step: str) -> None:
    found = complaint(CANARY, f"{{linear: {step}, bake: 5m}}")
    assert found.startswith("22: stages/3/rollout/us-east-1/linear: ")
