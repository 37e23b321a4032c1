"""`release audit`: what the ledger has recorded."""

from pathlib import Path

import click

from release.cli.audit_export import audit_export
from release.cli.audit_file import audit_file
from release.cli.audit_verify import audit_verify
from release.cli.context import check_known, confirm, json_option, pipeline_option, wiring, yes_option
from release.cli.output import show, show_json
from release.cli.usage import Verbs
from release.errors import Misconfigured


@click.group("audit", cls=Verbs, short_help="Who moved what, when and why: the ledger.")
def command() -> None:
    """Read the ledger."""


@command.command("log")
@click.option("-n", "--limit", type=click.IntRange(1), default=30, show_default=True, help="How many events.")
@click.option("--stage", help="Only this stage.")
@pipeline_option
@json_option
@click.pass_obj
def audit_log(directory: Path, limit: int, stage: str | None, pipeline: str | None, as_json: bool) -> None:
    """Every event, newest first."""
    from release.views.history import event_json, log_text

    wired = wiring(directory)
    state = wired.ledger.read()
    check_known("pipeline", pipeline, {name for name, _ in state.heads})
    check_known("stage", stage, {name for _, name in state.heads})
    events = wired.ledger.events(state, limit=limit, pipeline=pipeline, stage=stage)
    if as_json:
        show_json([event_json(event) for event in events])
    else:
        show(log_text(events))


@command.command("show", short_help="All that is recorded of one release.")
@click.argument("tag")
@pipeline_option
@json_option
@click.pass_obj
def audit_show(directory: Path, tag: str, pipeline: str | None, as_json: bool) -> None:
    """Everything that is recorded of one release: its tag, and event by event what happened."""
    from release.core import trailers
    from release.views.history import event_json, release_text

    wired = wiring(directory)
    refs = wired.repo.remote()
    state = wired.ledger.read(refs)
    check_known("pipeline", pipeline, {name for name, _ in state.heads})
    events = list(wired.ledger.events(state, pipeline=pipeline, release=tag))
    found = refs.tags.get(tag)
    if found is None and not events:
        raise Misconfigured(
            f"neither the remote nor the ledger knows {tag}", fix="`release audit log` lists all there is"
        )
    stated: dict[str, str] = {}
    recorded = any(event.release is not None and event.release.tag == tag for event in events)
    problem = "the tag is not on the remote any more" if found is None and recorded else None
    if found is not None and found.annotated:
        wired.repo.ensure([found.object], refs=[f"refs/tags/{tag}"])
        try:
            stated = dict(trailers.parse(wired.repo.tag_message(found.object)))
        except ValueError as error:
            problem = f"the tag was tampered with: {error}"
    events.sort(key=lambda event: (event.at, event.path))
    if as_json:
        show_json(
            {
                "tag": tag,
                "object": found.object if found else None,
                "commit": found.commit if found else None,
                "trailers": stated,
                "problem": problem,
                "events": [event_json(event) for event in events],
            }
        )
        return
    if problem:
        show([f"warning: {problem}"])
    facts = {"Release-Commit": found.commit, "Release-Object": found.object} if found else {}
    show(release_text(tag, {**facts, **stated}, events))


@command.command("import", short_help="Bring the journal of a rollback without the ledger into the ledger.")
@click.argument("journal", type=click.Path(dir_okay=False, path_type=Path))
@yes_option
@json_option
@click.pass_obj
def audit_import(directory: Path, journal: Path, yes: bool, as_json: bool) -> None:
    """Record what `release rollback --without-ledger` has done. Refused where the stage has moved on."""
    from release.adapters.ledger_file import read_journal
    from release.journal import import_journal

    wired = wiring(directory)
    last, events = read_journal(journal)
    if not events:
        raise Misconfigured("this journal has no events", fix="there is nothing to import", see=str(journal))
    first = events[0]
    confirm(f"record {first.verb} {first.label} in {first.stage}?", yes=yes, in_ci=wired.in_ci)
    written = import_journal(wired.ledger, last, events)
    if as_json:
        show_json({"imported": [event.path for event in written]})
        return
    show(
        [
            f"{len(written)} events of {first.id} are in the ledger now"
            if written
            else "it was imported before"
        ]
    )


for neighbour in (audit_export, audit_file, audit_verify):
    command.add_command(neighbour)
