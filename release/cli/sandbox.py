"""`release sandbox`: AWS with several regions and accounts, a git remote and a forge, all on this machine."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli import sandbox_calls, sandbox_fault
from release.cli.context import folder
from release.cli.output import say
from release.cli.sandbox_start import StartOptions, start_options
from release.cli.usage import Verbs
from release.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from release.core.models import Pipelines
    from release.sandbox.session import Sandbox

_REPOSITORY = "sandbox/fleet"  # whatever the folder is called: a saved state knows it by this name


@click.group(
    "sandbox",
    cls=Verbs,
    short_help="An embedded AWS, git remote and GitHub on this machine, for trying and testing.",
)
def command() -> None:
    """Everything runs on loopback, in a temporary folder, and ends with the command."""


command.add_command(sandbox_fault.command)
command.add_command(sandbox_calls.command)


@command.command("up", short_help="Start a sandbox and keep it until Ctrl-C.")
@start_options
@click.pass_obj
def up(directory: Path, /, **options: Any) -> None:
    """Start a sandbox for this repository and keep it until Ctrl-C; print what a shell must export."""
    with _sandbox(directory, StartOptions(**options)) as (sandbox, environment):
        changed = {name: value for name, value in environment.items() if os.environ.get(name) != value}
        for name in sorted(set(os.environ) - set(environment)):
            say(f"unset {name}")
        for name, value in sorted(changed.items()):
            say(f"export {name}={shlex.quote(value)}")
        say(f"sandbox ready at {sandbox.endpoint}; Ctrl-C ends it", err=True)
        with contextlib.suppress(KeyboardInterrupt):
            sandbox.wait()
            raise Unavailable("the sandbox has ended by itself", fix="start it again")
    say("sandbox ended", err=True)


@command.command(
    "run",
    short_help="Run a command with a sandbox that ends when it does.",
    context_settings={"ignore_unknown_options": True},
)
@start_options
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND …")
@click.pass_obj
def run(directory: Path, /, words: tuple[str, ...], **options: Any) -> int:
    """Run COMMAND with a sandbox that ends when it does; its exit code is the command's.

    The remote holds this repository's HEAD as main; `release` uses it, and git knows it as `sandbox`. What
    speaks to GitHub speaks to the sandbox's forge.
    """
    with _sandbox(directory, StartOptions(**options)) as (_, environment):
        return _run(words, environment, directory)


@contextlib.contextmanager
def _sandbox(directory: Path, options: StartOptions) -> "Iterator[tuple[Sandbox, dict[str, str]]]":
    """A sandbox with what the folder's pipelines name, and the environment for a program in it."""
    from release.sandbox.session import Sandbox

    # What is wrong is said at once, before anything is started.
    folder(directory)
    top = _repository(directory)
    pipelines = _pipelines(top) if top else None

    def ended(number: int, _frame: object) -> None:
        sys.exit(128 + number)  # by way of every `finally`, so that nothing is left running

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGHUP, ended)
    with Sandbox.start(
        root=options.state,
        save_state=options.state is not None,
        rate_limit=options.rate_limit,
        metric_lag_seconds=options.metric_lag or 0.0,
        settle_seconds=options.settle,
    ) as sandbox:
        environment = sandbox.environment()
        # The `release` of this very environment, in a shell that has not activated it.
        environment["PATH"] = os.pathsep.join(
            (str(Path(sys.executable).parent), environment.get("PATH", os.defpath))
        )
        if pipelines is not None:
            _provision(sandbox, pipelines)
        if top is not None:
            remote = _saved_remote(sandbox.root) or sandbox.remote(top)
            environment |= sandbox.git_environment(remote, environment)
            environment |= sandbox.forge.environment(sandbox.forge.add_repository(_REPOSITORY, remote))
        # Last, so that they meet what the user does and not what made the sandbox ready.
        for rule in options.faults:
            sandbox.add_fault(rule)
        yield sandbox, environment


def _saved_remote(root: Path) -> Path | None:
    """The remote that a saved state has: its ledger belongs to what runs there."""
    return next(iter(sorted((root / "remotes").glob("remote-*.git"))), None)


def _repository(directory: Path) -> Path | None:
    """Top of the repository with a commit around the folder. None: there is none, and the
    sandbox is AWS alone.
    """
    from release.adapters.git import GitRepo
    from release.errors import ReleaseError

    try:
        repo = GitRepo.open(directory)
        repo.resolve("HEAD")
    except ReleaseError:
        return None
    return repo.top


def _pipelines(top: Path) -> "Pipelines | None":
    """What `pipelines/` of the work tree says. None: there is none. Raises Misconfigured."""
    from release.config import load_pipelines
    from release.observe import work_tree_files

    files = work_tree_files(top)
    return load_pipelines(files) if files else None


def _provision(sandbox: "Sandbox", pipelines: "Pipelines") -> None:
    """Roles and artifact buckets for what the pipelines name."""
    from release.core.models import BucketStore

    store = pipelines.artifacts
    if isinstance(store, BucketStore):
        found = pipelines.environments.values()
        roles = [(one.account, one.regions, role) for one in found for role in (one.role, one.plan_role)]
        roles += [(store.account, pipelines.regions, role) for role in (store.role, store.read_role) if role]
        sandbox.provision(
            environments=roles,
            artifact_account=store.account,
            bucket_pattern=store.bucket,
        )


def _run(words: Sequence[str], environment: dict[str, str], directory: Path) -> int:
    # The command gets the Ctrl-C too, and decides. Raising here could fall between the end of the command
    # and the reading of its exit code, which would then be taken for 0; a handler is not inherited by exec.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        return _ended(words, environment, directory)
    finally:
        signal.signal(signal.SIGINT, before)


def _ended(words: Sequence[str], environment: dict[str, str], directory: Path) -> int:
    try:
        process = subprocess.Popen(list(words), env=environment, cwd=directory)
    except OSError as error:
        raise Misconfigured(
            f"{words[0]} cannot be run: {error.strerror}", fix="release sandbox run -- COMMAND ARGUMENTS"
        ) from error
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return 128 - code if code < 0 else code
