"""What services, stages, pipelines and environments may be called."""

import re
from typing import Final

# Stack names are [a-zA-Z][-a-zA-Z0-9]* (CloudFormation CreateStack), and hold service and stage.
PATTERN: Final = re.compile(r"[a-z](?:-?[a-z0-9])*", re.ASCII)
LONGEST: Final = 48
WHAT: Final = "is not a name"
FIX: Final = "use lower-case letters, digits and single hyphens, starting with a letter"


def is_name(text: str) -> bool:
    return len(text) <= LONGEST and PATTERN.fullmatch(text) is not None
