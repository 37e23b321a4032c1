import pytest

from release.config import load_pipelines
from release.core.models import Verification
from tests.config.texts import ENVIRONMENTS, FLEET, PIPELINES, pipeline_complaints, pipelines_with

PAYMENTS = "pipelines/payments.yaml"


def complaint(old: str, new: str) -> str:
    (only,) = pipeline_complaints(pipelines_with(FLEET, old, new))
    return only.removeprefix("pipelines/fleet.yaml:")


def with_payments(tags: str) -> dict[str, bytes]:
    """A second pipeline of the same stages, whose tags are these."""
    return {**PIPELINES, PAYMENTS: PIPELINES[FLEET].replace(b'"v{version}"', tags.encode())}


# environments of stages


def test_a_stage_needs_an_environment_of_its_name_or_one_that_it_names() -> None:
    assert complaint("name: prod", "name: prd") == (
        "17: stages/3/name: there is no environment 'prd'; add it to pipelines/environments.yaml,"
        " or say which one with `environment:`; did you mean 'prod'? (one of: dev, prod, qa, uat)"
    )
    assert complaint("name: qa", "name: qa\n    environment: quality") == (
        "10: stages/1/environment: there is no environment 'quality'; one of: dev, prod, qa, uat"
    )


def test_an_environment_with_an_error_of_its_own_is_not_called_unknown() -> None:
    (found,) = pipeline_complaints(pipelines_with(ENVIRONMENTS, '"222222222222"', '"2"'))
    assert found.startswith("pipelines/environments.yaml:6: environments/qa/account: ")


# order of stages


def test_a_stage_comes_after_an_earlier_one() -> None:
    assert complaint("after: dev", "after: dve").startswith(
        "11: stages/1/after: there is no earlier stage 'dve'; did you mean 'dev'?"
    )
    assert complaint("after: dev", "after: qa") == (
        "11: stages/1/after: a stage cannot come after itself; name an earlier stage, or take the line out"
    )
    assert complaint("after: dev", "after: uat") == (
        "11: stages/1/after: the stage 'uat' comes later; put the stages in their order"
    )
    assert complaint("on: push", "after: other") == (
        "7: stages/0/after: the first stage comes after no other; take the line out"
    )


def test_stages_have_different_names() -> None:
    found = pipeline_complaints(pipelines_with(FLEET, "name: uat", "name: qa"))
    assert found[0].startswith(
        "pipelines/fleet.yaml:13: stages/2/name: a stage 'qa' is there already, in line 9; "
    )


def test_a_stage_cannot_be_called_default() -> None:
    found = pipeline_complaints(pipelines_with(FLEET, "name: dev", "name: default\n    environment: dev"))
    assert any("stages/0/name: 'default' cannot be a stage" in each for each in found)


@pytest.mark.parametrize("name", ["Dev", "dev_1", "1dev", "dev-", '"dev\\n"', "d" * 49])
def test_a_stage_has_a_name_that_stacks_can_bear(name: str) -> None:
    found = pipeline_complaints(pipelines_with(FLEET, "name: dev", f"name: {name}"))
    assert found[0].startswith("pipelines/fleet.yaml:6: stages/0/name: ")


# what a push starts


def test_the_stage_that_a_push_starts_has_no_channel() -> None:
    found = pipeline_complaints(pipelines_with(FLEET, "    on: push", "    on: push\n    channel: qa"))
    assert found[0] == (
        "pipelines/fleet.yaml:7: stages/0/on: a stage that a push starts gives no tag,"
        " and this one has the channel qa; take out `on` or `channel`"
    )


def test_the_stage_that_a_push_starts_is_the_first() -> None:
    texts = pipelines_with(FLEET, "    on: push\n", "")
    texts[FLEET] = texts[FLEET].replace(b"    channel: qa ", b"    on: push ")
    found = pipeline_complaints(texts)
    assert found[0].startswith(
        "pipelines/fleet.yaml:9: stages/1/on: the stage that a push starts must be the first; "
    )


def test_a_push_starts_one_stage() -> None:
    texts = pipelines_with(FLEET, "    channel: gold        # v1.0.0", "    on: push")
    (found,) = pipeline_complaints(texts)
    assert found == (
        "pipelines/fleet.yaml:18: stages/3/on: a push starts one stage, and line 7 has it already; take"
        " out one `on`"
    )


def test_a_pipeline_may_have_no_stage_that_a_push_starts() -> None:
    loaded = load_pipelines(pipelines_with(FLEET, "    on: push\n", ""))
    assert {stage.trigger for stage in loaded.pipelines["fleet"].stages} == {"button"}


@pytest.mark.parametrize("word", ["pull", "true", "[push]"])
def test_a_trigger_is_push_or_button(word: str) -> None:
    assert complaint("on: push", f"on: {word}").startswith("7: stages/0/on: ")


# channels


def test_a_channel_is_given_to_one_stage() -> None:
    found = pipeline_complaints(pipelines_with(FLEET, "channel: gold", "channel: rc"))
    assert found[0] == (
        "pipelines/fleet.yaml:18: stages/3/channel: the channel rc is given already, in line 14;"
        " give each channel to one stage"
    )


def test_channels_come_in_their_order() -> None:
    texts = pipelines_with(FLEET, "channel: rc", "channel: gold")
    texts[FLEET] = texts[FLEET].replace(b"channel: gold        # v1.0.0", b"channel: rc")
    found = pipeline_complaints(texts)
    assert found[0] == (
        "pipelines/fleet.yaml:18: stages/3/channel: the channel rc comes after gold of line 14;"
        " keep the order qa, rc, gold"
    )


def test_a_channel_needs_a_stage_that_it_comes_after() -> None:
    assert complaint("    after: dev\n", "") == (
        "10: stages/1/channel: a stage with the channel qa needs a stage that it comes after;"
        " add `after:` with the stage that proves the commit first"
    )


def test_gold_is_made_of_what_a_stage_with_a_channel_runs() -> None:
    assert complaint("after: uat", "after: dev") == (
        "19: stages/3/after: gold is made of what dev runs, and dev has no channel; name the stage with"
        " rc or qa"
    )
    assert complaint("after: qa", "after: dev") == (
        "15: stages/2/after: rc is made of what dev runs, and dev has no channel; name the stage with qa"
    )


def test_gold_may_follow_qa_where_nobody_accepts_in_between() -> None:
    fleet = load_pipelines(pipelines_with(FLEET, "after: uat", "after: qa")).pipelines["fleet"]
    assert fleet.stages[-1].after == "qa"


def test_a_misspelt_channel_is_one_complaint() -> None:
    found = complaint("channel: qa", "chanel: qa")
    assert found.startswith("10: stages/1/chanel: the key 'chanel' is not known; did you mean 'channel'?")


@pytest.mark.parametrize("channel", ["beta", "QA", "true", "1", "[qa]", ""])
def test_a_channel_is_qa_rc_or_gold(channel: str) -> None:
    found = pipeline_complaints(pipelines_with(FLEET, "channel: qa ", f"channel: {channel} "))
    assert found[0].startswith("pipelines/fleet.yaml:10: stages/1/channel: ")
    assert len(found) == 1


# tags


@pytest.mark.parametrize("tags", ['"v"', '"v{version}x"', '"{version}-{version}"', '"v{ver}"', '""'])
def test_tags_end_with_the_version(tags: str) -> None:
    found = complaint('"v{version}"', tags)
    assert found.startswith("3: tags: ")
    assert "must hold {version} once, at its end; write it as in v{version}" in found


@pytest.mark.parametrize(
    "prefix",
    [
        "/v",
        "-v",
        ".v",
        "a//v",
        "a..v",
        "a b",
        "v~",
        "v^",
        "v:",
        "v?",
        "v*",
        "v[",
        "a.lock/v",
        "@{",
        "v1",
        "v1.",
    ],
)
def test_tags_begin_as_git_allows_and_not_with_a_number(prefix: str) -> None:
    found = complaint('"v{version}"', f'"{prefix}{{version}}"')
    assert found.startswith("3: tags: ")
    assert "cannot begin the name of a tag; end it with a letter" in found


@pytest.mark.parametrize("prefix", ["v", "payments/v", "release-", "team.a/v", ""])
def test_tags_may_begin_with_anything_that_is_no_part_of_a_version(prefix: str) -> None:
    loaded = load_pipelines(pipelines_with(FLEET, '"v{version}"', f'"{prefix}{{version}}"'))
    assert loaded.pipelines["fleet"].tag_prefix == prefix


def test_a_second_pipeline_has_tags_of_its_own() -> None:
    loaded = load_pipelines(with_payments('"payments/v{version}"'))
    assert {name: each.tag_prefix for name, each in loaded.pipelines.items()} == {
        "fleet": "v",
        "payments": "payments/v",
    }


def test_two_pipelines_cannot_have_the_same_tags() -> None:
    (found,) = pipeline_complaints(with_payments('"v{version}"'))
    assert found == (
        "pipelines/payments.yaml:3: tags: pipelines/fleet.yaml:3 has the same tags;"
        " give one of them another prefix, as in payments/v{version}"
    )
    (found,) = pipeline_complaints(with_payments('"V{version}"'))
    assert "has the same tags but for upper and lower case" in found


def test_a_tag_of_one_pipeline_cannot_be_a_folder_of_anothers() -> None:
    (found,) = pipeline_complaints(with_payments('"v1/x{version}"'))
    assert found.startswith(
        "pipelines/payments.yaml:3: tags: the tags 'v1/x' and 'v' of pipelines/fleet.yaml:3"
    )


# the rest of a pipeline


@pytest.mark.parametrize("key", ["services", "tags", "branches", "stages"])
def test_a_pipeline_says_all_four(key: str) -> None:
    found = pipeline_complaints(pipelines_with(FLEET, f"{key}:", f"x{key}:"))
    assert f"pipelines/fleet.yaml:2: {key}: is missing; add `{key}:`" in found


def test_services_are_patterns_of_names() -> None:
    assert complaint('["*"]', '["services/*"]').startswith("2: services/0: 'services/*' is not a pattern of")
    assert complaint('["*"]', "[]").startswith("2: services: is an empty list; ")
    assert complaint('["*"]', '["*", "*"]').startswith(
        "2: services/1: '*' is in the list twice, first in line 2; "
    )


@pytest.mark.parametrize("branch", ['"a b"', '"/main"', '"main/"', '"a..b"', '"-x"', '"a~1"', '""', "1"])
def test_branches_are_patterns_of_branch_names(branch: str) -> None:
    assert complaint("[main,", f"[{branch},").startswith("4: branches/0: ")


@pytest.mark.parametrize("stages", ["[]", "{}", "dev", ""])
def test_stages_are_a_list(stages: str) -> None:
    content = PIPELINES[FLEET].split(b"stages:")[0] + f"stages: {stages}\n".encode()
    (found,) = pipeline_complaints({**PIPELINES, FLEET: content})
    assert found.startswith("pipelines/fleet.yaml:5: stages: ")


def test_a_stage_is_a_mapping() -> None:
    texts = {**PIPELINES, FLEET: PIPELINES[FLEET] + b"  - canary\n"}
    (found,) = pipeline_complaints(texts)
    assert found == (
        "pipelines/fleet.yaml:24: stages/4: must be a mapping, and is a text: 'canary'; write `key:"
        " value` pairs"
    )


def test_the_files_name_is_the_pipelines_name() -> None:
    texts = {ENVIRONMENTS: PIPELINES[ENVIRONMENTS], "pipelines/My Fleet.yaml": PIPELINES[FLEET]}
    (found,) = pipeline_complaints(texts)
    assert found.startswith("pipelines/My Fleet.yaml:1: /: the file's name 'My Fleet' is not a name; ")


def verify_of(text: str) -> tuple[Verification, ...]:
    loaded = load_pipelines(pipelines_with(FLEET, "after: uat", f"after: uat\n    verify: {text}"))
    return loaded.pipelines["fleet"].stages[-1].verify


def test_verify_is_a_list_of_commands() -> None:
    assert verify_of("[make smoke]") == (Verification(("make", "smoke")),)
    assert complaint("after: uat", 'after: uat\n    verify: [" "]').startswith(
        "20: stages/3/verify/0: ' ' is empty"
    )


def test_a_command_is_split_into_words_and_nothing_in_it_is_expanded() -> None:
    assert verify_of("[\"pytest -k 'not slow' $HOME *\"]") == (
        Verification(("pytest", "-k", "not slow", "$HOME", "*")),
    )


def test_a_command_may_be_a_list_of_words_with_a_time_limit_of_its_own() -> None:
    assert verify_of("[{command: [pytest, tests/e2e], timeout: 45m}]") == (
        Verification(("pytest", "tests/e2e"), 2700),
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('["a && b"]', "is meant for a shell, and none reads it"),
        ('["a \'b"]', "cannot be split into words: No closing quotation"),
        ("[{timeout: 1m}]", "command: is missing"),
        ("[{command: a, timeout: 2h}]", "must be longer than nothing and at most 3,600 seconds"),
        ("[a b, a  b]", "'a b' is in the list twice, first in line 20"),
        ("[{command: []}]", "is an empty list"),
    ],
)
def test_what_cannot_be_run_is_refused(text: str, what: str) -> None:
    assert what in complaint("after: uat", f"after: uat\n    verify: {text}")


# releases on the forge


def releases_of(text: str) -> tuple[str, ...]:
    texts = pipelines_with(FLEET, "branches:", f"{text}\nbranches:")
    return load_pipelines(texts).pipelines["fleet"].releases


def test_gold_tags_become_releases_unless_the_pipeline_says_otherwise() -> None:
    assert releases_of("") == ("gold",)
    assert releases_of("releases: [gold, rc]") == ("gold", "rc")
    assert releases_of("releases: []") == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("releases: [golden]", "releases/0: 'golden' is not a channel; did you mean 'gold'?"),
        ("releases: gold", "releases: must be a list"),
        ("releases: [rc, rc]", "releases/1: 'rc' is in the list twice"),
    ],
)
def test_a_release_is_of_a_channel_each_once(text: str, what: str) -> None:
    (found,) = pipeline_complaints(pipelines_with(FLEET, "branches:", f"{text}\nbranches:"))
    assert what in found


def test_a_channel_that_no_stage_gives_cannot_become_releases() -> None:
    texts = pipelines_with(FLEET, "branches:", "releases: [qa]\nbranches:")
    without = {**texts, FLEET: texts[FLEET].replace(b"channel: qa", b"on: button")}

    found = [one for one in pipeline_complaints(without) if "releases" in one]

    # Where the stages themselves are wrong, which channels there are cannot be known.
    assert found == []
    alone = texts[FLEET].partition(b"  - name: qa")[0]
    (only,) = pipeline_complaints({**texts, FLEET: alone})
    assert "releases/0: no stage has the channel qa; name a channel that a stage gives" in only
