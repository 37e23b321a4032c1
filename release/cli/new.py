"""`release new`: a service in the layers of the others, ready to be checked and deployed."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from release.cli.context import json_option, wiring
from release.cli.output import show, show_json
from release.core.scaffold import BY_NAME, KINDS
from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.core.scaffold import KindName

_KINDS = "; ".join(f"{name}: {BY_NAME[name].what}" for name in KINDS)


@click.command("new", short_help="Make a new service, with code, template, events and tests.")
@click.argument("service")
@click.option("--kind", type=click.Choice(KINDS), required=True, help=f"{_KINDS}.")
@click.option("--team", help="Whose it is; default of this and the next two: as another service has it.")
@click.option("--owner", help="Whom to ask: the address of a group.")
@click.option("--cost-center", help="Who pays.")
@click.option("--data-class", help="How sensitive its data are.  [default: internal]")
@json_option
@click.pass_obj
def command(
    directory: Path,
    service: str,
    kind: str,
    team: str | None,
    owner: str | None,
    cost_center: str | None,
    data_class: str | None,
    as_json: bool,
) -> None:
    """Make services/SERVICE: handler, rules, settings, template, events, tests and a lock of its packages.

    It passes `release check` and `release infra lint`, deploys and answers its smoke test as it is. Nothing
    that is there is changed, and when this fails nothing is written.
    """
    from release.adapters.own_templates import of_workflows
    from release.adapters.packaged import packaged_templates, shared_core
    from release.adapters.service_templates import FolderServiceTemplates
    from release.config import load_pipelines
    from release.config.values import TAG_VALUE
    from release.new import scaffold
    from release.observe import work_tree_pipelines
    from release.views.new import made_json, made_text

    options = {"team": team, "owner": owner, "cost_center": cost_center, "data_class": data_class}
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if TAG_VALUE.pattern.fullmatch(value) is None:
            raise Misconfigured(f"--{name.replace('_', '-')} {value!r} {TAG_VALUE.what}", fix=TAG_VALUE.fix)
    top = wiring(directory).repo.top
    texts = work_tree_pipelines(top)
    folder = packaged_templates() / "service"
    made = scaffold(
        top,
        service,
        cast("KindName", kind),
        given=given,
        pipelines=load_pipelines(texts.files, texts.odd),
        templates=FolderServiceTemplates(folder, shared_core(), of_workflows(folder).render),
    )
    if as_json:
        show_json(made_json(made))
    else:
        show(made_text(made))
