"""What the promises of `release` rest on, outside of it: facts in, findings out."""
