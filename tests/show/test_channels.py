"""The parts of the figure of arms, and placebos, from frames made by hand."""

import pandas as pd
from balance_sim.show.figures.effects import draw_arms, draw_placebos

CHANNELS = pd.DataFrame(
    {
        "arm": ["with", "half"],
        "title": ["The meeting", "The meeting, half as visible, and a long title that has to be folded"],
        "role": ["headline", "other"],
        "picture": [0.03, 0.02],
        "threat": [0.09, -0.05],
        "rest": [0.0, 0.0],
        "effect": [0.12, -0.03],
        "lo": [0.10, -0.04],
        "hi": [0.14, -0.02],
        "mcse": [0.01, 0.005],
    }
).assign(n=9, control_level=2.0, control="The control", window=365, values="at the point values")


def placebos() -> pd.DataFrame:
    """Two families of 19: the event is the largest of all of one, and in the middle of the other."""
    rows = []
    for family, event, rank, verdict in (("participants", 0.12, 1, "specific"), ("dates", 0.03, 8, "does not fade")):
        rows += [(family, f"placebo {k}", 0.005 * (k // 2) - 0.01, False, 90, event, rank, verdict) for k in range(19)]
        rows.append((family, "The meeting", event, True, 90, event, rank, verdict))
    columns = ["family", "label", "effect", "is_event", "window", "by_rule", "rank", "verdict"]
    return pd.DataFrame(rows, columns=columns).assign(rank_by_rule=1, longest=90, is_alone=True)


def test_bars_of_channels_are_stacked_from_zero_each_to_its_side() -> None:
    figure = draw_arms.draw(None, CHANNELS)
    (axes,) = figure.axes
    spans = sorted((round(bar.get_y() + 0.4), round(bar.get_x(), 6), round(bar.get_width(), 6)) for bar in axes.patches)  # type: ignore[attr-defined]
    assert spans == [(-0, 0.0, -0.05), (0, 0.0, 0.02), (1, 0.0, 0.03), (1, 0.03, 0.09)]
    dots = {line.get_xdata()[0]: line.get_ydata()[0] for line in axes.lines if line.get_marker() == "o"}
    assert dots == {0.12: 1.0, -0.03: 0.0}  # of the whole effect, on the axis of its parts
    said = [text.get_text() for text in axes.texts]
    assert said == ["+0.12  (0.10 to 0.14)", "-0.03  (-0.04 to -0.02)"]


def test_placebos_are_counted_and_the_event_is_marked() -> None:
    table = placebos()
    figure = draw_placebos.draw(None, table)
    assert len(figure.axes) == 2
    for axes in figure.axes:
        assert sum(bar.get_height() for bar in axes.patches) == 19  # type: ignore[attr-defined]
        assert [text.get_text().rsplit(" ", 1)[0] for text in axes.texts] == ["The meeting"]
    assert all(axes.get_xlim()[0] < 0 < axes.get_xlim()[1] for axes in figure.axes)  # zero is in sight
