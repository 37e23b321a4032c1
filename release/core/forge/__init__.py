"""What GitHub should hold of what the ledger says, and the steps that lead there. Pure.

Nothing here is a source of truth: GitHub shows what tag, manifest and ledger say, and can be brought in step
again from them at any time. Every step is found by comparing; nothing is remembered of an earlier run.
"""
