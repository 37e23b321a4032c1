"""What the command line itself gets wrong, told like every other failure: cause, fix, exit code 2."""

import click

from release.errors import Misconfigured


class Verbs(click.Group):
    """A group whose unknown commands are answered with the one that was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from difflib import get_close_matches

            known = self.list_commands(ctx)
            meant = [f"`{ctx.command_path} {one}`" for one in get_close_matches(name, known)]
            raise Misconfigured(
                f"there is no command `{ctx.command_path} {name}`",
                fix=f"did you mean {' or '.join(meant)}?" if meant else f"name one of: {', '.join(known)}",
            )
        return super().resolve_command(ctx, args)


def complaint(error: click.ClickException) -> Misconfigured:
    """An error of click in our words."""
    cause = " ".join(error.format_message().split())
    fixes = []
    if isinstance(error, click.NoSuchOption):
        cause = f"there is no option {error.option_name}"
        if error.possibilities:
            fixes.append(f"did you mean {' or '.join(sorted(error.possibilities))}?")
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "release"
    fixes.append(f"`{path} --help` shows how it is called")
    return Misconfigured(cause[:1].lower() + cause[1:].rstrip("."), fix=" ".join(fixes))
