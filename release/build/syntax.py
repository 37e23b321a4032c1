"""Python files that could not even be loaded: found before they are shipped, every one at once."""

import sys

from release.build.builder import Source
from release.core.fingerprint import service_folder
from release.core.imports import read_imports
from release.errors import Misconfigured


def refuse_broken(source: Source) -> None:
    """Raises Misconfigured that names each file which is no Python, with its line."""
    found = []
    for file in source.files:
        if file.path.endswith(".py") and (broken := read_imports(source.bytes_of(file)).broken) is not None:
            found.append(f"{file.origin}:{broken[0]}: cannot be parsed: {broken[1]}")
    if not found:
        return
    service = source.service
    ours = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    fix = "correct the file, and commit"
    if service.runtime != ours:
        fix += f"; or, where it is right for {service.runtime}, run release with that Python: this is {ours}"
    raise Misconfigured(
        f"{service.name} has files that are no Python",
        fix=fix,
        see=f"{service_folder(service.name)}",
        details=found,
    )
