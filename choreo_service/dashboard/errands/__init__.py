"""Errands of the page: choreo's own commands, each in a process of its own that gives way to the show."""
