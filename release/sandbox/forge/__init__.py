"""The forge of the sandbox: GitHub's REST API as far as a release tool uses it, with a memory.

Every request and every answer is held to GitHub's published description of its API (`description.json`, made
by `trim.py`). Commits, tags and refs are those of the bare git repository that stands behind a repository.
"""
