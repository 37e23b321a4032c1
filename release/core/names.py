"""What services, stages, pipelines and environments may be called."""

import re
from collections.abc import Collection, Sequence
from typing import Final

# Stack names are [a-zA-Z][-a-zA-Z0-9]* (CloudFormation CreateStack), and hold service and stage.
PATTERN: Final = re.compile(r"[a-z](?:-?[a-z0-9])*", re.ASCII)
LONGEST: Final = 48
WHAT: Final = "is not a name"
FIX: Final = "use lower-case letters, digits and single hyphens, starting with a letter"


def odd_ones(names: Collection[str]) -> Sequence[str]:
    """Those that are no names, sorted."""
    if all(map(PATTERN.fullmatch, names)) and max(map(len, names), default=0) <= LONGEST:
        return ()
    return sorted(name for name in names if PATTERN.fullmatch(name) is None or len(name) > LONGEST)
