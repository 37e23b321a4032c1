"""What `ci.yml` asks of a pull request: each gate, of whom, and about which commits."""

from collections.abc import Mapping
from typing import Any

from tests.workflows.expressions import evaluate, holds
from tests.workflows.promises.seen import RESULTS, Workflows, of_all, runs, same
from tests.workflows.promises.tools import run_script
from tests.workflows.rendered import jobs_of

CLONE, INSTALL, TOOLS = "clone", "install", "install with tools"
_WORDS = {
    "BASE": "${{ github.event.pull_request.base.sha }}",
    "HEAD": "${{ github.sha }}",
    "DIFFERS": "${{ needs.infra.outputs.differs }}",
    "PULL": "${{ github.event.pull_request.number }}",
    "KF_RULE_CACHE_DIR": "${{ runner.temp }}/kingfisher",
    "GH_TOKEN": "${{ github.token }}",
}
_BOTH = ("--base=its BASE", "--head=its HEAD")
_KINGFISHER = (
    "kingfisher", "scan", ".", "--branch=HEAD", "--since-commit=its BASE", "--no-validate",
    "--no-update-check", "--redact", "--commit-metadata=false",
)  # fmt: skip


_VENV = ("python3", "-m", "venv", ".venv")
_PIP = (
    "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
    "--require-hashes", "--requirement", "requirements/dev.txt",
)  # fmt: skip


@of_all
def every_gate_asks_its_tool_about_this_pull_request(seen: Workflows) -> None:
    ci = seen.all["ci.yml"]
    pipelines = sorted({str(job["with"]["pipeline"]) for _, job in seen.callers.values()} - {_ANY})
    own = "_release.yml" in seen.all

    def each(*words: str, behind: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        named = [(f"--pipeline={name}",) for name in pipelines] if len(pipelines) > 1 else [()]
        return [("release", *words, *one, *behind) for one in named]

    render = ("release", "workflows", "render", "--check")
    persona = "auditor" if own else "regular"
    gates: Mapping[str, list[Any]] = {
        "workflows": [
            CLONE, TOOLS, [render if own else (*render, "--from", _SHARED)],
            [("zizmor", "--offline", f"--persona={persona}", "--no-progress", ".")], [("jactionlint",)],
        ],
        "changed": [CLONE, INSTALL, each("changed", *_BOTH)],
        "check": [CLONE, INSTALL, [_VENV, _PIP], each("check", "--base=its BASE")],
        "infra": [
            CLONE, TOOLS, each("infra", "lint", "--base=its BASE", "--ref=its HEAD"),
            each("infra", "diff", *_BOTH, behind=("--markdown",)), "actions/upload-artifact",
        ],
        "comment": [
            CLONE, INSTALL, "actions/download-artifact",
            [("release", "workflows", "comment", "--pull=its PULL", "--marker=infra",
              "--file=/temp/infra/infra.md", "--only-update")],
        ],
        "secrets": [CLONE, TOOLS, [_KINGFISHER]],
        "dependencies": ["actions/dependency-review-action"],
    }  # fmt: skip
    if own:
        setup = jobs_of(ci)["repository"]["steps"][1]
        same(setup["with"], {"python-version": "3.13"})
        gates = {**gates, "repository": [CLONE, "actions/setup-python", [("run",)]]}
    same({name: [_part(step) for step in job.get("steps", [])] for name, job in jobs_of(ci).items()}, gates)
    same(jobs_of(ci)["secrets"]["steps"][2]["env"].keys(), {"BASE", "KF_RULE_CACHE_DIR"})
    for job in jobs_of(ci).values():
        for step in job["steps"]:
            env = step.get("env", {})
            git = {key for key in env if key.startswith("GIT_CONFIG_")}
            assert set(env) <= _WORDS.keys() | git, (step["name"], set(env))
            same({key: text for key, text in env.items() if key in _WORDS}, {
                key: _WORDS[key] for key in env if key in _WORDS
            })  # fmt: skip


_ANY = "${{ matrix.pipeline }}"
_SHARED = "acme/lambdas@" + "0123456789" * 4


def _part(step: Mapping[str, Any]) -> object:
    """What a step is: a clone, an action, or the calls of tools in its script, each word of them named."""
    if "run" in step:
        words = {key: f"its {key}" for key in step.get("env", {})}
        ran = run_script(step["run"], words, files={"infra.md": "", "requirements/dev.txt": ""})
        assert ran.code == 0, ran.said
        return list(ran.calls)
    uses = str(step.get("uses")).partition("@")[0]
    if uses == "actions/checkout":
        return CLONE
    if uses in ("$/actions/setup", "acme/lambdas/actions/setup"):
        return TOOLS if step.get("with") == {"tools": "true"} else INSTALL
    return uses


@of_all
def a_gate_that_says_no_hides_no_other_and_what_differs_is_handed_on(seen: Workflows) -> None:
    jobs = jobs_of(seen.all["ci.yml"])
    same({name: job["needs"] for name, job in jobs.items() if "needs" in job}, {"comment": "infra"})
    always = {("workflows", "Look for holes"), ("workflows", "Look for slips"), ("infra", "Compare")}
    for name, job in jobs.items():
        assert "continue-on-error" not in str(job), name
        for step in job["steps"]:
            for run in runs(cancelled=(True, False), steps__compare__outcome=RESULTS):
                for before in (True, False):
                    run["success()"] = before and not run["cancelled()"]
                    wanted = run["success()"]
                    if (name, step["name"]) in always:
                        wanted = not run["cancelled()"]
                    if (name, step["name"]) == ("infra", "Keep it"):
                        wanted = not run["cancelled()"] and run["steps.compare.outcome"] == "success"
                    assert holds(step.get("if"), run) is wanted, (name, step["name"])
    compare, keep = jobs["infra"]["steps"][3:5]
    same((compare["id"], jobs["infra"]["outputs"]), ("compare", {"differs": _DIFFERS}))
    kept = {"name": "infra", "path": "infra.md", "if-no-files-found": "error", "overwrite": True}
    same(keep["with"], kept)
    same(jobs["comment"]["steps"][2]["with"], {"name": "infra", "path": "${{ runner.temp }}/infra"})
    same(set(jobs["comment"]["steps"][3]["env"]), {"DIFFERS", "GH_TOKEN", "PULL"})


_DIFFERS = "${{ steps.compare.outputs.differs }}"


@of_all
def a_gate_is_red_where_its_tool_says_no(seen: Workflows) -> None:
    for name, job in jobs_of(seen.all["ci.yml"]).items():
        for step in job["steps"]:
            if "run" in step:
                words = {key: f"its {key}" for key in step.get("env", {})}
                files = {"infra.md": "", "requirements/dev.txt": ""}
                ran = run_script(step["run"], words, ends=3, files=files)
                assert ran.code == 3, f"{name}: {step['name']} ends with {ran.code}"


@of_all
def no_gate_is_left_out(seen: Workflows) -> None:
    """To the rules of a branch a job that was skipped has passed.

    https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-jobs-with-conditions
    """
    jobs = jobs_of(seen.all["ci.yml"])
    same({name for name, job in jobs.items() if "if" in job or "needs" in job}, {"comment", "dependencies"})


@of_all
def a_pull_request_that_has_grown_is_looked_at_anew(seen: Workflows) -> None:
    """Nothing that it brings is ever deployed from here, so that the look at the older state may end."""
    group = "ci-${{ github.event.pull_request.number }}"
    same(seen.all["ci.yml"]["concurrency"], {"group": group, "cancel-in-progress": True})


@of_all
def dependencies_are_reviewed_where_github_offers_it(seen: Workflows) -> None:
    job = jobs_of(seen.all["ci.yml"])["dependencies"]
    for private in (True, False):
        for asked in ("true", ""):
            names = {"github.event.repository.private": private, "vars.DEPENDENCY_REVIEW": asked}
            assert bool(evaluate(job["if"][3:-2], names)) is (not private or asked == "true")
    same(job["steps"][0]["with"], {"fail-on-severity": "low"})
