"""What the page of `brief` says is what the folder's summary.json has: number by number, at its place."""

import re
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from balance_sim.brief import files
from balance_sim.brief.content import UNESTIMATED, Brief, brief_of
from balance_sim.brief.files import _filled, _lines, html_of
from balance_sim.effects.result import AnalysedResult
from balance_sim.effects.run import run
from balance_sim.show.figures import FIGURES
from balance_sim.show.headline import FAR_WORDS, TOO_FEW_WORDS, finding
from balance_sim.show.save import figure_bytes, style
from matplotlib.font_manager import FontProperties
from matplotlib.image import imread
from matplotlib.textpath import text_to_path

RING = "experiments/smoke/what_if.yaml"
NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?")


def numbers(text: str) -> list[float]:
    return [float(piece.replace(",", "")) for piece in NUMBER.findall(text)]


def is_rounded(text: str, value: float) -> bool:
    """Whether a text is a number to all the decimals that it has, of which there are enough to tell it from 0."""
    (piece,) = NUMBER.findall(text)
    error = 10.0 ** -len(piece.partition(".")[2]) / 2
    return abs(float(piece) - value) <= 1.001 * error


def are_rounded(text: str, *values: float) -> bool:
    pieces = NUMBER.findall(text)
    return len(pieces) == len(values) and all(map(is_rounded, pieces, values))


@pytest.fixture(scope="module")
def solomon() -> AnalysedResult:
    """Of a shipped scenario with a posterior and the record of its effect."""
    return run("scenarios/solomon_2022.yaml", 40, 3)


@pytest.fixture(scope="module")
def page(solomon: AnalysedResult) -> Brief:
    return brief_of(solomon)


@pytest.fixture(scope="module")
def summary(solomon: AnalysedResult) -> dict[str, Any]:
    return solomon.summary()


@pytest.fixture(scope="module")
def ring() -> AnalysedResult:
    return run(RING, 12, 1)


def with_headline(result: AnalysedResult, uncertainty: dict[str, Any] | None = None, **values: Any) -> AnalysedResult:
    """The same replications with another headline: of each of its numbers it is known where it has to stand."""
    other = replace(result)
    vars(other).update(vars(result))
    vars(other)["headline"] = replace(result.headline, **values)
    vars(other)["uncertainty"] = uncertainty
    return other


def spread(mean: float, share: float, low: float, high: float) -> dict[str, Any]:
    return {"mean": mean, "median": mean / 2, "ci95": [low, high], "share_positive": share, "level": 1.0}


def starting(page: Brief, word: str) -> str:
    """The sentence of the doubts that begins so."""
    (text,) = [text for text in page.doubts if text.startswith(f"{word}:")]
    return text


def test_the_three_rows_are_those_of_the_summary(page: Brief, summary: dict[str, Any]) -> None:
    told = summary["headline"]
    _, posterior, prior, point = page.difference
    for cells, name in ((posterior, "posterior"), (prior, "prior")):
        row = told[name]
        assert is_rounded(cells[1], row["mean"]) and is_rounded(cells[2], row["median"])
        assert are_rounded(cells[3], *row["ci95"])
        assert numbers(cells[1])[0] != 0 or abs(row["mean"]) < 5e-4
    assert is_rounded(point[1], told["point"]["mean"]) and are_rounded(point[3], *told["point"]["ci95"])
    assert point[2] == ""


def test_direction_and_size_are_those_of_the_posterior(page: Brief, summary: dict[str, Any]) -> None:
    told = summary["headline"]
    shares = [told[name]["share_positive"] for name in ("posterior", "prior")]
    assert are_rounded(starting(page, "Direction"), *(100 * share for share in shares)) and shares[0] != shares[1]
    size, _, causes = starting(page, "Size").partition(" Most of that")
    assert are_rounded(size, 95, *told["posterior"]["ci95"])
    of_width = summary["uncertainty"]["variance"]["shares"]
    named = {name: share for name, share in of_width.items() if f"{name} (" in causes}
    assert len(named) == 2 and min(named.values()) >= max(of_width[name] for name in {*of_width} - {*named})
    first, second = sorted(named, key=causes.index)
    assert named[first] >= named[second]
    assert are_rounded(causes[: causes.index(". ")], 100 * named[first], 100 * named[second])
    assert summary["scenario"]["name"] in causes


def test_the_simulation_is_that_of_the_folder(page: Brief, solomon: AnalysedResult, summary: dict[str, Any]) -> None:
    told = starting(page, "Simulation")
    point = summary["headline"]["point"]
    runs, *others = NUMBER.findall(told)
    assert int(runs) == summary["runs"] - len(solomon.failed) == point["n"] == 40
    assert all(map(is_rounded, others, (point["mean"], *point["ci95"]))) and len(others) == 3
    assert "at the point values" in told
    made = page.sources[-1]
    assert summary["scenario"]["sha256"][:12] in made and summary["digest"][:12] in made
    assert summary["version"] in made and f"seed {summary['seed']}," in made and summary["seed"] == 3
    assert f"{summary['runs']} replications of {len(summary['arms'])} arms" in made
    assert made.index(summary["scenario"]["sha256"][:12]) < made.index(summary["digest"][:12])


def test_the_page_begins_with_the_finding_and_what_is_to_be_known_first(page: Brief, solomon: AnalysedResult) -> None:
    scenario = solomon.scenario
    assert (page.title, page.question) == (scenario.title, scenario.question)
    assert page.answer[0] == finding(solomon) and len(page.answer) == 2
    mean = solomon.headline.posterior["mean"]
    assert numbers(page.answer[1])[-1] == pytest.approx(1 / mean, rel=0.05), "one agreement in so many worlds"
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    written = page.sources[:-1]
    assert [focal.source in text for text in written] == [True, False]
    assert focal.date.isoformat() in written[0] and scenario.source in written[1]


def test_the_picture_is_a_map_of_the_world(page: Brief, ring: AnalysedResult) -> None:
    """Wider than high, in colour, another one for another study, and the same again."""
    picture = imread(BytesIO(page.picture))
    height, width = picture.shape[:2]
    assert width > 1.2 * height and (picture[..., 0] != picture[..., 2]).any()
    again, other = brief_of(ring), brief_of(with_headline(ring))
    assert again.picture == other.picture != page.picture
    assert again.picture == figure_bytes(FIGURES["map"].draw(ring), "png"), "that of the report"


def test_placebos_are_told_by_rank_unless_the_model_is_far_off(page: Brief, solomon: AnalysedResult) -> None:
    tests = solomon.placebos.tests()
    told = starting(page, "Placebos")
    assert tests and f"number {tests['participants'].rank} by size" in told.replace("the largest", "number 1 by size")
    assert FAR_WORDS not in page.doubts
    point = {"mean": 1.0, "ci95": [0.9, 1.1], "n": 40, "level": 2.0}
    far = brief_of(with_headline(solomon, expected=5.0, point=point))
    assert FAR_WORDS in far.doubts and not any(text.startswith("Placebos") for text in far.doubts)


def test_without_a_posterior_it_says_on_what_size_rests(ring: AnalysedResult) -> None:
    page = brief_of(ring)
    assert page.doubts[0] == UNESTIMATED and not any(text.startswith("Direction") for text in page.doubts)
    level = ring.scenario.base_rate
    assert numbers(starting(page, "Level")) == [level] == [2.0]
    assert [row[1:] for row in page.difference[1:3]] == [["-", "", "not worked out"]] * 2
    assert "`" not in " ".join(page.answer) and len(page.answer) == 2


def test_a_level_that_the_posterior_has_drawn_is_not_called_stated(ring: AnalysedResult) -> None:
    both = {"posterior": spread(0.5, 0.9, 0.1, 0.8), "prior": spread(0.2, 0.6, -0.3, 0.7)}
    assert not [text for text in brief_of(with_headline(ring, **both)).doubts if text.startswith("Level")]
    unstated = with_headline(ring)
    vars(unstated)["scenario"] = ring.scenario.model_copy(update={"base_rate": None})
    assert not [text for text in brief_of(unstated).doubts if text.startswith("Level")]


def test_the_source_is_that_of_the_event_in_question(ring: AnalysedResult) -> None:
    """Of several events; one without a source is not named."""
    rows = ring.scenario.events
    assert len(rows) > 1 and rows[0].id != ring.scenario.focal
    assert len(brief_of(ring).sources) == 2
    sourced = with_headline(ring)
    events = tuple(row.model_copy(update={"source": f"source of {row.id}"}) for row in rows)
    vars(sourced)["scenario"] = ring.scenario.model_copy(update={"events": events})
    first, second, _ = brief_of(sourced).sources
    assert first.endswith(f": source of {ring.scenario.focal}") and ring.scenario.source in second


@pytest.mark.parametrize(("low", "high", "assumed"), [(0.01, 0.7, True), (-0.7, -0.01, True), (-0.3, 0.7, False)])
def test_a_sign_is_the_theorys_where_all_of_the_prior_has_it(
    ring: AnalysedResult, low: float, high: float, assumed: bool
) -> None:
    posterior = spread(0.5, 0.93, 0.11, 0.87)
    shares = {"first": 0.2, "second": 0.31, "third": 0.49}
    uncertainty = {"variance": {"sd": 0.2, "shares": shares, "source": "posterior", "sd_if_known": {}}}
    prior = spread(0.4, 0.61, low, high)
    page = brief_of(with_headline(ring, uncertainty, posterior=posterior, prior=prior))
    direction = starting(page, "Direction")
    assert numbers(direction) == [93, 61] and ("theory's, not the data's" in direction) == assumed
    size = starting(page, "Size")
    assert numbers(size) == [95, 0.11, 0.87, 49, 31] and "third (49 %) and second (31 %)" in size
    nothing = uncertainty | {"variance": {"sd": 0.0, "shares": shares}}
    still = brief_of(with_headline(ring, nothing, posterior=posterior, prior=prior))
    assert numbers(starting(still, "Size")) == [95, 0.11, 0.87]


@pytest.mark.parametrize("missing", ["posterior", "prior"])
def test_half_of_what_is_known_is_not_enough(ring: AnalysedResult, missing: str) -> None:
    both = {"posterior": spread(0.5, 0.9, 0.1, 0.8), "prior": spread(0.2, 0.6, -0.3, 0.7)}
    assert brief_of(with_headline(ring, **both | {missing: None})).doubts[0] == UNESTIMATED


def test_too_few_replications_have_no_bounds(ring: AnalysedResult) -> None:
    page = brief_of(run(RING, 8, 1))
    told = starting(page, "Simulation")
    assert len(numbers(told)) == 2 and numbers(told)[0] == 8 and " - " not in f" {told.rstrip('.')} "
    assert TOO_FEW_WORDS in page.doubts and TOO_FEW_WORDS not in brief_of(ring).doubts


def test_drawn_parameters_are_not_called_point_values(ring: AnalysedResult) -> None:
    drawn = {"source": "prior", "mean": 0.25, "ci95": [-0.125, 0.625], "n": 12, "level": 1.0}
    told = starting(brief_of(with_headline(ring, point=None, drawn=drawn)), "Simulation")
    assert numbers(told) == [12, 0.25, -0.125, 0.625] and "at the point values" not in told


# -- as files


def test_all_of_the_page_stands_in_the_html_in_order(page: Brief) -> None:
    import html

    text = html.unescape(html_of(page).decode())
    pieces = [page.question, " ".join(page.answer), *(cell for row in page.difference for cell in row if cell)]
    pieces += [*page.doubts, *page.sources]
    place = text.index("<h1>")
    for piece in pieces:
        assert piece in text[place:], piece
        place = text.index(piece, place)
    assert f"<h1>{page.title}</h1>" in text


def test_all_of_the_page_stands_in_the_pdf_below_each_other(page: Brief) -> None:
    with style():
        filled = _filled(page, 0.6)
    texts = [text for text in filled.figure.texts if text.get_text()]
    drawn = " ".join(text.get_text().replace("\u00a0", " ") for text in texts)
    cells = [cell for row in page.difference for cell in row]
    order = [page.title, page.question, *page.answer, *page.doubts, *page.sources]
    places = [drawn.index(piece) for piece in order]
    assert places == sorted(places)
    assert all(word in drawn.split() for cell in cells for word in cell.split())
    heights = [text.get_position()[1] for text in texts if text.get_position()[0] < 0.08]
    assert all(above > below for above, below in pairwise(heights)), "what begins a line is below the one before"
    (picture,) = filled.figure.axes
    box = picture.get_position(original=True)
    answer, first = (
        next(text.get_position()[1] for text in texts if text.get_text().startswith(word))
        for word in (page.answer[0][:20], "The difference")
    )
    assert answer > box.y1 > box.y0 > first
    assert abs((box.x0 + box.x1) / 2 - 0.5) < 1e-9, "in the middle"
    pixels = imread(BytesIO(page.picture)).shape
    assert pixels[1] > 1.2 * pixels[0], "else its sides could be exchanged"
    assert box.width * files.WIDTH / (box.height * files.HEIGHT) == pytest.approx(pixels[1] / pixels[0])


def test_the_picture_is_as_large_as_the_page_has_room_for(
    ring: AnalysedResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first share with which all is above the lower edge, also of a page that is full of words."""
    tried: list[tuple[float, float]] = []
    fill = files._filled

    def filled(page: Brief, share: float) -> files._Page:
        one = fill(page, share)
        tried.append((share, one.y))
        return one

    monkeypatch.setattr(files, "_filled", filled)
    page = brief_of(ring)
    files.pdf_of(replace(page, doubts=page.doubts * 3))
    assert tried[0][0] == 1.0 and tried[-1][1] > 0 and len(tried) > 1
    assert all(y <= 0 for _, y in tried[:-1])


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_lines_are_as_full_as_they_can_be(weight: str) -> None:
    """No word is lost, no line is too wide, and the next word would not have gone into it."""
    words, size, width = " ".join(f"{'word' * (1 + n % 3)}{n}" for n in range(40)) + " 95 %", 9.0, 200.0
    with style():
        face = FontProperties(size=size, weight=weight)

        def length(text: str) -> float:
            return float(text_to_path.get_text_width_height_descent(text, face, ismath=False)[0])

        lines = _lines(words, width, size, weight)
        assert " ".join(lines).replace("\u00a0", " ") == words
        assert all(length(line) <= width + 0.5 for line in lines)
        fuller = [f"{line} {following.split(' ')[0]}" for line, following in pairwise(lines)]
        assert all(length(line) > width - 0.5 for line in fuller)
    assert "95\u00a0%" in lines[-1], "a number and its unit stay together"
