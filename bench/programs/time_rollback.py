"""Times a rollback from the moment of the confirmation. With `--yes` the plan's last line is that moment.

Arguments: the program, the stage, the release to go back to, and a file in which the answer is kept as well.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

program, stage, release, answer = sys.argv[1:]
process = subprocess.Popen(
    [program, "rollback", stage, "--to", release, "--reason", "measured", "--yes"],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
)
before = confirmed = first = last = 0.0
said: list[str] = []
assert process.stdout is not None  # noqa: S101 - for the type checker: it was asked for
for line in process.stdout:
    now = time.perf_counter()
    said.append(line)
    if re.match(r"  started\b", line):
        confirmed = before
    elif re.match(r"  shift\b", line):
        first, last = first or now, now
    before = now
code = process.wait()
end = time.perf_counter()
if code != 0 or not first:
    sys.exit(f"the rollback ended with {code}: {' '.join(said[-3:])}")
text = (
    f"first alias moved {first - confirmed:.2f} s after the confirmation, the last one"
    f" {last - confirmed:.2f} s, all confirmed and recorded {end - confirmed:.2f} s"
)
Path(answer).write_text(text)
print(text)
