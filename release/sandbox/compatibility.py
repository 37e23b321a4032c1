"""The checks that refuse any ministack but the one that the adapter was written against.

ministack has no plug-in interface, so the adapter replaces functions of its modules. That is sound for one
version only: its number is compared, and so are the parameters of every function that is replaced.
"""

import inspect
from collections.abc import Callable
from typing import Any

SUPPORTED_VERSION = "1.5.33"


class EmulatorChanged(RuntimeError):
    """ministack is not the version, or not of the shape, that the adapter was written against."""


def check_version(found: str) -> None:
    """Raises EmulatorChanged for any ministack but the supported one."""
    if found != SUPPORTED_VERSION:
        raise EmulatorChanged(f"the sandbox needs ministack {SUPPORTED_VERSION}, found {found}")


def replace_entry(
    table: dict[str, Any], key: str, parameters: tuple[str, ...], replacement: Callable[..., Any]
) -> Any:
    """Puts `replacement` in the place of `table[key]` and returns the original.

    Raises EmulatorChanged when the original does not exist or does not take exactly `parameters`.
    """
    original = table.get(key)
    found = tuple(inspect.signature(original).parameters) if callable(original) else None
    if found != parameters:
        raise EmulatorChanged(f"{key} takes {found}, the sandbox expects {parameters}")
    table[key] = replacement
    return original


def replace(module: Any, name: str, parameters: tuple[str, ...], replacement: Callable[..., Any]) -> Any:
    """Puts `replacement` in the place of `module.name` and returns the original.

    Raises EmulatorChanged when the original does not exist or does not take exactly `parameters`.
    """
    original = getattr(module, name, None)
    found = tuple(inspect.signature(original).parameters) if callable(original) else None
    if found != parameters:
        raise EmulatorChanged(f"{module.__name__}.{name} takes {found}, the sandbox expects {parameters}")
    setattr(module, name, replacement)
    return original
