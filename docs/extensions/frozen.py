"""`{frozen-table}`, `{frozen}`: the forecasts in docs/forecasts with date, sha256 and, where there are any, scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

from balance_sim.evidence.cases.scores import score_frozen
from balance_sim.evidence.cases.tables import read_cases_plan
from balance_sim.evidence.forecast.forecast import thaw
from balance_sim.scenario import load_scenario

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

    from balance_sim.evidence.forecast.forecast import Forecast
    from balance_sim.scenario import Scenario

ROOT = Path(__file__).resolve().parents[2]
FORECASTS = ROOT / "docs" / "forecasts"
PLAN = ROOT / "experiments" / "cases.yaml"
TOP = 5
MEASURES = {
    "average_precision": "Average precision",
    "auc": "AUC",
    "brier": "Brier score",
}
FORECAST = {
    "model": "model",
    "base_rate": "base rate",
    "earlier_accords": "past agreements",
}


def measure(of: dict[str, Any], name: str) -> str:
    """A score with its 95 % CI, where it has one."""
    ends = of[f"{name}_ci95"]
    interval = f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else ""
    return f"{of[name]:.3f}{interval}"


@dataclass(frozen=True)
class Kept:
    """A frozen forecast of a shipped scenario, with the scores of it and of the baselines where they are known."""

    name: str
    case: str | None

    @property
    def path(self) -> Path:
        """The frozen file."""
        return FORECASTS / f"{self.name}.json"

    @cached_property
    def thawed(self) -> tuple[Forecast, str]:
        """The forecast, whole, and the day on which it was frozen."""
        return thaw(self.path)

    @cached_property
    def scenario(self) -> Scenario:
        """The shipped scenario of that name."""
        return load_scenario(self.name)

    @cached_property
    def scored(self) -> dict[str, Any] | None:
        """What `score` says of it; None where no outcome is on record."""
        if self.case is None:
            return None
        return score_frozen(
            self.path, PLAN.with_name("case_responses.csv"), self.case, self.scenario
        )

    @property
    def row(self) -> str:
        """A row of the table of all."""
        forecast, day = self.thawed
        cells = [
            self.scenario.title,
            f"{forecast.first} to {forecast.last}",
            day,
            f"`{forecast.sha256[:12]}`",
        ]
        if self.scored is None:
            cells += ["no record"] * 2
        else:
            cells += [
                f"{self.scored[key]['average_precision']:.3f}"
                for key in ("model", "earlier_accords")
            ]
        return f"| {' | '.join(cells)} |"

    @property
    def section(self) -> list[str]:
        """All there is to say of it, as Markdown."""
        forecast, day = self.thawed
        states = {state.id: state.name for state in self.scenario.states}
        top = sorted(zip(forecast.p, forecast.pairs, strict=True), reverse=True)[:TOP]
        text = [
            f"## {self.scenario.title}",
            "",
            f"* **Forecast**: that a dyad signs a new agreement, {forecast.first} to {forecast.last}; {forecast.about}",
            f"* **Dyads**: {len(forecast.pairs):,}, of which {sum(forecast.p):.1f} are expected to sign",
            "* **Likeliest**: "
            + "; ".join(f"{states[a]} and {states[b]} {p:.2f}" for p, (a, b) in top),
            f"* **Frozen on** {day}: {{download}}`{self.name}.json </forecasts/{self.name}.json>`",
            f"* **sha256** of the content: `{forecast.sha256}`",
            "",
        ]
        if self.scored is None:
            return [
                *text,
                "**No score**: the repository has no record of what was signed in this window.",
                "",
            ]
        found = self.scored
        return [
            *text,
            f"{found['agreements']} responses are on record, by {found['responding_pairs']} of {found['pairs']} dyads "
            f"scored; {found['expected_accords']:.1f} were expected to sign an agreement of any type.",
            "",
            f"| Forecast | {' | '.join(MEASURES.values())} |",
            f"| --- |{' ---: |' * len(MEASURES)}",
            *(
                f"| {said} | {' | '.join(measure(found[key], one) for one in MEASURES)} |"
                for key, said in FORECAST.items()
            ),
            "",
            "```console",
            f"balance-sim evidence score docs/forecasts/{self.name}.json experiments/case_responses.csv \\",
            f"    --case {self.case} --scenario {self.name}",
            "```",
            "",
        ]


@cache
def kept() -> list[Kept]:
    """One a shipped scenario, in the order of the plan of cases, the latest first."""
    return [
        Kept(case.scenario.stem, case.case)
        for case in reversed(read_cases_plan(PLAN).cases)
    ]


class Frozen(SphinxDirective):
    """A section each."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        text = [line for one in kept() for line in one.section]
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


class FrozenTable(SphinxDirective):
    """A row each."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        heads = [
            "Scenario",
            "Window",
            "Frozen on",
            "sha256",
            "Average precision",
            "that of past agreements",
        ]
        table = [
            f"| {' | '.join(heads)} |",
            "| --- | --- | --- | --- | ---: | ---: |",
            *(one.row for one in kept()),
        ]
        return self.parse_text_to_nodes("\n".join(table))


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directives."""
    app.add_directive("frozen", Frozen)
    app.add_directive("frozen-table", FrozenTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
