"""What starts a run, what it asks for, and what it hands on."""

import re
from collections.abc import Mapping

from release.views.workflows import DAILY, WEBHOOKS
from tests.workflows.expressions import filled
from tests.workflows.promises.seen import (
    RESULTS,
    WATCH,
    Workflows,
    of_all,
    of_release,
    runs_when,
    same,
)
from tests.workflows.rendered import jobs_of, steps_of, words_in

_TIMES = ("3-59/10 * * * *", DAILY, "")  # what a run was scheduled by; "" for one that a person has started


@of_all
def every_file_starts_by_what_it_is_for(seen: Workflows) -> None:
    for name, workflow in seen.all.items():
        kind = re.match(r"_?[a-z]+", name)
        assert kind
        starts = set(workflow["on"])
        wanted = {
            "_release": [{"workflow_call"}],
            "ci": [{"pull_request"}],
            "deploy": [{"push"}, {"workflow_dispatch"}],
            "watch": [{"schedule", "workflow_dispatch"}],
        }.get(kind[0], [{"workflow_dispatch"}])
        assert starts in wanted, f"{name} starts by {starts}"
    same(seen.all["ci.yml"]["on"], {"pull_request": None})
    same(seen.all[WATCH]["on"]["schedule"], [{"cron": "3-59/10 * * * *"}, {"cron": DAILY}])
    assert re.fullmatch(r"[1-5]?[1-9] \d+ \* \* \*", DAILY), "once a day, and not at a full hour"


@of_all
def the_work_is_done_by_the_reusable_workflow_and_nothing_beside_it(seen: Workflows) -> None:
    own = "_release.yml" in seen.all
    wanted = r"\$" if own else r"acme/lambdas"
    wanted += r"/\.github/workflows/_release\.yml" + ("" if own else "@[0-9a-f]{40}")
    for name, workflow in seen.all.items():
        if name in ("_release.yml", "ci.yml"):
            continue
        jobs = jobs_of(workflow)
        called = [job["uses"] for job in jobs.values() if "uses" in job]
        same((len(jobs), len(called)), (3, 2) if name == WATCH else (1, 1))
        assert all(re.fullmatch(wanted, one) for one in called), f"{name}: {called}"


@of_all
def everything_has_a_name_and_every_input_says_what_it_is(seen: Workflows) -> None:
    for file, workflow in seen.all.items():
        assert workflow["name"] and ("run-name" in workflow or file in ("_release.yml", "ci.yml")), file
        assert all(job["name"] for job in jobs_of(workflow).values()), file
        assert all(step["name"] for _, step in steps_of(workflow)), file
        for start in workflow["on"].values():
            for part in ("inputs", "outputs", "secrets"):
                for one in ((start or {}) if isinstance(start, Mapping) else {}).get(part, {}).values():
                    assert one["description"], file


@of_all
def a_push_to_main_deploys_and_every_other_stage_can_go_back(seen: Workflows) -> None:
    stages: dict[str, set[str]] = {}
    for workflow, job in seen.callers.values():
        given = job["with"]
        if given["action"] in ("deploy", "promote"):
            stages.setdefault(given["pipeline"], set()).add(given["stage"])
        if "push" in workflow["on"]:
            same(workflow["on"]["push"], {"branches": ["main"]})
    for workflow, job in seen.callers.values():
        if job["with"]["action"] == "rollback":
            asked = workflow["on"]["workflow_dispatch"]["inputs"]
            options = asked["stage"]["options"]
            same((set(options), len(options)), (stages[job["with"]["pipeline"]], len(set(options))))
            assert "default" not in asked["stage"], "a stage must be chosen"


@of_all
def a_button_hands_on_every_input_under_its_own_name(seen: Workflows) -> None:
    for name, (workflow, job) in seen.callers.items():
        asked = ((workflow["on"].get("workflow_dispatch") or {}).get("inputs")) or {}
        given = job["with"]
        for one in asked:
            same(given.get(one, f"{name}: {one} is lost"), f"${{{{ inputs.{one} }}}}")
        used = {word for _, text in words_in(given) for word in re.findall(r"inputs\.(\w+)", text)}
        same(used, set(asked))
        # What nobody was asked for is what the file is about; the commit, the version and the reason are not.
        beside = set(given) - set(asked) - {"action", "pipeline", "stage", "environment", "approval"}
        assert not beside, f"{name} hands on {beside}"


@of_all
def buttons_for_what_matters_ask_why_and_can_be_tried_dry(seen: Workflows) -> None:
    first = {job["with"]["stage"] for _, job in seen.callers.values() if "bump" in job["with"]}
    for name, (workflow, job) in seen.callers.items():
        asked = (workflow["on"].get("workflow_dispatch") or {}).get("inputs")
        if not asked:
            continue
        for one in asked.values():
            assert not (one.get("required") and "default" in one), f"{name}: {one} is answered already"
        assert "default" not in asked.get("reason", {}), name
        dry = asked["dry_run"]
        assert (dry["type"], dry["default"]) == ("boolean", False), name
        if job["with"]["action"] in ("promote", "rollback"):
            needed = job["with"]["stage"] not in first
            assert (asked["reason"]["type"], asked["reason"]["required"]) == ("string", needed), name
        if job["with"]["action"] == "rollback":
            assert asked["stage"]["type"] == "choice" and asked["stage"]["required"] is True
        for empty in ("ref", "to"):
            if empty in asked:
                assert (asked[empty]["type"], asked[empty]["default"]) == ("string", ""), name
        if "bump" in asked:
            same(asked["bump"]["type"], "choice")
            same(asked["bump"]["options"], ["auto", "patch", "minor", "major"])
            same(asked["bump"]["default"], "auto")


@of_all
def promotions_ask_for_approval_and_a_rollback_and_a_push_do_not(seen: Workflows) -> None:
    for name, (_, job) in seen.callers.items():
        given = job["with"]
        wanted = given["action"] == "promote"
        assert given.get("approval", True) is wanted, f"{name}: approval {given.get('approval')}"
        wanted_action = name.split()[1] if name.startswith(WATCH) else re.split(r"\W", name)[0]
        assert given["action"] == wanted_action, f"{name} does {given['action']}"


@of_all
def a_run_has_the_environment_of_its_stage(seen: Workflows) -> None:
    for name, (_, job) in seen.callers.items():
        given = job["with"]
        prefix = "" if given["pipeline"] == "fleet" else f"{given['pipeline']}."
        if name.startswith(WATCH):
            wanted = {key: f"${{{{ matrix.{key} }}}}" for key in ("pipeline", "stage", "environment")}
            same({key: given[key] for key in wanted}, wanted)
        else:
            assert given["environment"] == f"{prefix}{given['stage']}", name


@of_all
def a_run_is_named_after_what_goes_where_and_who_has_asked(seen: Workflows) -> None:
    for name, (workflow, _) in seen.callers.items():
        if "watch" in name:
            assert workflow["run-name"]
            continue
        facts = {
            "github.actor": "ada", "github.sha": "c0ffee",
            "inputs.ref": "", "inputs.to": "v1.0.0", "inputs.stage": "prod", "inputs.dry_run": True,
        }  # fmt: skip
        said = filled(workflow["run-name"], facts)
        assert "←" in said and said.endswith("by ada"), said
        assert ("dry run" in said) is ("workflow_dispatch" in workflow["on"]), said


@of_release
def the_reusable_workflow_takes_what_its_contract_says(seen: Workflows) -> None:
    inputs = seen.release["on"]["workflow_call"]["inputs"]
    said = {
        name: one["type"] if one.get("required") else (one["type"], one["default"])
        for name, one in inputs.items()
    }
    same(
        said,
        {
            **dict.fromkeys(("action", "pipeline", "stage", "environment"), "string"),
            **dict.fromkeys(("ref", "to", "reason"), ("string", "")),
            "bump": ("string", "auto"),
            "approval": ("boolean", True),
            "dry_run": ("boolean", False),
        },
    )
    given = seen.release["on"]["workflow_call"]["outputs"]
    same(
        {name: one["value"] for name, one in given.items()},
        {name: f"${{{{ jobs.plan.outputs.{name} }}}}" for name in ("release", "digest")},
    )
    assert all("description" in one for one in (*inputs.values(), *given.values()))
    secrets = seen.release["on"]["workflow_call"]["secrets"]
    same({name: one["required"] for name, one in secrets.items()}, dict.fromkeys(WEBHOOKS, False))
    for name, (_, job) in seen.callers.items():
        required = {key for key, one in inputs.items() if one.get("required")}
        assert required <= set(job["with"]) <= set(inputs), name


@of_all
def watch_looks_without_credentials_and_goes_on_with_each_stage_by_itself(seen: Workflows) -> None:
    watch = seen.all[WATCH]
    same(set(jobs_of(watch)), {"look", "advance", "drift"})
    look, advance, drift = (jobs_of(watch)[name] for name in ("look", "advance", "drift"))
    same(look["permissions"], {"contents": "read"})
    assert "environment" not in look and "if" not in look and "needs" not in look
    assert all("if" not in step for step in look["steps"])
    said = ("any", "matrix", "served", "serving")
    same(look["outputs"], {name: f"${{{{ steps.look.outputs.{name} }}}}" for name in said})
    clone, install, step = look["steps"]
    assert clone["uses"].startswith("actions/checkout@")
    assert re.fullmatch(r"\$/actions/setup|acme/lambdas/actions/setup@[0-9a-f]{40}", install["uses"])
    same((step["id"], step["run"]), ("look", "release workflows under-way"))
    assert "GH_TOKEN" in step["env"]
    same(advance["needs"], "look")
    matrix = {"fail-fast": False, "matrix": "${{ fromJSON(needs.look.outputs.matrix) }}"}
    same(advance["strategy"], matrix)
    same((advance["with"]["action"], advance["with"]["approval"]), ("advance", False))
    runs_when(
        advance,
        lambda run: bool(
            not run["cancelled()"]
            and run["needs.look.result"] == "success"
            and run["needs.look.outputs.any"] == "true"
            and run["github.event.schedule"] != DAILY
        ),
        cancelled=(True, False),
        needs__look__result=RESULTS,
        needs__look__outputs__any=("true", "false", ""),
        github__event__schedule=_TIMES,
    )
    # Once a day, and never beside a rollout that the same run goes on with.
    same(drift["needs"], "look")
    same(drift["strategy"], {"fail-fast": False, "matrix": "${{ fromJSON(needs.look.outputs.serving) }}"})
    same((drift["with"]["action"], drift["with"]["approval"]), ("drift", False))
    runs_when(
        drift,
        lambda run: bool(
            not run["cancelled()"]
            and run["needs.look.result"] == "success"
            and run["needs.look.outputs.served"] == "true"
            and run["github.event.schedule"] == DAILY
        ),
        cancelled=(True, False),
        needs__look__result=RESULTS,
        needs__look__outputs__served=("true", "false", ""),
        github__event__schedule=_TIMES,
    )
    for time in _TIMES:
        group = filled(watch["concurrency"]["group"], {"github.event.schedule": time, "github.run_id": "77"})
        same(group, "watch-drift" if time == DAILY else "watch")
