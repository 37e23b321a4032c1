"""`python -m release`, for where the script is not on the PATH."""

import sys

from release.cli.main import main

sys.exit(main())
