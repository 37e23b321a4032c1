"""Starts a button on GitHub, and follows its run. What runs there does not hang on who looks."""

from release.dispatch.follow import follow
from release.dispatch.start import start

__all__ = ["follow", "start"]
