"""Drift: what runs against what the ledger says, down to what stands around a function. Pure."""

from release.core.drift.findings import Finding, Kind, StageDrift
from release.core.drift.functions import (
    Copy,
    ProvisionedFacts,
    function_drift,
    region_drift,
    settings_drift,
)
from release.core.drift.mappings import MappingFacts, mapping_drift
from release.core.drift.orphans import orphaned, orphaned_stack
from release.core.drift.stacks import StackCopy, stack_drift

__all__ = (
    "Copy",
    "Finding",
    "Kind",
    "MappingFacts",
    "ProvisionedFacts",
    "StackCopy",
    "StageDrift",
    "function_drift",
    "mapping_drift",
    "orphaned",
    "orphaned_stack",
    "region_drift",
    "settings_drift",
    "stack_drift",
)
