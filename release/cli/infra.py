"""`release infra`: the CloudFormation templates of a commit, and the platform of an account."""

import click

from release.cli.infra_apply import infra_apply
from release.cli.infra_bootstrap import infra_bootstrap
from release.cli.infra_diff import infra_diff
from release.cli.infra_lint import infra_lint
from release.cli.infra_render import infra_render
from release.cli.usage import Verbs


@click.group("infra", cls=Verbs, short_help="Templates: render, lint, compare, apply; set up an account.")
def command() -> None:
    """Templates of services as a commit has them, their stacks, and the platform of an account."""


command.add_command(infra_apply)
command.add_command(infra_bootstrap)
command.add_command(infra_diff)
command.add_command(infra_lint)
command.add_command(infra_render)
