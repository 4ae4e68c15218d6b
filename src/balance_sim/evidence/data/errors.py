"""What is raised when a data file cannot be used: exit code 4 of a command.

Codes
-----
E600 : what is asked of the data, or what they hold, does not do
E601 : a file or folder that is not there, or cannot be read
E602 : no table: damaged, empty, or rows that do not fit the header
E603 : a column that is wanted is not there
E604 : a cell that is no number, whole number, date or known word
E605 : a value outside its bounds
E606 : two rows where there may be one
"""

from __future__ import annotations

from pathlib import Path

from balance_sim.scenario.diagnostics import InputError

LONGEST_VALUE = 80
"""Characters of a cell that a message shows."""
OTHER, NO_FILE, NO_TABLE, NO_COLUMN, BAD_CELL, OUT_OF_BOUNDS, TWICE = (
    f"E60{number}" for number in range(7)
)


class DataError(InputError):
    """A data file that cannot be used as it stands.

    Attributes
    ----------
    message, next_step : what is wrong, and what to do about it
    path : of the file or folder
    line : counted from 1, the header is line 1
    column : the name in the header
    value : the text of the cell
    code : one of those in this module's docstring
    """

    def __init__(
        self,
        message: str,
        next_step: str,
        path: Path | str | None = None,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
        *,
        code: str = OTHER,
    ) -> None:
        super().__init__(message, next_step, path, line, column, value)
        self.message, self.next_step = message, next_step
        self.path, self.line, self.column, self.value = path, line, column, value
        self.code = code

    def __str__(self) -> str:
        line = self.line and f"line {self.line}"
        column = self.column and f"column {self.column}"
        places = [str(part) for part in (self.path, line, column) if part]
        place = f"{', '.join(places)}: " if places else ""
        cell = ""
        if self.value is not None:
            dots = "..." if len(self.value) > LONGEST_VALUE else ""
            cell = f" (found {self.value[:LONGEST_VALUE]!r}{dots})"
        return f"{place}{self.message}{cell}. {self.next_step}."

    def messages(self) -> list[str]:
        """The error as one line."""
        return [f"error: {self}"]

    def records(self) -> list[dict[str, object]]:
        """The error as plain data, in the keys of a scenario's errors, and `value`."""
        record: dict[str, object] = {
            "file": str(self.path or ""),
            "line": self.line,
            "col": None,
            "path": self.column or "",
            "code": self.code,
            "message": self.message,
            "allowed": "",
            "suggestion": self.next_step,
            "value": self.value,
        }
        return [record]
