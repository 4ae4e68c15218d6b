"""The tables that come with the package: read only as they were installed.

A wheel's own record has the sha256 of every file. A table that was cut or edited since would give wrong numbers
without a word. Where there is no record, as in a working copy, nothing is compared.
"""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from importlib.resources import files

from balance_sim.scenario.files import EXHAUSTED
from balance_sim.scenario.problems import Mark, ScenarioError, problem

REINSTALL = "install balance-sim again: pip install --force-reinstall --no-deps balance-sim"


def shipped(package: str, name: str) -> bytes:
    """A file of a package of ours, held to the record of its installation. Raises ScenarioError."""
    path = files(package) / name
    try:
        data = path.read_bytes()
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        raise _refused(str(path), f"cannot be read: {os.strerror(error.errno or 0)}") from None
    wanted = _record().get(os.path.realpath(str(path)))
    if wanted is not None and wanted != _sum(data):
        raise _refused(str(path), "this file of the package is not as it was installed")
    return data


def shipped_text(package: str, name: str) -> str:
    """The same as text."""
    return shipped(package, name).decode("utf-8")


def _sum(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@cache
def _record() -> dict[str, str]:
    """Path of each installed file that is no code -> its sha256, as wheels write it; empty without a record."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        here = distribution("balance-sim")
    except PackageNotFoundError:
        return {}
    rows = [line.rsplit(",", 2) for line in (here.read_text("RECORD") or "").splitlines()]
    return {
        os.path.realpath(str(here.locate_file(row[0].strip('"')))): row[1].removeprefix("sha256=")
        for row in rows
        if len(row) == 3 and row[1].startswith("sha256=") and not row[0].endswith(".py")
    }


def _refused(path: str, why: str) -> ScenarioError:
    return ScenarioError([problem(Mark(path, 1, 1), "", "E008", why, suggestion=REINSTALL)])
