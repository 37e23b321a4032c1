"""Gathers what `release doctor` looks at, all at once and within bounded time. Never writes."""

from release.doctor.examine import Surroundings, examine

__all__ = ["Surroundings", "examine"]
