"""Joint draws of a scenario's parameters: from the priors, or from the posterior that
the scenario names by `posterior:`."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from balance_sim.evidence.posterior.priors import drawn_priors, prior_draws
from balance_sim.model.core import Floats
from balance_sim.scenario.defaults import parameter_table
from balance_sim.scenario.diagnostics import Mark, refused
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.fingerprint import posterior_digest, priors_digest
from balance_sim.scenario.layout import with_its_company
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import value_at
from balance_sim.study.draws import CODING, Draws

__all__ = ["parameter_summary", "posterior_draws", "prior_draws"]

ABSENT = "none"
"""Stands for the value of a parameter that a scenario has not."""
LARGEST_DRAWS = 16 << 20


def posterior_draws(scenario: Scenario) -> Draws:
    """The joint draws that the scenario names by `posterior:`, without columns of
    parameters that were changed since.

    Raises ScenarioError, with the command that writes it again, where it names none, or
    the file is not there, another one, or drawn for another record, other priors or
    another fit."""
    named, command = (
        scenario.posterior,
        f"balance-sim evidence posterior {scenario.name}",
    )
    again = f"write it again: {command}"
    if not named.draws:
        message = "the scenario names no posterior"
        hint = f"write one: {command}; then name it by `posterior:`"
        raise refused(Mark(scenario.name, 1, 1), "posterior", "E107", message, hint)
    written = scenario.written if isinstance(scenario.written, Scenario) else None
    head, table = Mark(named.file, 1, 1), Mark(named.draws, 1, 1)
    drawn_for = posterior_digest(written or scenario, named.values.keys())
    if written is not None and drawn_for != named.scenario_sha256:
        message = "drawn for another form of this scenario"
        raise refused(head, "scenario_sha256", "E505", message, again)
    if priors_digest() != named.priors_sha256:
        message = "drawn from other priors, or other fits"
        raise refused(head, "priors_sha256", "E505", message, again)
    try:
        content = base64.b64decode(named.table)
        if not named.table:
            content = regular_bytes(Path(scenario.folder) / named.draws, LARGEST_DRAWS)
        text = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        message = f"cannot be read as a gzipped table: {error}"
        code = "E001" if isinstance(error, FileNotFoundError) else "E003"
        raise refused(table, "", code, message, again) from None
    if hashlib.sha256(text).hexdigest() != named.sha256:
        raise refused(table, "", "E503", "not the table of the head's sha256", again)
    lines = [line.split(",") for line in text.decode("ascii").splitlines()]
    columns = [[float(cell) for cell in cells[1:]] for cells in lines]
    values = np.ascontiguousarray(np.array(columns, dtype=np.float64).T)
    paths = tuple(cells[0] for cells in lines)
    drawn = Draws(paths, values, "posterior", named.sha256)
    return drawn.without(_changed(scenario, written or scenario, paths))


def _changed(scenario: Scenario, written: Scenario, paths: tuple[str, ...]) -> set[str]:
    """Parameters that the scenario has no more, or that have another value than in the
    file as written, or there another one than the mean of the draws."""

    def value(of_scenario: Scenario, path: str) -> object:
        try:
            return value_at(of_scenario, path)
        except LookupError:
            return ABSENT

    changed = set()
    for path in paths:
        key = f"events.{scenario.focal}.targets" if path == CODING else path
        current = value(scenario, path)
        is_other = value(scenario, key) != value(written, key) or current != value(
            written, path
        )
        mean = written.posterior.values.get(path)
        is_given = mean is not None and value(written, path) != mean
        if is_other or is_given or (path != "base_rate" and current == ABSENT):
            changed.add(path)
    return with_its_company(changed)


# --- what `parameters SCENARIO` prints ------------------------------------------------


def parameter_summary(scenario: Scenario) -> list[dict[str, Any]]:
    """What is drawn for a scenario, by key path: the keys of `parameter_table`, and
    more.

    `prior`: family and numbers as declared, where the parameter has a prior of its own,
    `source`, and `median`, `low`, `high` of the central 95 % of the draws. `posterior`:
    the same of its draws, or None. `finding`: `word` (informed, prior-dominated, in
    conflict or not evaluated), `prior`, `likelihood` (sensitivities) and `pull`, or
    None. Raises ScenarioError where the scenario names a posterior and it is
    refused."""
    table = {str(row["path"]): row for row in parameter_table()}
    prior, declared = prior_draws(scenario), drawn_priors(scenario)
    posterior, informed = None, dict[str, list[Any]]()
    if scenario.posterior.draws:
        posterior = posterior_draws(scenario)
        head = Path(scenario.folder) / scenario.posterior.file
        informed = yaml.safe_load(regular_bytes(head, LARGEST_DRAWS))["informed"]
    order = {path: k for k, path in enumerate(table)}
    blank = dict.fromkeys(table["step_days"])
    rows = []
    for path in sorted(prior.paths, key=lambda path: (order.get(path, -1), path)):
        of_scenario = {**blank, "path": path, "source": "scenario"}
        row: dict[str, Any] = {**table.get(path, of_scenario)}
        numbers = row["prior"] or {}
        if path in declared:
            density = declared[path]
            numbers = {
                "family": density.family,
                **density.numbers,
                "source": density.source,
            }
        row["value"] = 0 if path == CODING else value_at(scenario, path)
        row["prior"] = numbers | _central(prior.column(path))
        row["posterior"] = row["finding"] = None
        if posterior is not None and path in posterior.paths:
            row["posterior"] = _central(posterior.column(path))
        if path in informed:
            names = ("word", "prior", "likelihood", "pull")
            row["finding"] = dict(zip(names, informed[path], strict=True))
        rows.append(row)
    return rows


def _central(values: Floats) -> dict[str, float]:
    """Median and ends of the central 95 %, four digits each."""
    median, low, high = np.quantile(values, [0.5, 0.025, 0.975])
    numbers = {"median": median, "low": low, "high": high}
    return {name: float(f"{value:.4g}") for name, value in numbers.items()}
