"""What the sandbox takes, or answers, where AWS does not."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lenience:
    """`aws` is what AWS does, `sandbox` what the sandbox does instead; `source` documents what AWS does."""

    id: str
    aws: str
    sandbox: str
    source: str


LENIENCES: tuple[Lenience, ...] = ()
