"""The least that the control calls of the last run could take at AWS's rate.

Arguments: account, functions, and perhaps a number of calls for each function, which then count instead.
"""

import os
import sys

from bench.aws_fleet import LIMIT_PER_SECOND, count
from release.sandbox.doors import Doors

account, functions = sys.argv[1], int(sys.argv[2])
found = count(Doors(os.environ["AWS_ENDPOINT_URL"]).calls(), account)
calls = int(sys.argv[3]) * functions if len(sys.argv) > 3 else found.control
print(
    f"at least {calls / LIMIT_PER_SECOND:.2f} s for {calls} calls,"
    f" {calls / functions:.1f} a function, {found.throttled} throttled"
)
