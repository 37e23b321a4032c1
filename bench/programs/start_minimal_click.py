"""What an installed console script looks like: the program is a module, which has bytecode."""

import sys

from minimal_click import cli  # type: ignore[import-not-found]  # beside this file, where Python looks

sys.exit(cli())
