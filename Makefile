# A shortcut for dev.py, which needs no make.
PYTHON ?= python3

.PHONY: demo test check prove bench help
demo test check prove bench help:
	@$(PYTHON) dev.py $@ $(ARGS)

.DEFAULT_GOAL := help
