"""Where checks run: a Python with the services' packages and the tools, an environment without keys."""

import json
import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.build.process import run
from release.errors import Misconfigured

# Unit tests are code that anybody may have written: they get no credentials.
_SECRET: Final = re.compile(
    r"AWS_(?!DEFAULT_REGION$|REGION$).*|ACTIONS_.*|GH_TOKEN|GITHUB_TOKEN|.*(?:_TOKEN|PASSWORD|SECRET|_KEY)"
)
_ASK: Final = """\
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if not importlib.util.find_spec(name)]))
"""


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter, and where it was found."""

    path: str
    origin: str

    def lacks(self, modules: Collection[str], folder: Path) -> Sequence[str]:
        """Those of the modules that it cannot import. Raises Misconfigured where it does not run."""
        try:
            ended = run(
                [self.path, "-c", _ASK, *sorted(modules)], folder=folder, environment=os.environ, seconds=60
            )
            missing: list[str] = json.loads(ended.log.strip().splitlines()[-1])
        except (OSError, ValueError, IndexError) as error:
            raise Misconfigured(
                f"the Python of {self.origin} does not run: {self.path}",
                fix="make it again, or remove it: then the Python of release is used",
                see=self.path,
            ) from error
        return missing


def python_of(top: Path, environ: Mapping[str, str]) -> Python:
    """`.venv` of the repository, else the virtual environment that is active, else what release runs in."""
    places = [(top / ".venv", "the repository's .venv")]
    if active := environ.get("VIRTUAL_ENV"):
        places.append((Path(active), "the active virtual environment"))
    for folder, origin in places:
        path = folder / "bin" / "python"
        if path.is_file():
            return Python(str(path), origin)
    return Python(sys.executable, "release itself")


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """What a check may see of our environment. Registries keep what they need to be read."""
    kept = {
        name: value
        for name, value in environ.items()
        if not _SECRET.fullmatch(name.upper()) or name.lower().startswith("npm_config_")
    }
    return {name: value for name, value in kept.items() if name != "NODE_AUTH_TOKEN"} | {
        "NO_COLOR": "1",
        "AWS_EC2_METADATA_DISABLED": "true",  # nor does a runner's own role answer
    }
