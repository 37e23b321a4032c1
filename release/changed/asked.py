"""The service that somebody asks about."""

from collections.abc import Collection

from release.errors import Misconfigured


def check_known(asked: str | None, names: Collection[str]) -> None:
    if asked is not None and asked not in names:
        raise Misconfigured(f"there is no service {asked}", fix=f"name one of: {', '.join(sorted(names))}")
