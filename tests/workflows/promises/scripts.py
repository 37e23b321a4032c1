"""What the scripts of the rendered workflows promise: each is run, beside stand-ins for the tools."""

import re
from collections.abc import Mapping

from tests.workflows.promises.seen import Workflows, of_all, of_release, same
from tests.workflows.promises.tools import Ran, run_script
from tests.workflows.rendered import steps_of

# One of each kind of what could be taken for something else than data, and something long.
HOSTILE = (
    'it\'s "fine" $(touch hacked) `touch hacked` ${{ github.token }} $HOME ${IFS} * ? \\ !! #',
    "; touch hacked; exit 0 & | touch hacked > hacked < /etc/passwd",
    "two\nlines\n::set-output name=go::true\n::add-path::/tmp/evil",
    "--help",
    "-x",
    "' ; touch hacked ; '",
    '" ; touch hacked ; "',
    "a\tb  c ",
    "x" * 10_000,
)


def script_of(seen: Workflows, job: str, name: str, **words: str) -> Ran:
    """The step of `_release.yml`, run with its own environment but for `words`."""
    step = seen.step(job, name)
    ends = int(words.pop("ends", "0"))
    files = {"plan.json": ""} if words.pop("planned", "") else None
    given = {key: "" if "${{" in str(text) else str(text) for key, text in step.get("env", {}).items()}
    return run_script(step["run"], {**given, **words}, ends=ends, files=files)


@of_release
def a_plan_is_asked_for_with_what_was_typed_and_nothing_where_nothing_was(seen: Workflows) -> None:
    always = ("--pipeline=fleet", "--out=plan.json")
    typed = {"REF": "abc", "BUMP": "minor", "TO": "v1.0.0", "REASON": "why not"}
    nothing = {"REF": "", "BUMP": "auto", "TO": "", "REASON": ""}
    wanted: Mapping[tuple[str, bool], tuple[str, ...]] = {
        ("deploy", True): ("--ref=abc",),
        ("deploy", False): ("--ref=c0ffee",),
        ("promote", True): ("--bump=minor", "--ref=abc", "--reason=why not"),
        ("promote", False): ("--bump=auto",),
        ("rollback", True): ("--reason=why not", "--to=v1.0.0"),
        ("rollback", False): ("--reason=",),
    }
    for (action, given), options in wanted.items():
        words = {**(typed if given else nothing), "ACTION": action, "PIPELINE": "fleet", "STAGE": "qa"}
        ran = script_of(seen, "plan", "Plan", **words)
        same([*ran.calls], [("release", "plan", action, *always, *options, "--", "qa")])
        same(ran.code, 0)
        for code in (1, 2, 3, 4):
            same(script_of(seen, "plan", "Plan", **words, ends=str(code)).code, code)


@of_release
def a_plan_that_was_written_is_shown_also_where_a_gate_is_closed(seen: Workflows) -> None:
    unplanned = script_of(seen, "plan", "Show the plan")
    same(([*unplanned.calls], unplanned.code), ([], 0))
    shown = script_of(seen, "plan", "Show the plan", planned="yes", ends="2")
    same(([*shown.calls], shown.code), ([("release", "workflows", "report", "plan.json")], 2))
    told = script_of(seen, "plan", "Tell who decides", planned="yes")
    same([*told.calls], [("release", "workflows", "waiting", "plan.json")])


@of_release
def what_is_built_is_the_commit_that_was_asked_for(seen: Workflows) -> None:
    ran = script_of(seen, "build", "Build what is not built yet", PIPELINE="fleet", REF="abc", ends="5")
    same(([*ran.calls], ran.code), ([("release", "build", "--pipeline=fleet", "--ref=abc")], 5))


@of_release
def an_approval_by_itself_changes_nothing(seen: Workflows) -> None:
    ran = script_of(seen, "gate", "Say so")
    same(([*ran.calls], ran.code), ([], 0))
    same(ran.said, "approved; the deploy job carries out this plan or nothing\n")


@of_release
def who_has_approved_is_asked_for_the_gate_of_this_stage_alone(seen: Workflows) -> None:
    ran = script_of(seen, "deploy", "Ask who has approved", GATE="qa-approval", ends="4")
    same(([*ran.calls], ran.code), ([("release", "workflows", "approvers", "--gate=qa-approval")], 4))


@of_release
def what_is_carried_out_is_what_was_planned_and_a_bake_is_no_failure(seen: Workflows) -> None:
    words = {"PIPELINE": "fleet", "STAGE": "qa", "DIGEST": "d" * 64}
    for action in ("deploy", "promote", "rollback", "advance"):
        wanted = ("release", "apply", "plan.json", f"--expect-digest={'d' * 64}", "--yes")
        if action == "advance":
            wanted = ("release", "advance", "--pipeline=fleet", "--wait=5m", "--", "qa")
        for code in (0, 1, 2, 3, 4, 5, 6, 7, 130):
            ran = script_of(seen, "deploy", "Carry it out", **words, ACTION=action, ends=str(code))
            same([*ran.calls], [wanted])
            same(ran.code, 0 if code == 7 else code)
            assert ("::notice title=Under way::" in ran.said) is (code == 7), ran.said


@of_release
def a_plan_whose_digest_got_lost_is_asked_for_all_the_same(seen: Workflows) -> None:
    """`apply` refuses an empty digest; without the option it would take any plan."""
    ran = script_of(seen, "deploy", "Carry it out", ACTION="promote", PIPELINE="fleet", STAGE="qa", DIGEST="")
    same([*ran.calls], [("release", "apply", "plan.json", "--expect-digest=", "--yes")])


@of_release
def the_record_is_shown_with_how_the_job_has_ended_also_where_there_is_none(seen: Workflows) -> None:
    show = ("release", "audit", "show", "--pipeline=fleet")
    for code in (0, 3):
        ran = script_of(
            seen, "record", "Show what the ledger holds",
            PIPELINE="fleet", RELEASE="v1.0.0", RESULT="failure", ends=str(code),
        )  # fmt: skip
        same([*ran.calls], [(*show, "--", "v1.0.0"), (*show, "--json", "--", "v1.0.0")])
        same((ran.code, "ledger.json" in ran.files), (0, code == 0))
        assert ran.summary.startswith("## Deploy: failure\n\n~~~~~~~~text\n"), ran.summary
        assert ran.summary.endswith("~~~~~~~~\n"), ran.summary


@of_release
def a_record_that_fails_is_red(seen: Workflows) -> None:
    ran = script_of(seen, "record", "Record it on GitHub", PIPELINE="fleet", STAGE="qa", ends="4")
    same(([*ran.calls], ran.code), ([("release", "record", "--pipeline=fleet", "--", "qa")], 4))


@of_all
def hostile_words_reach_the_tools_whole_or_not_at_all(seen: Workflows) -> None:
    """Every script, with hostile text of each kind in all words that an expression fills."""
    tried = set()
    for file, workflow in seen.all.items():
        for job, step in steps_of(workflow):
            if "run" not in step or step["run"] in tried:
                continue
            tried.add(step["run"])
            words = {key: str(text) for key, text in step.get("env", {}).items()}
            filled = [key for key, text in words.items() if "${{" in text and key != "KF_RULE_CACHE_DIR"]
            actions = ("promote", "rollback", "deploy", "hostile") if "ACTION" in filled else ("",)
            for action in actions:
                plain = {
                    **words,
                    **dict.fromkeys(filled, "plain"),
                    "ACTION": "plain" if action == "hostile" else action,
                }
                tame = run_script(step["run"], plain, files=_FILES)
                for hostile in HOSTILE:
                    given = {**plain, **dict.fromkeys(filled, hostile)}
                    given["ACTION"] = hostile if action == "hostile" else action
                    ran = run_script(step["run"], given, files=_FILES)
                    where = f"{file}: {job}: {step['name']}: {action}: {hostile[:60]!r}"
                    _is_as_tame(ran, tame, hostile, where)


_FILES = {"infra.md": ""}


@of_all
def scripts_call_by_name_and_leave_bash_as_it_was_started(seen: Workflows) -> None:
    """No stand-in notes a command called by its path, nor /dev/tcp; `set -x` logs what a step holds."""
    for file, workflow in seen.all.items():
        for job, step in steps_of(workflow):
            script = step.get("run", "")
            where = f"{file}: {job}: {step['name']}"
            assert not re.search(r"(?<![\w}.])/\w", script), where
            assert not re.search(r"\b(set|exec|eval|source|trap|shopt|enable)\s+\S", _code_of(script)), where


def _code_of(script: str) -> str:
    """Less what is quoted."""
    return re.sub(r"'[^']*'|\"[^\"]*\"", "''", script)


def _is_as_tame(ran: Ran, tame: Ran, hostile: str, where: str) -> None:
    """The same calls, but that each word that was typed is another one, whole."""
    assert (ran.files, ran.code) == (tame.files, tame.code), f"{where}: {ran}"
    shapes = [tuple(_shape(word, "plain") for word in call) for call in tame.calls]
    assert [tuple(_shape(word, hostile) for word in call) for call in ran.calls] == shapes, f"{where}: {ran}"
    assert "root:" not in ran.said, where


def _shape(word: str, typed: str) -> str:
    if word == typed:
        return "TYPED"
    option, sign, value = word.partition("=")
    return f"{option}=TYPED" if sign and value == typed else word
