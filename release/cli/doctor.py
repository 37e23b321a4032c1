"""`release doctor`: looks at all that the promises rest on, and says how to mend it."""

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, wiring
from release.cli.output import say, show, show_json

if TYPE_CHECKING:
    from release.core.models import Pipelines

_SHARED = re.compile(
    r"uses: ([A-Za-z0-9-]+/[A-Za-z0-9._-]+)/\.github/workflows/_release\.yml@([0-9a-f]{40})\b"
)


@click.command("doctor", short_help="Look at all that the promises rest on, and say how to mend it.")
@click.option(
    "--stage", metavar="STAGE", help="Only what this stage needs; what all need is looked at anyway."
)
@json_option
@click.pass_obj
def command(directory: Path, stage: str | None, as_json: bool) -> int:
    """Read settings of this clone, of AWS and of GitHub; change nothing.

    Exit code 3: something is not as it should be, with the command that mends it. 4: all that could be asked
    is well, and something could not.
    """
    from release.core.doctor.findings import exit_code
    from release.doctor import Surroundings, examine
    from release.views.doctor import Whole, doctor_json, doctor_text
    from release.views.workflows import handed_on

    wired = wiring(directory)
    around = Surroundings(
        repo=wired.repo,
        ledger=wired.ledger,
        machine=wired.machine,
        aws=wired.aws_setup,
        forge=lambda: wired.forge,
        out_of_step=partial(_out_of_step, wired.repo.top),
        handed_on=handed_on,
        variables=frozenset(name for name, value in os.environ.items() if value),
    )
    findings = examine(around, stage)
    if as_json:
        show_json(doctor_json(findings))
    else:
        for line in doctor_text(findings):
            if isinstance(line, Whole):
                say(line)
            else:
                show([line])
    return exit_code(findings)


def _out_of_step(top: Path) -> tuple[tuple[str, ...], str]:
    """Workflows of the work tree that differ from what its pipelines/ ask for, and what mends them."""
    from release.adapters.own_templates import of_workflows
    from release.adapters.packaged import packaged_templates
    from release.views.workflows import FOLDER, MARK, workflow_files

    found = {f"{FOLDER}/{path.name}": _text_of(path) for path in sorted((top / FOLDER).glob("*.yml"))}
    shared = next((f"{one[1]}@{one[2]}" for text in found.values() if (one := _SHARED.search(text))), None)
    templates = of_workflows(packaged_templates() / "workflows")
    wanted = {
        file.path: MARK + templates.render(file.template, file.words)
        for file in workflow_files(_pipelines(top), shared)
    }
    differing = [path for path, text in wanted.items() if found.get(path) != text]
    stale = [path for path, text in found.items() if text.startswith(MARK) and path not in wanted]
    render = f"release workflows render{f' --from {shared}' if shared else ''}, and commit what it changes"
    return (*differing, *stale), render


def _pipelines(top: Path) -> "Pipelines":
    from release.config import load_pipelines
    from release.observe import work_tree_pipelines

    texts = work_tree_pipelines(top)
    return load_pipelines(texts.files, texts.odd)


def _text_of(path: Path) -> str:
    """Empty: no text, so nothing that we have rendered."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
