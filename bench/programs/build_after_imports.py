"""`release build` in a process that has imported what it imports, and how long that took without a start."""

import contextlib
import importlib
import sys
import time
from pathlib import Path

from release.cli.main import main

for name in Path(sys.argv[1]).read_text(encoding="utf-8").split():
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
sys.argv = ["release", "build"]
began = time.perf_counter()
code = main()
print(f"done in {time.perf_counter() - began:.6f} s after imports")
sys.exit(code)
