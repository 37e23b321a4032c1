from collections.abc import Callable

import pytest


@pytest.fixture
def record_proof(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says a line in the summary of the test run."""
    return lambda text: request.node.user_properties.append(("proof", text))
