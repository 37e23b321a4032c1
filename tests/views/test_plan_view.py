"""A plan as people read it before they say yes, and as a machine keeps it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from release.core import canonical
from release.core.actions import describe
from release.core.blockers import Blocker
from release.core.models import Gradual, Migration
from release.core.plan import Plan
from release.core.records import ReleaseRef, Served
from release.views.plan import plan_json, plan_text
from tests.fakes.hooked import HookedWorld
from tests.fakes.world import SOURCE, World, fleet
from tests.views.screens import shown, words


def drafted(world: World, tag: str, **more: Any) -> Plan:
    world.build(tag, **more)
    return world.draft(tag).plan


def test_an_upgrade_shows_now_and_next_of_every_function_and_the_order_of_work() -> None:
    world = fleet().live("v1.0.0")
    plan = drafted(world, "v1.1.0", template="second")
    text = shown(plan_text(plan))
    assert text.splitlines()[0] == "promote v1.1.0 to prod  from uat"
    now, new = plan.changes[0].served.code, plan.changes[0].artifact
    assert now is not None
    for region in ("us-east-1", "us-west-2"):
        assert f"configs-api  {region}  1 · {now[:10]}  {new[:10]}" in text
    assert text.splitlines()[-9:-2] == [
        "  1. tag v1.1.0 and the record of its start, in one push",
        "  2. infrastructure: update 4 stacks",
        "       configs-prod in us-east-1, us-west-2: ~ Word",
        "       prices-prod in us-east-1, us-west-2: ~ Word",
        "  3. prepare 4 versions, smoke-test each before any traffic moves",
        "  4. us-east-1: move 2 aliases, smoke-test through it",
        "  5. us-west-2: move 2 aliases, smoke-test through it",
    ]


def test_a_first_deploy_says_what_comes_to_be() -> None:
    text = shown(plan_text(drafted(fleet(prices=("api",)), "v1.0.0")))
    assert "nothing" in text
    assert "infrastructure: create 2 stacks" in text
    assert "us-east-1: move 1 alias (1 for the first time), smoke-test through it" in text
    assert "us-west-2: attach the triggers of 1 stack" in text


def test_what_does_not_change_says_so() -> None:
    world = fleet().live("v1.0.0")
    rows = shown(plan_text(drafted(world, "v1.1.0", only="prices"))).splitlines()
    assert {"unchanged" in row for row in rows if "configs-api" in row} == {True}
    assert {"unchanged" in row for row in rows if "prices-api" in row} == {False}


def test_a_rollback_is_in_a_stage_and_not_to_it() -> None:
    plan = replace(drafted(fleet().live("v1.0.0"), "v1.1.0"), verb="rollback", mint=False, source=None)
    text = shown(plan_text(plan))
    assert text.splitlines()[0] == "rollback v1.1.0 in prod"
    assert "tag v1.1.0" not in text


def test_warnings_and_blockers_come_last_with_their_way_out() -> None:
    long = "the artifact of a service with a very long name is not in the store of any region that it needs"
    plan = replace(
        drafted(fleet().live("v1.0.0"), "v1.1.0"),
        warnings=("stacks are left as they are: only code and its frozen settings go back",),
        blockers=(Blocker("artifact-lost", long, "build the commit again: release build --ref COMMIT"),),
    )
    text = words(shown(plan_text(plan)))
    assert "warning: stacks are left as they are: only code and its frozen settings go back" in text
    assert text.endswith(f"blocked: {long} fix: build the commit again: release build --ref COMMIT")


def test_a_plan_that_was_blocked_before_aws_was_read_has_no_functions_and_no_steps() -> None:
    blocked = Blocker("older", "v1.0.0 is older than v1.1.0", "promote a newer one, or --allow-older")
    plan = drafted(fleet().live("v1.0.0"), "v1.1.0")
    bare = replace(plan, steps=(), changes=(), mint=False, source=None, blockers=(blocked,))
    assert shown(plan_text(bare)).splitlines() == [
        "promote v1.1.0 to prod",
        f"  commit {plan.release.commit[:10]}  manifest {plan.release.manifest[:10]}",
        "blocked: v1.0.0 is older than v1.1.0",
        "    fix: promote a newer one, or --allow-older",
    ]


def test_a_plan_for_which_no_release_was_found_names_none() -> None:
    plan = drafted(fleet().live("v1.0.0"), "v1.1.0")
    nothing = ReleaseRef("", "", None, None)
    bare = replace(plan, release=nothing, steps=(), changes=(), mint=False, source="uat")
    assert shown(plan_text(bare)).splitlines() == ["promote to prod  from uat"]


def test_a_region_where_nothing_moves_is_not_named_among_the_steps() -> None:
    plan = drafted(fleet().live("v1.0.0"), "v1.1.0")
    east = tuple(step for step in plan.steps if step.action.place.region == "us-east-1")
    assert "us-west-2: move" not in shown(plan_text(replace(plan, steps=east)))


def test_what_runs_before_and_after_traffic_moves_stands_at_its_place() -> None:
    world = HookedWorld().verified_by("pytest tests/e2e")
    world.live("v1.0.0")
    world.migrations["prices"] = Migration(function="migrate", destructive=True)
    world.migrations["configs"] = Migration(command=("alembic", "upgrade", "the head"))
    world.approved = "nobody reads that column"
    plan = drafted(world, "v1.1.0")
    text = words(shown(plan_text(plan)))
    assert (
        "3. us-east-1: migrate configs, 5 min at most: alembic upgrade 'the head'"
        " 4. us-east-1: migrate prices (destructive), 5 min at most: invoke prices-migrate"
        " 5. us-east-1: move"
    ) in text
    assert "7. verify, 30 min at most: pytest tests/e2e; a no takes everything back" in text
    assert plan_json(plan)["approve_destructive"] == "nobody reads that column"
    assert replace(plan, approved="another reason").digest != plan.digest


def test_what_was_asked_for_out_of_the_ordinary_stands_at_the_top() -> None:
    plan = drafted(fleet().live("v1.0.0"), "v1.1.0")
    text = shown(plan_text(replace(plan, regions=("us-west-2",), despite="the alarm is broken")))
    assert text.splitlines()[2:4] == [
        "  only in us-west-2: the other regions are left behind",
        "  alarms do not count: the alarm is broken",
    ]


def test_all_that_a_bake_is_judged_by_is_named() -> None:
    bake = Gradual(
        "canary", (10, 100), timedelta(minutes=5), 100, 0.01, (), SOURCE, timedelta(seconds=1), probe=True
    )
    text = shown(plan_text(drafted(fleet(rollouts={"us-east-1": bake}).live("v1.0.0"), "v1.1.0")))
    assert "100 calls or more, our own where there are too few: at most 1 % of them bad" in words(text)
    assert "at most 1 % slower than 1000 ms" in words(text)


def test_long_names_do_not_push_the_digests_off_the_screen() -> None:
    plan = drafted(fleet().live("v1.0.0"), "v1.1.0")
    named = "a-service-with-a-very-long-name-that-aws-takes-up-to-64-chars-prod"
    served = Served("prices", named, "4" * 12, "ap-southeast-2", "1234", "a" * 64)
    text = shown(plan_text(replace(plan, changes=(replace(plan.changes[0], served=served),))))
    assert plan.changes[0].artifact[:10] in text
    assert "ap-southeast-2  1234 · aaaaaaaaaa" in text


def test_the_json_of_a_plan_is_canonical_and_holds_every_step() -> None:
    plan = drafted(fleet().live("v1.0.0"), "v1.1.0")
    data = plan_json(plan)
    canonical.dumps(data)
    assert data["digest"] == plan.digest
    assert data["tag"] == "v1.1.0"
    assert data["mint"] is True
    assert [step | {"phase": ""} for step in data["steps"]] == [
        describe(step.action) | {"phase": ""} for step in plan.steps
    ]
    assert [step["phase"] for step in data["steps"]] == ["prepare"] * 4 + ["shift"] * 4
    assert {change["next"]["code"] for change in data["changes"]} == {
        change.artifact for change in plan.changes
    }
    assert data["blockers"] == data["warnings"] == []
