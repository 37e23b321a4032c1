"""Lint, types, tests and dependency audit of services, by the tools that their repository has chosen.

The tools decide, by configuration that is the repository's or the service's own; here is only which of them
are asked, where, and how their answers are read. Whatever cannot be found out is never green.
"""
