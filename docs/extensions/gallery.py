"""`{studies} KIND`, `{gallery} KIND`: every figure of the registry, from studies that commands make once a build.

A figure that none of them fits is an error: a new figure cannot be left out."""

from __future__ import annotations

import shlex
import shutil
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from click.testing import CliRunner
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from balance_sim.cli import main
from balance_sim.scenario import load_scenario
from balance_sim.show import figures
from balance_sim.show.plots import open_study
from balance_sim.show.save import figure_bytes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
HOME = (
    ROOT / "build" / "gallery"
)  # where the commands are given; pictures go to `pictures` in it
STUDIES: dict[str, dict[str, list[str]]] = {
    "run": {
        "results/what_if": [
            "run experiments/smoke/what_if.yaml --set plugins=[article] --runs 300 --no-figures --workers 1 --out results/what_if",
        ],
        "results/tripartite": [
            "run tripartite_1940 --set plugins=[article] --runs 100 --no-figures --workers 1 --out results/tripartite",
        ],
    },
    "sweep": {
        "results/smoke": ["sweep smoke --runs 20 --workers 1"],
        "results/theories": [
            "sweep theories_small.yaml --workers 1 --out results/theories"
        ],
        "results/sobol": ["sweep sobol_small.yaml --workers 1 --out results/sobol"],
    },
    "game": {
        "results/game": [
            "game security_dilemma --runs 16 --draws 4 --no-figures --workers 1 --out results/game"
        ],
        "results/neighbours": [
            "game neighbours --discover --runs 16 --draws 210 --no-figures --workers 1 --out results/neighbours"
        ],
    },
}
"""By kind of study: what `plot` is given, and the commands that make it. Each figure is of the first that it fits."""
OF_A_CASE = dict.fromkeys(
    ("map", "uncertainty", "fears", "allies"), "results/tripartite"
)
"""Figures that show more of a case with many states."""
CATALOGUES = figures.catalogues()
REGISTRY = {
    "run": CATALOGUES["run"],
    "sweep": CATALOGUES["sweep"],
    "game": CATALOGUES["game"],
}
SMALL = """\
schema: 1
title: "{title}"
scenario: experiments/smoke/what_if.yaml
factors: {{{factors}}}
arms: [no_summit, summit]
runs: 8
seed: 1
"""


@dataclass(frozen=True)
class Drawn:
    """A figure as it was drawn: of what it is, what it answers, its finding."""

    name: str
    question: str
    finding: str
    results: str


def prepare() -> None:
    """The folder that commands are given in: what the clone has, and inputs made for the gallery."""
    import pandas as pd

    for name in ("experiments", "docs/forecasts"):
        shutil.copytree(ROOT / name, HOME / name, dirs_exist_ok=True)
    for name in ("results", "pictures"):
        (HOME / name).mkdir(exist_ok=True)
    theories = "theory.preset: [balance_of_threat, balance_of_power, bandwagoning, hub_doubt, 'null']"
    sobol = ", ".join(
        f"{path}: {{min: {low}, max: {high}}}"
        for path, low, high in (
            ("events.summit.visibility", 0.2, 1),
            ("parameters.beta", 0.1, 0.6),
        )
    )
    design = "design: {method: sobol, samples: 4, seed: 1}\n"
    (HOME / "theories_small.yaml").write_text(
        SMALL.format(title="Theories side by side", factors=theories)
    )
    (HOME / "sobol_small.yaml").write_text(
        SMALL.format(title="A Sobol design", factors=sobol) + design
    )
    responses = pd.read_csv(ROOT / "experiments" / "case_responses.csv")
    roster = load_scenario("sinosov_1950").codes
    mine = responses[
        responses["state_a"].isin(roster) & responses["state_b"].isin(roster)
    ]
    mine = mine[mine["case_id"] == "SINOSOV1950"]
    names = {"state_a": "iso3_a", "state_b": "iso3_b", "agreement_id": "id"}
    mine.rename(columns=names)[[*names.values(), "kind", "date"]].to_csv(
        HOME / "outcomes.csv", index=False
    )


def give(command: str) -> None:
    """Give a command of the program in this process. Raises RuntimeError where it fails."""
    words, _, target = command.partition(" > ")
    done = CliRunner().invoke(main, shlex.split(words))
    if done.exit_code:
        raise RuntimeError(f"{command}\nexit code {done.exit_code}\n{done.output}")
    if target:
        Path(target).write_text(done.stdout, encoding="utf-8")


def draw_all() -> dict[str, list[Drawn]]:
    """Make the studies and draw each figure from the first that it fits. Raises RuntimeError for one that fits none."""
    prepare()
    found: dict[str, list[Drawn]] = {}
    with chdir(HOME):
        for kind, studies in STUDIES.items():
            left = dict(REGISTRY[kind])
            drawn = []
            for results, commands in studies.items():
                for command in commands:
                    give(command)
                study = open_study(results)
                specs = figures.figures_of(study)
                for name, table in figures.fitting(study).items():
                    spec = specs[name]
                    if (
                        OF_A_CASE.get(name, results) != results
                        or left.pop(name, None) is None
                    ):
                        continue
                    figure = spec.draw(study, table)
                    Path("pictures", f"{kind}-{name}.png").write_bytes(
                        figure_bytes(figure, "png")
                    )
                    drawn.append(
                        Drawn(name, spec.question, figures.words_of(figure), results)
                    )
            if left:
                raise RuntimeError(
                    f"gallery: no study of kind {kind} fits {', '.join(left)}"
                )
            found[kind] = sorted(
                drawn, key=lambda one: list(REGISTRY[kind]).index(one.name)
            )
    return found


def page_of(pictures: Path) -> Path:
    """A page of all pictures of a folder, each at the width of a slide."""
    tiles = [
        f'<figure><img src="{path.name}" width="960"><figcaption>{path.stem}</figcaption></figure>'
        for path in sorted(pictures.glob("*.png"))
    ]
    page = pictures / "index.html"
    page.write_text(
        "<!doctype html><meta charset=utf-8><title>Figures</title>" + "\n".join(tiles),
        encoding="utf-8",
    )
    return page


class Studies(SphinxDirective):
    """The commands that make the studies of a kind."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The block."""
        made = [
            f"balance-sim {command}"
            for every in STUDIES[self.arguments[0]].values()
            for command in every
        ]
        return self.parse_text_to_nodes("\n".join(["```console", *made, "```"]))


class Gallery(SphinxDirective):
    """The figures of a kind of study: question, picture, finding in words, and the command that draws it."""

    required_arguments = 1
    drawn: ClassVar[dict[str, list[Drawn]]] = {}

    def run(self) -> list[nodes.Node]:
        """The sections."""
        kind = self.arguments[0]
        if not Gallery.drawn:
            Gallery.drawn = draw_all()
        text = []
        for one in Gallery.drawn[kind]:
            picture = f"/../build/gallery/pictures/{kind}-{one.name}.png"
            alt = one.finding.replace("]", ")").replace("[", "(")
            text += [
                f"### {one.name.replace('_', ' ').capitalize()}",
                "",
                f"*{one.question}* {one.finding}",
                "",
                f"```{{image}} {picture}",
                f":alt: {alt}",
                ":class: figure",
                f":target: ../build/gallery/pictures/{kind}-{one.name}.png",
                "```",
                "",
                "```console",
                f"balance-sim plot {one.results} {one.name}",
                "```",
                "",
            ]
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directives."""
    app.add_directive("studies", Studies)
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": False, "parallel_write_safe": True}


if __name__ == "__main__":  # all figures, and a page of them, without the site
    draw_all()
    print(page_of(HOME / "pictures"))
