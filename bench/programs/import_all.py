"""Import the modules that a file names, one a line: what an interpreter takes until a verb could begin."""

import contextlib
import importlib
import sys
from pathlib import Path

for name in Path(sys.argv[1]).read_text(encoding="utf-8").split():
    with contextlib.suppress(
        ImportError
    ):  # what was looked for and is not there was looked for by the verb too
        importlib.import_module(name)
