"""What a new service may be called: as a service, as a Python package, and in AWS."""

import keyword
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from release.core import names
from release.core.models import Pipeline
from release.errors import Misconfigured

SHARED: Final = "common"  # the shared core; release.check knows it by the same name
# A service's folder stands before everything else on sys.path, so its package would hide these. They come
# with Lambda's runtime: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
OF_THE_RUNTIME: Final = frozenset(
    {"awslambdaric", "boto3", "botocore", "bootstrap", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
)
_OF_THE_REPOSITORY: Final = frozenset({SHARED, "conftest", "pipelines", "release", "services", "tests"})
_LONGEST: Final = 64  # Lambda CreateFunction, FunctionName; IAM CreateRole, RoleName


def package_of(service: str) -> str:
    """The Python package of a service: `price-fetcher` has price_fetcher."""
    return service.replace("-", "_")


def refuse_name(name: str, *, top: Path, pipelines: Sequence[Pipeline], packages: Iterable[str]) -> None:
    """Raises Misconfigured where a service cannot be called so. `packages`: those that its lock installs."""
    if names.PATTERN.fullmatch(name) is None:
        raise Misconfigured(f"{name!r} {names.WHAT}", fix=_better(name), see="services/")
    if len(name) > names.LONGEST:
        raise Misconfigured(
            f"{name} has {len(name)} characters; the name of a service has {names.LONGEST} at most",
            fix="choose a shorter one",
            see="services/",
        )
    _refuse_package(name, packages, _modules(top))
    folder = top / "services" / name
    if folder.exists() or folder.is_symlink():
        raise Misconfigured(
            f"services/{name} is there already",
            fix="choose another name, or move that folder away",
            see=f"services/{name}",
        )
    _refuse_too_long(name, pipelines)


def _better(name: str) -> str:
    guess = "-".join(part for part in "".join(c if c.isalnum() else " " for c in name.lower()).split())
    close = f", as in {guess}" if names.PATTERN.fullmatch(guess) and len(guess) <= names.LONGEST else ""
    return f"{names.FIX}{close}"


def _modules(top: Path) -> frozenset[str]:
    """What `import` finds at the top of the repository, where tools run."""
    return frozenset(
        path.stem for path in top.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    )


def _refuse_package(name: str, packages: Iterable[str], modules: Collection[str]) -> None:
    package = package_of(name)
    installed = {one.replace("-", "_").lower() for one in packages}
    for taken, whose in (
        (_OF_THE_REPOSITORY, "is a name that this repository needs itself"),
        (modules, f"would hide {package} of this repository"),
        (frozenset(keyword.kwlist), "is a word of Python"),
        (sys.stdlib_module_names, "would hide Python's own module of that name"),
        (OF_THE_RUNTIME, "would hide a package of Lambda's runtime"),
        (installed, "would hide a package that the service needs"),
    ):
        if package in taken:
            raise Misconfigured(
                f"the name {name} is reserved: {package} {whose}",
                fix=f"choose another one, such as {name}-service",
                see="services/",
            )


def _refuse_too_long(name: str, pipelines: Sequence[Pipeline]) -> None:
    """A function is `{name}-{stage}`, its role `{name}-{stage}-{region}` (function.j2)."""
    for pipeline in pipelines:
        for stage in pipeline.stages:
            function = f"{name}-{stage.name}"
            roles = [f"{function}-{region}" for region in stage.environment.regions]
            for what, called in (("function", function), *(("role of its function", role) for role in roles)):
                if len(called) > _LONGEST:
                    raise Misconfigured(
                        f"the {what} would be {called}: {len(called)} characters, and AWS takes {_LONGEST}",
                        fix=f"choose a name with {len(name) - len(called) + _LONGEST} characters at most",
                        see=str(stage.source),
                    )
