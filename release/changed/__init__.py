"""Which services changed, and why: against what a stage runs (`stage`), or between two trees (`trees`). Only
reads. Importing this imports neither: a comparison of two trees is to take no time.
"""
