"""What comes with the tool: templates, macros and the shared core, inside the wheel or in a checkout."""

from collections.abc import Mapping
from pathlib import Path

from release.errors import ReleaseError


def packaged_templates() -> Path:
    """The tool's own `templates/`: inside the wheel, or beside the package in a checkout. Raises
    ReleaseError.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_templates", package.parent / "templates"):
        if folder.is_dir():
            return folder
    raise _not_installed("the templates that belong to release are not installed")


def shared_core() -> Path:
    """The shared core of services that comes with the tool: inside the wheel, or in the checkout. Raises
    ReleaseError.
    """
    templates = packaged_templates()
    for folder in (templates / "common", templates.parent / "services" / "common"):
        if folder.is_dir():
            return folder
    raise _not_installed("the shared core of services that belongs to release is not installed")


def packaged_macros() -> Mapping[str, str]:
    """The tool's own CloudFormation macros: name below `templates/cloudformation` -> text."""
    folder = packaged_templates() / "cloudformation"
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _not_installed(cause: str) -> ReleaseError:
    return ReleaseError(cause, fix="install it again: python -m pip install --force-reinstall lambda-release")
