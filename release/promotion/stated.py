"""What release tags state in their trailers."""

from collections.abc import Mapping, Sequence

from release.core import trailers
from release.errors import GateClosed
from release.ports import RemoteTag, Repo


def stated(repo: Repo, tags: Sequence[RemoteTag]) -> Mapping[str, Mapping[str, str]]:
    """Trailers by name of the tag, which are all annotated. Raises GateClosed, Unavailable."""
    repo.ensure([tag.object for tag in tags], refs=[f"refs/tags/{tag.name}" for tag in tags])
    found = {}
    for tag in tags:
        try:
            found[tag.name] = trailers.parse(repo.tag_message(tag.object))
        except ValueError as error:
            raise tampered(tag.name, str(error)) from error
    return found


def tampered(tag: str, why: str) -> GateClosed:
    return GateClosed(
        f"the tag {tag} was tampered with: {why}",
        fix="find out who made it; `release audit show` says what the ledger knows",
    )
