"""Tables that the program itself knows: `{parameters}`, every default; `{codebook}`, every outcome;
`{names}` and `{api}`, all that the package exports."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

import balance_sim
from balance_sim.scenario.defaults import parameter_table

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]


def spread(row: dict[str, Any]) -> str:
    """The standard error or the range of a default, in words."""
    if row["standard_error"] is not None:
        return f"standard error {row['standard_error']:g}"
    return "" if row["range"] is None else "{:g} to {:g}".format(*row["range"])


class Parameters(SphinxDirective):
    """A section a first part of the key path, a row a default."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        text = []
        for head, rows in groupby(
            parameter_table(), key=lambda row: str(row["path"]).split(".")[0]
        ):
            text += [
                f"## `{head}`",
                "",
                "| Key path | Value | Unit | Source | Range |",
                "| --- | ---: | --- | --- | --- |",
            ]
            text += [
                f"| `{row['path']}` | {row['value']} | {row['unit']} | {row['source']} | {spread(row)} |"
                for row in rows
            ]
            text.append("")
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


class Codebook(SphinxDirective):
    """A row an outcome of a small study."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        scenario = balance_sim.load_scenario(
            ROOT / "experiments" / "smoke" / "five_states.yaml"
        )
        book = balance_sim.run(scenario, runs=1, seed=1).codebook
        text = [
            "| Outcome | What it is | Unit | Estimator |",
            "| --- | --- | --- | --- |",
        ]
        text += [
            f"| `{row['outcome']}` | {row['meaning']} | {row['unit']} | {row['estimator']} |"
            for row in book.to_dict("records")
        ]
        return self.parse_text_to_nodes("\n".join(text))


class Names(SphinxDirective):
    """A table of all names that the package exports."""

    def run(self) -> list[nodes.Node]:
        """The table of autosummary."""
        names = [f"   balance_sim.{name}" for name in balance_sim.__all__]
        table = [
            "```{eval-rst}",
            ".. autosummary::",
            "   :nosignatures:",
            "",
            *names,
            "```",
        ]
        return self.parse_text_to_nodes("\n".join(table))


class Api(SphinxDirective):
    """A section each name that the package exports."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        text = []
        for name in balance_sim.__all__:
            one = getattr(balance_sim, name)
            is_model = hasattr(
                one, "model_fields"
            )  # whose fields are keys of a file, on a page of their own
            kind = "autoclass" if isinstance(one, type) else "autofunction"
            members = "   :members:" if kind == "autoclass" and not is_model else ""
            text += [
                f"### {name}",
                "",
                "```{eval-rst}",
                f".. {kind}:: balance_sim.{name}{'(...)' * is_model}",
                members,
            ]
            text += ["```", ""]
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directives."""
    app.add_directive("parameters", Parameters)
    app.add_directive("codebook", Codebook)
    app.add_directive("names", Names)
    app.add_directive("api", Api)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
