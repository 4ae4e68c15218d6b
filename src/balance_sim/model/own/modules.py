"""Code of the user's own, found by name: one rule for agents, outcomes, terms of
willingness and kinds of event.

`module:name` names something in a module of the working directory or on PYTHONPATH. A
bare name may be that of a
plug-in: an entry point of an installed package in the group `balance_sim.agents`,
`.outcomes`, `.terms` or `.events`. Terms and kinds of event enter a `Registry` as their
module is imported; workers import those modules (`fingerprint.packed`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from traceback import walk_tb
from types import ModuleType
from typing import Any

from balance_sim.scenario.diagnostics import Mark
from balance_sim.scenario.errors import WrongRequest

NOWHERE = ("", "__main__", "__mp_main__")
"""Modules that no other process could import."""
_entered: dict[str, None] = {}


def module_named(module: str, option: str) -> ModuleType:
    """The module of that name. Importing it runs its code. option: the command line's,
    for messages.

    Raises WrongRequest where there is none, and where its code ends in whatever
    exception, SystemExit too."""
    place = f"{option} {module}:"
    if not all(part.isidentifier() for part in module.split(".")):
        raise WrongRequest(
            f"{place} not the name of a module, as `mine` for mine.py in the working "
            "directory"
        )
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:
        why = str(error)
        if not isinstance(error, ImportError):
            why = f"{type(error).__name__}: {error}"
        raise WrongRequest(
            f"{place} cannot be imported ({why}); repair it, and try `import {module}`"
        ) from error


def object_named(reference: str, option: str) -> Any:
    """What `module:name` names. Raises WrongRequest where there is no such thing."""
    name_of_module, _, name = reference.partition(":")
    module = module_named(name_of_module, option)
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise WrongRequest(
            f"{option} {reference}: cannot be imported ({error})"
        ) from error


def plugin(group: str, name: str) -> str:
    """`module:name` or `module` of an installed package's entry point in the group
    `balance_sim.<group>`; "" if none.

    Raises WrongRequest where two packages have one of that name."""
    from importlib.metadata import entry_points

    points = entry_points(group=f"balance_sim.{group}", name=name)
    places = {point.value for point in points}
    if len(places) > 1:
        raise WrongRequest(
            f"two installed packages have {group} named `{name}`: "
            f"{', '.join(sorted(places))}"
        )
    return places.pop() if places else ""


def place_of(function: Callable[..., Any]) -> Mark:
    """File and line of a function; the file as seen from the working directory where it
    lies below."""
    code = getattr(function, "__code__", None)
    if code is None:
        return Mark(getattr(function, "__module__", "") or "?", 1, 1)
    file = os.path.relpath(code.co_filename)
    if file.startswith(".."):
        file = code.co_filename
    return Mark(file, code.co_firstlineno, 1)


def where_raised(error: BaseException, at: Mark) -> Mark:
    """The line of the user's own file at which an exception came up; that of the
    function if there is none."""
    line = at.line
    for frame, number in walk_tb(error.__traceback__):
        if frame.f_code.co_filename.endswith(at.file):
            line = number
    return at._replace(line=line)


@dataclass(frozen=True)
class Registry[Entry]:
    """What users' modules have entered by name. group: of the entry points that are
    looked up; what: in words."""

    group: str
    what: str
    entries: dict[str, tuple[Callable[..., Any], Entry]] = field(default_factory=dict)

    def enter(self, name: str, function: Callable[..., Any], entry: Entry) -> None:
        """Put it in. A function that is defined again takes its own place.

        Raises ValueError for a name that is none, or that another function has."""
        if not name.isidentifier():
            raise ValueError(f"{self.what} `{name}`: a name is letters, digits and _")
        entered = self.entries.get(name)
        if entered is not None and reference_of(entered[0]) != reference_of(function):
            marks = [place_of(entered[0]), place_of(function)]
            places = " and ".join(f"{mark.file}:{mark.line}" for mark in marks)
            raise ValueError(
                f"two {self.group} are named `{name}`: {places}; rename one of them"
            )
        self.entries[name] = function, entry
        if function.__module__ not in NOWHERE:
            _entered[function.__module__] = None

    def find(self, name: str) -> tuple[Callable[..., Any], Entry] | None:
        """What has that name, here or in an installed package; else None."""
        if name not in self.entries:
            module = plugin(self.group, name).partition(":")[0]
            if module:
                module_named(module, f"{self.what} `{name}` of an installed package,")
        return self.entries.get(name)


def reference_of(function: Callable[..., Any]) -> str:
    """`module:function`."""
    return f"{function.__module__}:{function.__qualname__}"


def in_no_module(what: str, name: str) -> str:
    """What is wrong with a function that other processes are to find, and cannot."""
    return (
        f"{what} `{name}` is defined in no module that workers and readers of the "
        "folder could import: put it into a file of its own, or run with workers=1 and "
        "without a folder"
    )


def load(name: str | None) -> None:
    """Import the module that `--terms NAME` names, or the plug-in of that name, if one
    is named. Its code runs.

    Raises WrongRequest where there is none, or where it enters no term and no kind of
    event."""
    if name is None:
        return
    module = (plugin("terms", name) or plugin("events", name) or name).partition(":")[0]
    values = vars(module_named(module, "--terms")).values()
    homes = {module, *(getattr(value, "__module__", None) for value in values)}
    if not _entered.keys() & homes:
        raise WrongRequest(
            f"--terms {name}: it has no term and no kind of event; write @bs.term or "
            "@bs.event_kind above a function"
        )


def entered_modules() -> tuple[str, ...]:
    """Modules of one's own that have entered a term or a kind of event here."""
    return tuple(_entered)
