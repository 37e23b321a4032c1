"""The demo: a merge goes to production in two regions, twice something breaks, and ledger and GitHub tell it.

Real git, real handlers, the real CLI as a process of its own for every step; only AWS and GitHub are the
sandbox. It works in a temporary clone and leaves nothing behind.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from release.core.platform import BOUNDARY
from release.errors import Misconfigured, ReleaseError
from release.sandbox.demo_forge import shown
from release.sandbox.session import Sandbox

WIDTH = 80
_ARTIFACTS = "999999999999"
_BUCKET = "acme-artifacts-{region}"
_ACCOUNTS = {"dev": "111111111111", "qa": "222222222222", "uat": "333333333333", "prod": "444444444444"}
_REGIONS = {
    "dev": ("us-east-1",),
    "qa": ("us-east-1",),
    "uat": ("us-east-1",),
    "prod": ("us-east-1", "us-west-2"),
}

# The demo cannot wait for a day of soak, and has one person: so it has pipelines of its own, with the one
# gate that it can open.
_FLEET = """\
services: ["*"]
tags: "v{version}"
branches: [main]
stages:
  - {name: dev, on: push, rollout: all-at-once}
  - {name: qa, channel: qa, after: dev, rollout: all-at-once}
  - {name: uat, channel: rc, after: qa, rollout: all-at-once}
  - {name: prod, channel: gold, after: uat, gates: {signed_off: true}, rollout: all-at-once}
"""


def role(environment: str) -> str:
    return f"arn:aws:iam::{_ACCOUNTS[environment]}:role/release-deploy"


def pipelines() -> Mapping[str, str]:
    """The demo's configuration: file below pipelines/ -> text."""
    lines = [f'artifacts: {{account: "{_ARTIFACTS}", bucket: "{_BUCKET}"}}', "alias: live", "environments:"]
    for name, account in _ACCOUNTS.items():
        regions = ", ".join(_REGIONS[name])
        lines.append(f'  {name}: {{account: "{account}", regions: [{regions}], role: "{role(name)}",')
        lines.append(f"    boundary: {BOUNDARY}}}")
    return {"environments.yaml": "\n".join(lines) + "\n", "fleet.yaml": _FLEET}


class DemoFailed(Exception):
    """A step did not end as the story says."""


class Demo:
    """The temporary clone, its remote, and the sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path, source: Path) -> None:
        self.clone = folder / "acme"
        self._begun = time.monotonic()
        self._number = 0
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RELEASE_"))
        }
        self._environment = sandbox.environment(base=environment) | {
            "COLUMNS": str(WIDTH),
            "CI": "",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "TERM": os.environ.get("TERM", "dumb"),
        }
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            self._environment["FORCE_COLOR"] = "1"
        self._start_from(source)
        for path in (self.clone / "pipelines").glob("*.y*ml"):
            path.unlink()
        (self.clone / "pipelines").mkdir(exist_ok=True)
        for name, text in pipelines().items():
            (self.clone / "pipelines" / name).write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "chore: pipelines of the demo")
        self.remote = sandbox.remote(self.clone)
        self.git("remote", "add", "origin", str(self.remote))
        self._forge = sandbox.forge
        self._repository = self._forge.add_repository("acme/fleet", self.remote)
        self._environment |= self._forge.environment(self._repository, login="ana")
        sandbox.provision(
            environments=[(_ACCOUNTS[name], _REGIONS[name], role(name)) for name in _ACCOUNTS],
            artifact_account=_ARTIFACTS,
            bucket_pattern=_BUCKET,
        )

    def _start_from(self, source: Path) -> None:
        """The files of the source's HEAD as a first commit: no tags of it, and whole where it is shallow."""
        if not (source / ".git").exists():
            raise Misconfigured(
                f"the demo starts from a clone of this repository, and {source} is none",
                fix="git clone the repository, then run `python3 dev.py demo` in it",
            )
        self.clone.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Ana Developer")
        self.git("config", "user.email", "ana@acme.example")
        self.git("fetch", "--quiet", "--depth=1", str(source), "HEAD")
        first = self.git("commit-tree", "-m", "feat: the fleet as it stands", "FETCH_HEAD^{tree}")
        (self.clone / ".git" / "shallow").unlink(missing_ok=True)  # nothing leads to that commit
        self.git("reset", "--quiet", "--hard", first)

    def git(self, *words: str) -> str:
        """Run git in the clone, quietly. Returns what it printed."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.clone,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoFailed(f"git {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def title(self, text: str) -> None:
        self._number += 1
        passed = time.monotonic() - self._begun
        head = f"{self._number}. {text}"
        print(f"\n{self._bold(head)}\n{'─' * (WIDTH - 8)} {passed:5.1f} s", flush=True)

    def say(self, text: str) -> None:
        print(textwrap.fill(text, WIDTH), flush=True)

    def release(self, *words: str, ends: int = 0) -> None:
        """Run the CLI and show command, output and exit code. Raises DemoFailed on another exit code."""
        shown = " ".join(f'"{word}"' if " " in word else word for word in ("release", *words))
        print(f"\n{self._bold('$ ' + shown)}", flush=True)
        # stderr and stdout in the order in which they come, as a terminal shows them
        done = subprocess.run(
            [sys.executable, "-m", "release", *words],
            cwd=self.clone,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
        )
        print(f"exit {done.returncode}", flush=True)
        if done.returncode != ends:
            raise DemoFailed(f"{shown} ended with {done.returncode}, not {ends}")

    def merge(self, message: str, edits: Mapping[str, tuple[str, str]]) -> None:
        """Edit files (path -> old text, new text), commit, push to main: what a merged pull request does."""
        for path, (old, new) in edits.items():
            file = self.clone / path
            text = file.read_text(encoding="utf-8")
            if old not in text:
                raise DemoFailed(f"{path} has changed: the demo does not find {old!r}")
            file.write_text(text.replace(old, new, 1), encoding="utf-8")
        self._publish(message)

    def pull_request(self, number: int, title: str) -> None:
        """The last merge came in by this one."""
        commit = self.git("rev-parse", "HEAD")
        self._forge.add_pull(self._repository, title, [commit], number=number, merged_as=commit, user="ana")

    def show_forge(self) -> None:
        """What people would see on GitHub's pages."""
        print(f"\n{self._bold(f'On GitHub: {self._repository}')}")
        for line in shown(self._forge.state(self._repository), WIDTH):
            print(line, flush=True)

    def revert(self) -> None:
        """Take back the last merge."""
        self.git("revert", "--no-edit", "HEAD")
        self.git("push", "--quiet", "origin", "HEAD:main")
        print(f"merged: {self.git('log', '-1', '--format=%h %s')}", flush=True)

    def _publish(self, message: str) -> None:
        self.git("commit", "--all", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        print(f"merged: {self.git('log', '-1', '--format=%h %s')}", flush=True)

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if "FORCE_COLOR" in self._environment else text


_HANDLER = "services/price-fetcher/price_fetcher/handler.py"
_DOCSTRING = '"""'


def story(demo: Demo) -> None:
    """What is shown, in order."""
    demo.title("Both services are set up in four environments")
    demo.release("deploy", "dev", "--yes")
    demo.release("promote", "qa", "--yes")
    demo.release("promote", "uat", "--yes", "--reason", "first release")
    demo.release("accept", "uat", "--yes", "--reason", "first release")
    demo.release("promote", "prod", "--yes", "--reason", "first release")
    demo.say("At the end of every run, the workflow shows on GitHub what the ledger holds:")
    demo.release("record", "--yes")

    demo.title("A change to price-fetcher is merged: DEV deploys that service alone")
    demo.merge(
        "feat: price-fetcher says more about itself (#1)", {_HANDLER: (_DOCSTRING, f"{_DOCSTRING}Prices. ")}
    )
    demo.pull_request(1, "price-fetcher says more about itself")
    demo.release("changed", "--stage", "dev")
    demo.release("deploy", "dev", "--yes")

    demo.title("The same bytes go to QA, UAT and PROD, in both regions")
    demo.release("promote", "qa", "--yes")
    demo.release("promote", "uat", "--yes", "--reason", "QA has signed off")
    demo.say("PROD has a gate: somebody must have signed off what UAT runs.")
    demo.release("promote", "prod", "--yes", "--reason", "change request 4711", ends=3)
    demo.release("accept", "uat", "--yes", "--reason", "prices are right")
    demo.release("promote", "prod", "--yes", "--reason", "change request 4711")
    demo.release("audit", "show", "v1.1.0")
    demo.release("record", "prod", "--yes")

    demo.title("A merge with a broken handler trips the circuit breaker in DEV")
    demo.merge(
        "fix: rounding of prices",
        {_HANDLER: (_DOCSTRING, f'raise RuntimeError("a broken handler")\n{_DOCSTRING}')},
    )
    demo.release("deploy", "dev", "--yes", ends=5)
    demo.release("status", "dev")
    demo.revert()
    demo.release("deploy", "dev", "--yes")

    demo.title("A release that fails in us-west-2 only is stopped in both regions")
    broken = 'import os\n\nif os.environ["AWS_REGION"] == "us-west-2":\n    raise RuntimeError("no route")\n'
    demo.merge("fix: connect to the database nearby", {_HANDLER: (_DOCSTRING, f"{broken}{_DOCSTRING}")})
    demo.release("deploy", "dev", "--yes")
    demo.release("promote", "qa", "--yes")
    demo.release("promote", "uat", "--yes", "--reason", "QA has signed off")
    demo.release("accept", "uat", "--yes", "--reason", "prices are right")
    demo.release("promote", "prod", "--yes", "--reason", "change request 4712", ends=5)
    demo.release("record", "--yes")

    demo.title("What runs where, and how it came to be")
    demo.release("status")
    demo.release("status", "prod")
    demo.release("audit", "log")

    demo.title("What GitHub shows of it, and whether all of it is what the ledger says")
    demo.show_forge()
    demo.release("audit", "verify")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Returns 0 when every step ended as it should."""
    parser = argparse.ArgumentParser(prog="demo", description="A merge goes to production in two regions.")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep clone and remote in this new folder")
    options = parser.parse_args(arguments)
    source = Path(__file__).resolve().parents[2]
    folder = options.keep or Path(tempfile.mkdtemp(prefix="release-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))  # by way of `finally`
    try:
        with Sandbox.start() as sandbox:
            demo = Demo(sandbox, folder, source)
            story(demo)
            if options.keep:
                shutil.copytree(demo.remote, folder / "remote.git")
        print(
            f"\nEvery step ended as it should, in {time.monotonic() - begun:.0f} s. Nothing is left running."
        )
        return 0
    except ReleaseError as error:
        print(f"\nerror: {error.cause}\nfix: {error.fix}", file=sys.stderr)
        return error.exit_code
    except DemoFailed as failure:
        print(f"\nerror: {failure}\nfix: this is a bug; report it with the output above", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
