"""The smallest click program that has a version and a command: what no CLI on click can be faster than."""

import click


@click.group()
@click.version_option("1.0.0", prog_name="minimal")
def cli() -> None:
    """Do next to nothing."""


@cli.command()
def hello() -> None:
    """Say hello."""
    click.echo("hello")
