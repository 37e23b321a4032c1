"""How a case says where it comes from, and where a plane is known not to meet it."""

import pytest

DOCUMENTATION = "https://docs.aws.amazon.com/"


def source(page: str) -> pytest.MarkDecorator:
    """The page of AWS' documentation that says what the case expects."""
    return pytest.mark.source(DOCUMENTATION + page)


def lenient(plane: str, instead: str) -> pytest.MarkDecorator:
    """The case fails on this plane, which does something else instead. Printed with every run."""
    return pytest.mark.lenient(plane, instead)
