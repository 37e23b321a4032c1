"""Load the services of HEAD as every verb does, and say how long it took without interpreter and imports."""

import importlib
import time
from pathlib import Path

from release.promotion import build_setup, read_setup
from release.wire import Wiring

importlib.import_module("yaml")  # imported at the first file otherwise; every verb has it by then
wired = Wiring(Path.cwd())
setup = read_setup(wired.repo, wired.ledger, None)
commit = wired.repo.resolve("HEAD")
began = time.perf_counter()
services = build_setup(wired.repo, setup, commit)
seconds = time.perf_counter() - began
print(f"{len(services)} services in {seconds:.6f} s")
