"""A figure that a notebook shows by itself, whatever backend it has."""

from __future__ import annotations

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A matplotlib figure that shows itself where it is the last value of a cell."""

    def _repr_png_(self) -> bytes:
        from balance_sim.show.save import figure_bytes

        return figure_bytes(self, "png")
