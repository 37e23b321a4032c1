"""All that the rendered workflows promise: OF_ALL in any repository, OF_RELEASE where `_release.yml` is."""

# Reading them is what fills both.
from tests.workflows.promises import callers, ci, credentials, order, scripts, steps  # noqa: F401
from tests.workflows.promises.seen import OF_ALL, OF_RELEASE, Promise, Workflows

__all__ = ["OF_ALL", "OF_RELEASE", "Promise", "Workflows"]
