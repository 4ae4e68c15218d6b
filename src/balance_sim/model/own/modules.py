"""Code of the user's own, found by name: one rule for agents, outcomes, terms of
willingness and event types.

`module:name` names something in a module of the working directory, of PYTHONPATH or of
an installed package. Terms and event types enter a `Registry` as their module is
imported; workers import the same modules (`fingerprint.packed`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from traceback import walk_tb
from types import ModuleType
from typing import Any

from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.diagnostics import Mark, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario

CodeReferences = tuple[tuple[str, str], ...]
"""Names of code of the user's own, and `module:function` of each."""
NOWHERE = ("", "__main__", "__mp_main__")
"""Modules that no other process could import."""
HERE = "<here>"
"""In place of a module: what this process alone has."""
_of_this_process: dict[str, Any] = {}
_entered: dict[str, None] = {}
REGISTRIES: list[Registry[Any]] = []
"""Of terms and of event types, as far as their modules are loaded."""


def module_named(module: str, option: str) -> ModuleType:
    """Return the module of that name, of the working directory where no other place
    has it. Importing it runs its code.

    Parameters
    ----------
    module : str
        dotted name
    option : str
        that names it, for messages

    Raises
    ------
    WrongRequest
        where there is none, or its code ends in an exception, SystemExit included
    """
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:
        raise WrongRequest(
            f"{option} {module}: cannot be imported ({type(error).__name__}: {error}); "
            "give the name of a module, as `mine` for mine.py in the working directory"
        ) from error


def object_named(reference: str, option: str) -> Any:
    """Return what `module:name` names. Raises WrongRequest where it does not exist."""
    module, _, name = reference.partition(":")
    if module == HERE and name in _of_this_process:
        return _of_this_process[name]
    if module == HERE:
        raise WrongRequest(f"{name} is of another process: put it into a module")
    try:
        return getattr(module_named(module, option), name)
    except AttributeError as error:
        raise WrongRequest(
            f"{option} {reference}: cannot be imported ({error})"
        ) from error


def place_of(function: Callable[..., Any]) -> Mark:
    """Return file and line of a function, relative to the working directory where the
    file lies below it."""
    code = getattr(function, "__code__", None)
    if code is None:
        return Mark(getattr(function, "__module__", "") or "?", 1, 1)
    file = os.path.relpath(code.co_filename)
    if file.startswith(".."):
        file = code.co_filename
    return Mark(file, code.co_firstlineno, 1)


def where_raised(error: BaseException, mark: Mark) -> Mark:
    """Return the last line of the marked file that an exception passed through."""
    lines = [
        line
        for frame, line in walk_tb(error.__traceback__)
        if frame.f_code.co_filename.endswith(mark.file)
    ]
    return mark._replace(line=lines[-1]) if lines else mark


def reference_of(function: Callable[..., Any]) -> str:
    """Return `module:function`."""
    return f"{function.__module__}:{function.__qualname__}"


def reference_to(definition: Any, what: str, name: str, *, elsewhere: bool) -> str:
    """Return `module:name` of a function or a class; of one that is in no module, a
    name that is good in this process alone.

    Parameters
    ----------
    definition : function or class
        of the user's own
    what, name : str
        for the name and for messages, as `outcome`, `pacts`
    elsewhere : bool
        whether other processes are to find it too

    Raises
    ------
    WrongRequest
        where they could not
    """
    module = getattr(definition, "__module__", "") or ""
    attribute = getattr(definition, "__qualname__", "")
    present = getattr(sys.modules.get(module), attribute, None)
    if module not in NOWHERE and present is definition:
        return f"{module}:{attribute}"
    if elsewhere:
        raise WrongRequest(in_no_module(what, name))
    _of_this_process[f"{what} {name}"] = definition
    return f"{HERE}:{what} {name}"


@dataclass(frozen=True)
class Registry[Entry]:
    """What modules of the user have entered.

    Attributes
    ----------
    plural : str
        what it holds, in words
    entries : dict
        by name: the function, and what its decorator declared
    """

    plural: str
    entries: dict[str, tuple[Callable[..., Any], Entry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        REGISTRIES.append(self)

    def decorator(self, name: Any, entry: Entry) -> Any:
        """What enters the function that it decorates, under a name or the function's
        own; the function itself, entered, where it stands in the name's place."""

        def entered(function: Callable[..., Any]) -> Callable[..., Any]:
            own_name = name if isinstance(name, str) else function.__name__
            self.enter(own_name, function, entry)
            return function

        return entered(name) if callable(name) else entered

    def enter(self, name: str, function: Callable[..., Any], entry: Entry) -> None:
        """Put a function in; one that is defined again takes its own place.

        Raises ValueError for a name that is no identifier or that another function
        has."""
        if not name.isidentifier():
            raise ValueError(f"{self.plural} `{name}`: a name is letters, digits and _")
        present = self.entries.get(name)
        if present is not None and reference_of(present[0]) != reference_of(function):
            marks = [place_of(present[0]), place_of(function)]
            places = " and ".join(f"{mark.file}:{mark.line}" for mark in marks)
            raise ValueError(
                f"two {self.plural} are named `{name}`: {places}; rename one of them"
            )
        self.entries[name] = function, entry
        if function.__module__ not in NOWHERE:
            _entered[function.__module__] = None


def in_no_module(rule: str, name: str) -> str:
    """Return the message for a function that other processes cannot import."""
    return (
        f"{rule} `{name}` is defined in no module that workers and readers of the "
        "folder could import: put it into a file of its own, or run with workers=1 and "
        "without a folder"
    )


def load(name: str | None) -> None:
    """Import the module that `--terms NAME` names, if any. Its code runs.

    Raises WrongRequest where there is none, or where it enters no term and no event
    type."""
    if name is None:
        return
    if not isinstance(name, str):
        raise WrongRequest(
            f"terms must be the name of a module, got {shown(name)}; what @bs.term has "
            "registered here need not be named"
        )
    values = vars(module_named(name, "terms")).values()
    homes = {name, *(getattr(value, "__module__", None) for value in values)}
    if not _entered.keys() & homes:
        raise WrongRequest(
            f"terms {name}: it has no term and no kind of event; write @bs.term or "
            "@bs.event_kind above a function"
        )


def entered_modules() -> tuple[str, ...]:
    """Return the modules that have entered a term or an event type here."""
    return tuple(_entered)


# -- which rules a scenario uses -------------------------------------------------------

WEIGHT = "theory.weights."


def rules_of(
    scenario: Scenario, paths: Iterable[str] = (), *, elsewhere: bool
) -> CodeReferences:
    """Return the terms and kinds of event of the user's own that any arm uses: name,
    with `own_` in front, and `module:function`.

    paths: key paths that a design sets too. elsewhere: other processes are to find
    them; raises WrongRequest where they could not. What is not registered is left out:
    `compile_world` refuses it."""
    arms = scenario.arms.values()
    set_paths = {*paths}.union(*(arm.set for arm in arms))
    names = {path.removeprefix(WEIGHT) for path in set_paths if path.startswith(WEIGHT)}
    names |= {str(value) for arm in arms for value in arm.set.values()}
    names |= {event.kind for event in scenario.events}
    names |= {event.kind for arm in arms for event in arm.add}
    weights = scenario.theory.weights
    names |= {name for name, weight in weights.items() if weight != 0}
    references = loaded_rules()
    rules = []
    for name in sorted(references.keys() & names):
        if elsewhere and references[name].partition(":")[0] in NOWHERE:
            raise WrongRequest(in_no_module("the rule", name.removeprefix(OWN)))
        rules.append((name, references[name]))
    return tuple(rules)


def loaded_rules() -> dict[str, str]:
    """Return `module:function` of each rule of the user's own that is loaded, by its
    name with `own_` in front."""
    entries = [entry for registry in REGISTRIES for entry in registry.entries.items()]
    return {OWN + name: reference_of(rule[0]) for name, rule in entries}
