"""`{studies} KIND`, `{gallery} KIND`: every figure of the registry, from studies that commands make once a build.

A figure that none of them fits is an error: a new figure cannot be left out."""

from __future__ import annotations

import shlex
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from click.testing import CliRunner
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from balance_sim.cli import main
from balance_sim.show import figures
from balance_sim.show.plots import open_study
from balance_sim.show.save import figure_bytes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
HOME = (
    ROOT / "build" / "gallery"
)  # where the commands are given; pictures go to `pictures` in it
STUDIES: dict[str, dict[str, str]] = {
    "run": {
        "results/beijing_2025": "run beijing_2025 --no-figures --workers 1 --out results/beijing_2025",
    },
    "sweep": {
        "results/visibility_attention": "sweep visibility_attention --no-figures --workers 1 --out results/visibility_attention",
        "results/screening": "sweep screening --no-figures --workers 1 --out results/screening",
    },
    "game": {
        "results/neighbours": "game neighbours --discover --runs 16 --draws 210 --no-figures --workers 1 --out results/neighbours"
    },
}
"""By kind of study: what `plot` is given, and the command that makes it. Each figure is of the first that it fits."""
REGISTRY = {
    kind: {name: spec for name, spec in specs.items() if spec.is_default}
    for kind, specs in figures.catalogues().items()
    if kind in STUDIES
}
HEAD = """<!doctype html><meta charset=utf-8><title>Figures</title><meta name=viewport content=width=device-width>
<style>body { font: 14px sans-serif; margin: 8px } figure { margin: 0 0 16px } img { width: 960px; max-width: 100% }
@media (prefers-color-scheme: dark) { body { background: #181a1b; color: #ddd } img { filter: invert(.9) hue-rotate(180deg) } }
</style>
"""


@dataclass(frozen=True)
class Drawn:
    """A figure as it was drawn: of what it is, what it answers, its finding."""

    name: str
    question: str
    finding: str
    results: str


def give(command: str) -> None:
    """Give a command of the program in this process. Raises RuntimeError where it fails."""
    done = CliRunner().invoke(main, shlex.split(command))
    if done.exit_code:
        raise RuntimeError(f"{command}\nexit code {done.exit_code}\n{done.output}")


def draw_all() -> dict[str, list[Drawn]]:
    """Make the studies and draw each figure from the first that it fits. Raises RuntimeError for one that fits none."""
    (HOME / "pictures").mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Drawn]] = {}
    with chdir(HOME):
        for kind, studies in STUDIES.items():
            drawn: dict[str, Drawn] = {}
            for results, command in studies.items():
                give(command)
                study = open_study(results)
                for name, table in figures.fitting(study).items():
                    if name in drawn:
                        continue
                    spec = REGISTRY[kind][name]
                    figure = spec.draw(study, table)
                    Path("pictures", f"{kind}-{name}.png").write_bytes(
                        figure_bytes(figure, "png")
                    )
                    finding = figures.words_of(figure)
                    drawn[name] = Drawn(name, spec.question, finding, results)
            if left := REGISTRY[kind].keys() - drawn:
                raise RuntimeError(f"gallery: no study of kind {kind} fits {left}")
            found[kind] = [drawn[name] for name in REGISTRY[kind]]
    return found


def page_of(pictures: Path) -> Path:
    """A page of all pictures of a folder, each as wide as a slide where there is room, dark where the reader's
    screen is."""
    tiles = [
        f'<figure><img src="{path.name}" alt=""><figcaption>{path.stem}</figcaption></figure>'
        for path in sorted(pictures.glob("*.png"))
    ]
    page = pictures / "index.html"
    page.write_text(HEAD + "\n".join(tiles), encoding="utf-8")
    return page


class Studies(SphinxDirective):
    """The commands that make the studies of a kind."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The block."""
        made = [
            f"balance-sim {command}" for command in STUDIES[self.arguments[0]].values()
        ]
        return self.parse_text_to_nodes("\n".join(["```console", *made, "```"]))


class Gallery(SphinxDirective):
    """The figures of a kind of study as tiles: picture, question, and the command that draws it."""

    required_arguments = 1
    drawn: ClassVar[dict[str, list[Drawn]]] = {}

    def run(self) -> list[nodes.Node]:
        """The tiles."""
        kind = self.arguments[0]
        if not Gallery.drawn:
            Gallery.drawn = draw_all()
        text = ["::::{grid} 1 2 2 2", ":gutter: 3", ":class-container: gallery"]
        for one in Gallery.drawn[kind]:
            picture = f"../build/gallery/pictures/{kind}-{one.name}.png"
            alt = one.finding.replace("]", ")").replace("[", "(")
            text += [
                ":::{grid-item-card}",
                f"```{{image}} /{picture}",
                f":alt: {alt}",
                ":class: figure",
                f":target: {picture}",
                "```",
                "",
                f"{one.question}",
                "",
                f"`plot {one.results} {one.name}`",
                ":::",
            ]
        return self.parse_text_to_nodes("\n".join([*text, "::::"]))


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directives."""
    app.add_directive("studies", Studies)
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": False, "parallel_write_safe": True}


if __name__ == "__main__":  # all figures, and a page of them, without the site
    draw_all()
    print(page_of(HOME / "pictures"))
