"""What a process may do at most: a job of a workflow says it, and AWS enforces it by whom roles trust."""

from collections.abc import Mapping
from typing import Final, Literal, cast, get_args

from release.errors import Misconfigured

# build: write artifacts. plan: read, and invoke for smoke tests. deploy: change the functions of one stage.
Access = Literal["build", "plan", "deploy"]
VARIABLE: Final = "RELEASE_ACCESS"


def read_access(environ: Mapping[str, str]) -> Access | None:
    """What the variable says. None: nothing, as on a laptop. Raises Misconfigured."""
    said = environ.get(VARIABLE)
    if not said:
        return None
    if said not in get_args(Access):
        raise Misconfigured(
            f"{VARIABLE} is {said!r}", fix=f"set it to one of {', '.join(get_args(Access))}, or unset it"
        )
    return cast(Access, said)
