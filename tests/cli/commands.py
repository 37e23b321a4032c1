"""Every command of the CLI, found by walking it."""

from collections.abc import Iterator

import click

from release.cli.main import cli


def commands(group: click.Group = cli, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Path of words and command, of everything that can be run."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


def groups() -> Iterator[tuple[str, ...]]:
    """Path of every group of commands, () for `release` itself."""
    yield ()
    yield from dict.fromkeys(path[:-1] for path, _ in commands() if len(path) > 1)
