"""What a long run says of itself: a word for what happens, and its facts. From any thread; never raises."""

from collections.abc import Callable, Mapping
from typing import Any

Progress = Callable[[str, Mapping[str, Any]], None]
