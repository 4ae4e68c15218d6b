"""Names that a user gives: one of those that there are, or a refusal with the nearest
one."""

from __future__ import annotations

from collections.abc import Iterable

from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import WrongRequest


def checked_name(what: str, name: str, names: Iterable[str]) -> str:
    """The name itself, where it is one of `names`.

    Parameters
    ----------
    what : what it names, as in `unknown arm`
    name : as the user gives it
    names : those that there are

    Raises
    ------
    WrongRequest : for any other, with the nearest name or a list

    Examples
    --------
    >>> checked_name("arm", "parade", ["parade", "no_parade"])
    'parade'
    """
    options = list(names)
    if name in options:
        return name
    near_name = did_you_mean(name, options)
    hint = f"{near_name} " if near_name else ""
    raise WrongRequest(
        f"unknown {what} `{shown(name)}`; {hint}there are: {listed(options)}"
    )
