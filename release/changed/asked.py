"""The service that somebody asks about."""

from collections.abc import Collection
from pathlib import Path

from release.errors import Misconfigured


def check_known(asked: str | None, names: Collection[str]) -> None:
    if asked is not None and asked not in names:
        raise Misconfigured(f"there is no service {asked}", fix=f"name one of: {', '.join(sorted(names))}")


def no_service(name: str, known: Collection[str], top: Path, *, committed: bool = False) -> Misconfigured:
    """Of a command that reads commits: the service that was meant may be in the work tree alone.

    `committed`: the commit has its folder, and this is about another thing than the commit.
    """
    folder = f"services/{name}"
    if not committed and (top / folder / "service.yaml").is_file():
        return Misconfigured(
            f"{folder} is not in that commit, only in the work tree",
            fix=f"commit it: git add {folder} && git commit",
            see=folder,
        )
    return Misconfigured(
        f"there is no service {name}", fix=f"name some of: {', '.join(sorted(known))}", see="services/"
    )
