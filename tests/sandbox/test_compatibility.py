"""An emulator of another shape is refused before it serves anything."""

from types import SimpleNamespace

import pytest

from release.sandbox.compatibility import SUPPORTED_VERSION, EmulatorChanged, check_version, replace


def original(name: str, data: object) -> str:
    return "original"


def replacement(name: str, data: object) -> str:
    return "replacement"


def test_the_supported_version_is_the_one_that_is_pinned() -> None:
    check_version(SUPPORTED_VERSION)
    with pytest.raises(EmulatorChanged, match=r"found 1\.5\.34"):
        check_version("1.5.34")


def test_a_function_is_replaced_and_the_original_handed_out() -> None:
    module = SimpleNamespace(__name__="service", update=original)

    assert replace(module, "update", ("name", "data"), replacement)("orders", {}) == "original"
    assert module.update("orders", {}) == "replacement"


@pytest.mark.parametrize(("name", "parameters"), [("update", ("name",)), ("gone", ("name", "data"))])
def test_a_function_that_changed_or_is_gone_is_left_alone(name: str, parameters: tuple[str, ...]) -> None:
    module = SimpleNamespace(__name__="service", update=original)

    with pytest.raises(EmulatorChanged, match=f"service.{name} takes"):
        replace(module, name, parameters, replacement)
    assert module.update is original
