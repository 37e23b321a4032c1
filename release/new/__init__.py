"""A new service, in the layers that the fleet has: rendered beside its place, then put there in one step."""

from release.new.scaffold import scaffold

__all__ = ["scaffold"]
