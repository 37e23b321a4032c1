"""The locked packages of a service as a folder, chosen for this machine; the cache is that of `build`."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from release.build.dependencies import dependencies, user_cache
from release.build.installer import Installation, uv_install
from release.build.requirements import how_to_lock, pins_digest, read_lock
from release.build.target import Target
from release.core.fingerprint import REQUIREMENTS, service_folder
from release.core.models import Service


def unpack(
    service: Service, top: Path, into: Path, environ: Mapping[str, str], say: Callable[[str], None]
) -> Path | None:
    """A folder below `into` for what its lock file pins, made once for a lock. None: it has none.

    Raises Misconfigured (no complete lock, no wheel for this machine) and Unavailable (no network).
    """
    folder = service_folder(service.name)
    file = f"{folder}/{REQUIREMENTS}"
    path = top / file
    if not path.is_file():
        return None
    lock = path.read_bytes()
    found = into / pins_digest(lock)[:16]
    if found.is_dir():
        return found
    fix = f"lock it: {how_to_lock(folder, service.runtime)}"
    asked = Installation(
        lock=lock,
        file=file,
        pins=read_lock(lock, file=file, fix=fix),
        runtime=service.runtime,
        architecture=service.architecture,
        target=Target.named("host"),
    )
    say(f"packages of {service.name}: as {file} locks them")
    members = dependencies(asked, install=uv_install, cache=user_cache(environ))
    partial = found.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for member in members:
        target = partial / member.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(member.content())
        target.chmod(member.mode)
    partial.rename(found)
    return found
