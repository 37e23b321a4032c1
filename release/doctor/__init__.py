"""Gathers what `release doctor` looks at, all at once and within bounded time. Never writes."""

from release.doctor.examine import examine
from release.doctor.surroundings import Surroundings

__all__ = ["Surroundings", "examine"]
