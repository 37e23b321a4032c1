"""Runs rendered workflows on this machine with nektos/act, against the sandbox and a bare remote.

act 0.2.89 does not know `$/`, `queue` and `deployment: false`: it gets copies without them. Three actions are
replaced: installing `release` (the one under test is taken), and keeping and fetching a file between jobs (a
folder). Each job gets what GitHub gives it to ask for its identity: nobody else is signed in to the sandbox.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.fleet import World
from tests.workflows.identities import Identities
from tests.workflows.rendered import pipelines_in, texts_of

# Of the sandbox's environment: jobs have a home of their own, and sign in by themselves.
_NOT_IN_JOBS = frozenset({"HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GITHUB_SERVER_URL"})
_STUBS = {
    "actions/upload-artifact": (
        'mkdir -p "$ACT_FILES/$NAME"; if [ -f "$FILE" ]; then cp "$FILE" "$ACT_FILES/$NAME/"; fi'
    ),
    "actions/download-artifact": 'mkdir -p "${FILE:-.}"; cp "$ACT_FILES/$NAME"/* "${FILE:-.}/"',
}
_STUB = """\
name: stand-in
inputs:
  name: {{required: false}}
  path: {{required: false}}
  if-no-files-found: {{required: false}}
  overwrite: {{required: false}}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        NAME: ${{{{ inputs.name }}}}
        FILE: ${{{{ inputs.path }}}}
      run: |
        {script}
"""
_SETUP = """\
name: stand-in
inputs:
  tools: {required: false}
runs:
  using: composite
  steps:
    - shell: bash
      run: echo "$ACT_RELEASE" >>"$GITHUB_PATH"
"""


@dataclass(frozen=True)
class Run:
    """How a run of a workflow ended: each job by its name, and what its steps wrote."""

    code: int
    jobs: Mapping[str, str]
    summary: str
    log: str


class Act:
    """One world whose main branch has the workflows that its pipelines ask for."""

    def __init__(
        self,
        program: Path,
        world: World,
        release: Path,
        *,
        notifications: str = "",
        slip: tuple[str, str] = ("", ""),
        shared: str = "",
    ) -> None:
        """`notifications` as pipelines/ have them; `slip`: what a workflow says, and what it says instead.

        `shared`: OWNER/NAME@COMMIT of the repository whose `_release.yml` does the work; empty: this one.
        """
        self._program = program
        self._world = world
        self._release = release
        self._folder = world.folder / "act"
        for name, script in _STUBS.items():
            stub = self._folder / name
            stub.mkdir(parents=True)
            (stub / "action.yml").write_text(_STUB.format(script=script), encoding="utf-8")
        self.files = self._folder / "files"  # what jobs keep for each other, by its name
        self.files.mkdir()
        (self._folder / "home").mkdir()
        self._identities = Identities(world, shared.partition("@")[0])
        environments = self._identities.environments() + notifications
        (world.clone / "pipelines" / "environments.yaml").write_text(environments, encoding="utf-8")
        pipelines = pipelines_in(world.clone)
        ours = {name: text.replace(*slip) for name, text in texts_of(pipelines).items()}
        pins = dict(re.findall(r"uses: ([\w-]+/[\w-]+)@([0-9a-f]{40})", "\n".join(ours.values())))
        self._local = {f"{name}@{pins[name]}": self._folder / name for name in _STUBS}
        setup = {"actions/setup/action.yml": _SETUP}
        if not shared:
            world.merge("ci: workflows", {**_in_place(ours), **setup})
            return
        self._local[shared] = self._folder / "shared"
        called = _for_act(
            ours["_release.yml"].replace("$/actions/setup", shared.replace("@", "/actions/setup@"))
        )
        for path, text in {".github/workflows/_release.yml": called, **setup}.items():
            file = self._local[shared] / path
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
        world.merge("ci: buttons", _in_place(texts_of(pipelines, shared)))

    @property
    def repository(self) -> str:
        """OWNER/NAME on the forge."""
        return self._identities.repository

    def trust_only(self, called: str) -> None:
        """From now on the roles trust the jobs of `_release.yml` of this OWNER/NAME."""
        Identities(self._world, called)

    def shown(self) -> dict[str, Any]:
        """What the forge holds of the repository."""
        return self._world.fleet.sandbox.forge.state(self._identities.repository)

    def violations(self) -> list[dict[str, str]]:
        """Calls to the forge that GitHub's description does not know."""
        return self._world.fleet.sandbox.forge.violations(self._identities.repository)

    def run(
        self,
        workflow: str,
        *,
        event: str = "workflow_dispatch",
        actor: str = "ada",
        attempt: int = 1,
        approved_by: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        job: str = "",
        payload: Mapping[str, Any] | None = None,
        **inputs: str,
    ) -> Run:
        """`approved_by`: the environment that waits -> who approves it. `secrets` of the repository.

        `job`: only this one and what it needs. `payload`: what the event says.
        """
        self.run_id = self._identities.add_run(workflow, attempt, approved_by or {})
        environment = {
            **{key: value for key, value in self._world.fleet.environment.items() if key not in _NOT_IN_JOBS},
            "GITHUB_REPOSITORY": self._identities.repository,
            "GITHUB_RUN_ID": str(self.run_id),
            "GITHUB_RUN_ATTEMPT": str(attempt),
            "ACT_FILES": str(self._folder / "files"),
            "ACT_RELEASE": str(self._release),
            "ACTIONS_ID_TOKEN_REQUEST_URL": self._identities.url(),
        }
        given = [part for key, value in environment.items() for part in ("--env", f"{key}={value}")]
        for key, value in inputs.items():
            given += ["--input", f"{key}={value}"]
        for key, value in (secrets or {}).items():
            given += ["-s", f"{key}={value}"]
        if job:
            given += ["--job", job]
        if payload is not None:
            event_file = self._folder / "event.json"
            event_file.write_text(json.dumps(payload), encoding="utf-8")
            given += ["--eventpath", str(event_file)]
        for name, folder in self._local.items():
            given += ["--local-repository", f"{name}={folder}"]
        given += ["--var", f"ACT_TOKENS={json.dumps(self._identities.tokens(), separators=(',', ':'))}"]
        done = subprocess.run(
            [self._program, event, "--json", "-W", f".github/workflows/{workflow}",
             "-P", "ubuntu-24.04=-self-hosted", "--no-cache-server", "--action-offline-mode",
             "--actor", actor, "-s", f"GITHUB_TOKEN={self._identities.job_token()}", *given],
            cwd=self._world.clone,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder / "home"), "LANG": "C.UTF-8"},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        return _run(done.returncode, (done.stdout + done.stderr).splitlines())

    def run_again(self, workflow: str, job: str, said: Mapping[str, str], *, reason: str) -> Run:
        """As "Re-run failed jobs": this one job alone, with what those before it have `said`."""
        file = self._world.clone / ".github" / "workflows" / "_release.yml"
        text = file.read_text(encoding="utf-8")
        head, _, jobs = text.partition("\njobs:\n")
        (found,) = re.findall(rf"(?ms)^  {job}:\n.*?(?=^  \S|\Z)", jobs)
        found = re.sub(r"(?m)^    needs: .*\n", "", found)
        for name, value in said.items():
            found = found.replace(f"needs.{name}", f"'{value}'")
        assert "needs." not in found, found
        try:
            file.write_text(f"{head}\njobs:\n{found}", encoding="utf-8")
            return self.run(workflow, attempt=2, reason=reason)
        finally:
            file.write_text(text, encoding="utf-8")


def by(login: str, world: World, *words: str) -> None:
    """A run that this person has started, without act: it is quicker."""
    ended = world.start(
        *words, GITHUB_ACTIONS="true", GITHUB_RUN_ID="1", GITHUB_ACTOR=login, CI="true"
    ).wait()
    assert ended.code == 0, str(ended)


def _in_place(texts: Mapping[str, str]) -> dict[str, str]:
    return {f".github/workflows/{name}": _for_act(text) for name, text in texts.items()}


def _run(code: int, lines: Sequence[str]) -> Run:
    said = [json.loads(line) for line in lines if line.startswith("{")]
    jobs = {one["job"].split("/")[-1].strip(): one["jobResult"] for one in said if one.get("jobResult")}
    summary = "\n".join(str(one.get("content", "")) for one in said if one.get("command") == "summary")
    log = "\n".join([*(str(one.get("msg", "")).rstrip() for one in said),
                     *(line for line in lines if not line.startswith("{"))])  # fmt: skip
    return Run(code, jobs, summary, re.sub(r"\x1b\[[0-9;]*m", "", log))


def _for_act(text: str) -> str:
    text = text.replace("uses: $/", "uses: ./")
    text = re.sub(r"(?m)^ *(queue: max|deployment: false)\n", "", text)
    return re.sub(r"(?m)^    environment:\n      name: (.*)(?<!-approval)\n", _with_token, text)


def _with_token(environment: "re.Match[str]") -> str:
    """The job's environment, and the request token of a job in it."""
    name = environment[1]
    expression = "format('{0}', " + f"'{name}')"
    if "inputs.environment" in name:
        suffix = name.partition("}}")[2]
        expression = "format('{0}" + suffix + "', inputs.environment)"
    token = "${{ fromJSON(vars.ACT_TOKENS)[" + expression + "] }}"
    return f"{environment[0]}    env:\n      ACTIONS_ID_TOKEN_REQUEST_TOKEN: {token}\n"
