"""What is raised when a data file cannot be used. The command line turns it into exit
code 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from balance_sim.scenario.diagnostics import InputError


class DataError(InputError):
    """A data file that cannot be read as it stands: where, what was found, what to do
    next.

    line: counts from 1, the header is line 1; column: the name in the header; value:
    the text found there. each: the errors that this one stands for."""

    def __init__(
        self,
        message: str,
        next_step: str,
        path: Path | str | None = None,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(message, next_step, path, line, column, value)
        self.message, self.next_step = message, next_step
        self.path, self.line, self.column, self.value = path, line, column, value
        self.each: tuple[DataError, ...] = (self,)

    def __str__(self) -> str:
        where = {"": self.path, "line ": self.line, "column ": self.column}
        head = ", ".join(
            f"{what}{value}" for what, value in where.items() if value is not None
        )
        found, more = self.value, "..." if self.value and len(self.value) > 80 else ""
        told = f" (found {found[:80]!r}{more})" if found is not None else ""
        return f"{head}{': ' if head else ''}{self.message}{told}. {self.next_step}."

    def messages(self) -> list[str]:
        """Return a line for each error."""
        return [f"error: {error}" for error in self.each]

    def records(self) -> list[dict[str, object]]:
        """Return each error as plain data, all with the code E600."""
        return [
            {
                "file": "" if error.path is None else str(error.path),
                "line": error.line,
                "col": None,
                "path": error.column or "",
                "code": "E600",
                "message": error.message,
                "allowed": "",
                "suggestion": error.next_step,
                "value": error.value,
            }
            for error in self.each
        ]


class DataErrors(DataError):
    """Several errors found in one pass; place, message and value are those of the
    first."""

    def __init__(self, errors: Sequence[DataError]) -> None:
        first = errors[0]
        super().__init__(
            first.message,
            first.next_step,
            first.path,
            first.line,
            first.column,
            first.value,
        )
        self.args, self.each = (tuple(errors),), tuple(errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.each))


def refuse_unless_one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise DataError for a word that is none of those that an option knows."""
    if value not in allowed:
        raise DataError(
            f"{name} has no such value", f"Use {' or '.join(allowed)}", value=str(value)
        )
