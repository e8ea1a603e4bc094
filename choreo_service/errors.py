"""Errors a user meets. Each says what was found, what was expected and what to type next."""

from __future__ import annotations

from typing import Final

EXIT_INTERRUPTED: Final = 130  # what shells report for SIGINT
ITS_NAME: Final = "<its name>"  # in an adapter's `fix`: what its user calls it, which the adapter does not know


class ChoreoError(Exception):
    """Base of every error the command line prints without a traceback.

    `problem` says what was found and what was expected; `fix` says what to type or change next.
    """

    exit_code = 1

    def __init__(self, problem: str, *, fix: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix

    def name_adapter(self, name: str) -> None:
        """Say `name` where the adapter that raised this could only write ITS_NAME."""
        self.fix = self.fix.replace(ITS_NAME, name)

    def __str__(self) -> str:
        return f"{self.problem}\n  fix: {self.fix}" if self.fix else self.problem


class ConfigError(ChoreoError):
    """The user's configuration can't be used; the user edits a file, a variable or an option.

    `path` is the key it is about, block by block, where it is about one.
    """

    exit_code = 2

    def __init__(self, problem: str, *, fix: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__(problem, fix=fix)
        self.path = path

    @property
    def each(self) -> tuple[ConfigError, ...]:
        """The single mistakes, where several are told in one go."""
        return (self,)


class AdapterConfigError(ConfigError):
    """An adapter's own settings can't work (port in use, unknown device): fatal at start-up, never retried."""


class SessionError(ChoreoError):
    """A take on disk can't be read or written: missing, corrupt, wrong schema, unwritable folder."""

    exit_code = 3


class AdapterLost(ChoreoError):
    """A device or peer went away while running; the supervisor reconnects."""
