"""`release build`: the artifacts, templates and the manifest of a commit, made once; or made again, to
compare.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import progress, say, show, show_json
from release.errors import GateClosed, Misconfigured

if TYPE_CHECKING:
    from release.core.models import Service
    from release.promotion import Setup
    from release.wire import Wiring


@click.command("build", short_help="Build a commit: artifacts, templates, manifest. Nothing is built twice.")
@click.argument("services", nargs=-1)
@click.option("--ref", help="Commit to build; default: HEAD, and then the work tree must be clean.")
@click.option("--verify", metavar="RELEASE", help="Build a tag or commit again instead, and compare.")
@click.option("--refill", is_flag=True, help="Ask every region for everything, and fill what is missing.")
@pipeline_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    services: tuple[str, ...],
    ref: str | None,
    verify: str | None,
    refill: bool,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Build every service whose fingerprint was not built before, and write the commit's manifest.

    With SERVICES only these are built, and no manifest is written: shards of a large fleet, one after the
    other or at once.
    """
    from release.promotion import build_setup, read_setup
    from release.promotion.known import running_manifests
    from release.views.builds import build_json, build_text

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    if verify is not None:
        if services or ref is not None or refill:
            raise Misconfigured("--verify builds a whole release again", fix="name nothing else beside it")
        _verify(wired, setup, verify, as_json)
        return
    commit = wired.repo.resolve("HEAD" if ref is None else ref)
    warnings = _own_work(wired, setup, commit, work_tree=ref is None)
    for warning in warnings:
        say(f"warning: {warning}", err=True)
    configured = _named(build_setup(wired.repo, setup, commit), services)
    installed: set[str] = set()

    def heard(event: str, facts: Mapping[str, Any]) -> None:
        if event == "install":
            installed.add(facts["lock"].split("/")[1])
        progress(event, facts)

    built = wired.build(
        wired.artifacts(setup.pipelines),
        setup.pipelines,
        setup.pipeline,
        configured,
        commit,
        heard,
        base=running_manifests(setup),
        refill=refill,
        whole=not services,
    )
    rows = [(one.service, one.outcome, one.entry, one.seconds) for one in built.services]
    manifest = built.digest if built.whole else None
    if as_json:
        show_json(
            {
                "commit": commit,
                "pipeline": setup.pipeline.name,
                "manifest": manifest,
                "known": built.known,
                "seconds": round(built.seconds, 3),
                "services": build_json(rows, installed),
                "warnings": warnings,
            }
        )
        return
    show(build_text(rows, commit=commit, manifest=manifest, seconds=built.seconds))


def _named(services: "Mapping[str, Service]", names: tuple[str, ...]) -> "Mapping[str, Service]":
    """All, or those that were named. Raises Misconfigured for a name that is none."""
    if unknown := [name for name in names if name not in services]:
        raise Misconfigured(
            f"there is no service {unknown[0]}", fix=f"name some of: {', '.join(sorted(services))}"
        )
    return {name: services[name] for name in names} if names else services


def _own_work(wired: "Wiring", setup: "Setup", commit: str, *, work_tree: bool) -> list[str]:
    """What nobody else has: a warning in the sandbox. Raises GateClosed outside it."""
    from release.build.pushed import is_pushed, uncommitted

    sandbox = wired.build_target.is_host
    warnings = []
    if not is_pushed(wired.repo, setup.refs, commit):
        said = f"commit {commit[:10]} is on no branch of the remote"
        if not sandbox:
            raise GateClosed(said, fix="push it: what is built must be there for others to look at")
        warnings.append(said)
    if dirty := uncommitted(wired.repo):
        more = f" and {len(dirty) - 1} more" if len(dirty) > 1 else ""
        said = f"{dirty[0]}{more} in the work tree will not be built: a commit is"
        if not sandbox and work_tree:
            raise GateClosed(said, fix="commit and push it, or name the commit that you mean: --ref HEAD")
        warnings.append(said)
    return warnings


def _verify(wired: "Wiring", setup: "Setup", name: str, as_json: bool) -> None:
    """Raises GateClosed when any service differs."""
    from release.promotion import build_setup
    from release.promotion.known import known_release
    from release.views.builds import checks_text

    artifacts = wired.artifacts(setup.pipelines)
    release = known_release(wired.repo, artifacts, setup, name, target=wired.build_target.name)
    commit = release.manifest.commit
    wired.repo.ensure([commit], refs=[f"refs/heads/{branch}" for branch in setup.refs.branches])
    services = build_setup(wired.repo, setup, commit)
    checks = wired.build_again(artifacts, release.manifest, services, progress)
    differing = [check for check in checks if check.outcome == "differs"]
    if as_json:
        show_json(
            {
                "commit": commit,
                "manifest": release.digest,
                "tag": release.tag,
                "verified": not differing,
                "services": {
                    check.service: {
                        "outcome": check.outcome,
                        "artifact": check.entry.artifact,
                        "content": check.entry.content,
                        "built": {"artifact": check.artifact, "content": check.content},
                        "detail": check.detail,
                    }
                    for check in checks
                },
            }
        )
    else:
        rows = [(check.service, check.outcome, check.entry.artifact, check.detail) for check in checks]
        show(checks_text(rows, f"{release.tag or commit[:10]}  manifest {release.digest[:10]}"))
    if differing:
        names = ", ".join(check.service for check in differing)
        raise GateClosed(
            f"{name} does not build to the same content again: {names}",
            fix="build it with the version of release that its manifest names"
            f" ({release.manifest.builder}); if it still differs, find out who changed what is stored",
            details=[f"{check.service}: {check.detail}" for check in differing],
        )
