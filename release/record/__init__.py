"""Brings GitHub in step with the ledger: deployments, releases, and comments on pull requests.

observe → plan → apply, like everything else, and only ever outwards: nothing here writes to the ledger or to
AWS, and what runs does not hang on it. Whatever it was killed at, the next run compares again and does what
is left.
"""

from release.record.carry_out import Outcome, bring_in_step
from release.record.desk import Desk
from release.record.look import StagePlan, plan_stage

__all__ = ["Desk", "Outcome", "StagePlan", "bring_in_step", "plan_stage"]
