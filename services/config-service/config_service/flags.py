"""Whether a flag is on for somebody: by its rules and a hash alone, so everywhere and every time the same."""

import hashlib
from dataclasses import dataclass

from config_service.schema import FlagRules, Rule

BUCKETS = 10_000  # hundredths of a percent


@dataclass(frozen=True, slots=True)
class Decision:
    on: bool
    reason: str


def decide(flag: str, rules: FlagRules, user: str, tenant: str | None) -> Decision:
    """The first rule that is about the user or the tenant decides. Without a tenant no rule of tenants
    does."""
    if not rules.enabled:
        return Decision(False, "disabled")
    for number, rule in enumerate(rules.rules):
        if _is_about(flag, rule, user, tenant):
            return Decision(rule.on, f"rule {number}")
    return Decision(rules.default, "default")


def _is_about(flag: str, rule: Rule, user: str, tenant: str | None) -> bool:
    if rule.users is not None:
        return user in rule.users
    if rule.percentage_of_users is not None:
        return bucket(flag, "user", user) < round(rule.percentage_of_users * 100)
    if tenant is None:
        return False
    if rule.tenants is not None:
        return tenant in rule.tenants
    return bucket(flag, "tenant", tenant) < round((rule.percentage_of_tenants or 0) * 100)


def bucket(flag: str, kind: str, identity: str) -> int:
    """0 to 9999, evenly spread. The flag is part of the hash: not the same tenth gets every new thing
    first."""
    digest = hashlib.sha256(f"{flag}\0{kind}\0{identity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS
