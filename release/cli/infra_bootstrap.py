"""`release infra bootstrap`: what an account needs before its first release."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli.context import confirm, json_option, wiring, yes_option
from release.cli.output import progress, say, show_json
from release.errors import GateClosed, Misconfigured

if TYPE_CHECKING:
    from release.infra.bootstrap import Planned
    from release.wire import Wiring

_SETTING = re.compile(r"([A-Za-z][A-Za-z0-9]*)=(.*)", re.ASCII)


@click.command("bootstrap", short_help="Set up an account: roles, keys, buckets, alerts, backups.")
@click.argument("environment")
@click.option("--check", is_flag=True, help="Change nothing; exit 3 where something is to be done.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Write the templates here.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the stacks.")
@click.option("--repository", metavar="OWNER/NAME", help="Whose jobs the roles trust; default: the remote's.")
@click.option("--ref", default="HEAD", show_default=True, help="Commit whose services are to come there.")
@yes_option
@json_option
@click.pass_obj
def infra_bootstrap(
    directory: Path,
    environment: str,
    check: bool,
    out: Path | None,
    settings: tuple[str, ...],
    repository: str | None,
    ref: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Create or update the platform stacks of ENVIRONMENT, or of `artifacts`, with your own credentials.

    Whoever runs it is an administrator of that account: the roles that release uses later are made here.
    Settings that are not said again stay as they are.
    """
    from release.infra.bootstrap import carry_out

    if check and out is not None:
        raise Misconfigured("--check and --out exclude each other", fix="leave one of them out")
    wired = wiring(directory)
    planned, notes = _planned(
        wired, environment, _settings(settings), repository, ref, offline=out is not None
    )
    if out is not None:
        _write(planned, out)
        for note in notes:
            say(f"note: {note}", err=True)
        return
    if as_json:
        show_json({"stacks": [_document(one) for one in planned], "notes": list(notes)})
    else:
        show_planned(planned, notes)
    todo = [one for one in planned if one.todo != "nothing"]
    if not todo:
        return
    if check:
        raise GateClosed(
            f"{len(todo)} of {len(planned)} stacks of {environment} are not as they should be",
            fix=f"release infra bootstrap {environment}",
        )
    confirm("Do this?", yes=yes, in_ci=wired.in_ci)
    carry_out(wired.stacks, planned, _told)


def _planned(
    wired: "Wiring",
    environment: str,
    settings: dict[str, str],
    repository: str | None,
    ref: str,
    *,
    offline: bool,
) -> "tuple[tuple[Planned, ...], tuple[str, ...]]":
    from release.adapters.github.credentials import home_of
    from release.adapters.own_templates import OwnTemplates
    from release.adapters.packaged import packaged_templates
    from release.config import load_pipelines
    from release.config.environments import FILE, declared_at
    from release.core.platform import Stacked
    from release.doctor.configured import roles, stages_of
    from release.infra.bootstrap import STORE, Fleet, environment_of, fleet, plan, refuse_shared, wanted
    from release.observe import work_tree_files

    files = work_tree_files(wired.repo.top)
    pipelines = load_pipelines(files)
    found = Fleet((), Stacked(frozenset(), True, False), ())
    if environment != STORE or environment in pipelines.environments:
        place = environment_of(pipelines, environment)
        refuse_shared(pipelines, environment, declared_at(files[FILE]))
        found = fleet(wired.repo, ref, place, pipelines, wired.templates, wired.read_template)
    named = repository or home_of(os.environ, wired.repo.remote_url()).repository
    asked = wanted(pipelines, environment, found, roles(pipelines, stages_of(pipelines, None)), named)
    if not offline:
        for one in asked:
            _require_account(wired, one.place.account, wired.functions.account(one.place))
    stacks: Any = _Nowhere() if offline else wired.stacks
    renders = OwnTemplates(packaged_templates() / "bootstrap")
    return plan(stacks, asked, renders, wired.read_template, wired.create_only, settings), found.notes


class _Nowhere:
    """Stacks where nothing is looked at: templates are written to a folder without asking AWS."""

    def stack(self, place: object, name: str) -> None:
        return None


def _require_account(wired: "Wiring", wanted: str, found: str) -> None:
    if found != wanted:
        raise Misconfigured(
            f"the credentials are of account {found}, and this is about {wanted}",
            fix="sign in as an administrator of that account (AWS_PROFILE); the roles do not exist yet",
        )


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in given:
        match = _SETTING.fullmatch(one)
        if match is None:
            raise Misconfigured(
                f"--set {one!r} is no NAME=VALUE", fix="as in --set AlertEmail=team@acme.example"
            )
        found[match[1]] = match[2]
    return found


def _write(planned: "tuple[Planned, ...]", folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in planned:
        path = folder / f"{one.stack.name}.{one.stack.place.region}.yaml"
        path.write_text(one.text, encoding="utf-8")
        say(str(path))


def show_planned(planned: "tuple[Planned, ...]", notes: tuple[str, ...]) -> None:
    """What is asked about: every stack, what it is to hold, and what it would lose."""
    from release.core.infra_diff import StackDifference
    from release.views.infra import tree

    for one in planned:
        say(f"{one.stack.name} in {one.stack.place}: {one.todo}")
        if one.todo != "nothing":
            for name, kind in one.resources:
                say(f"    {name:<24} {kind}")
            for name, value in sorted(one.parameters.items()):
                say(f"    {name} = {value}")
        if one.gone:
            found = StackDifference("", "", one.stack.name, (one.stack.place.region,), False, one.gone)
            for line in tree(found):
                say(f"  {line.symbol or ' '} {line.text if line.symbol else f'    {line.text}'}")
    for note in notes:
        say(f"note: {note}")


def _document(one: "Planned") -> dict[str, Any]:
    return {
        "stack": one.stack.name,
        "account": one.stack.place.account,
        "region": one.stack.place.region,
        "todo": one.todo,
        "resources": [{"name": name, "type": kind} for name, kind in one.resources],
        "settings": dict(one.parameters),
        "gone": [{"name": entry.name, "type": entry.kind, "action": entry.action} for entry in one.gone],
    }


def _told(one: "Planned") -> None:
    progress("recorded", {"text": f"{one.stack.name} in {one.stack.place}: {one.todo}d"})
