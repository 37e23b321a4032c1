"""The fleet on this machine: stacks, tables and functions in a sandbox, code from the work tree.

docs/local.md is for its users. A server (`server.py`) keeps sandbox and HTTP front; the other commands find
it by its files (`workplace.py`).
"""
