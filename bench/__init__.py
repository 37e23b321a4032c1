"""Measures `release` against peers and floors: `python3 dev.py bench`. docs/performance.md says how."""
