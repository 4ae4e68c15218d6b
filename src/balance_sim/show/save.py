"""Figures into a results folder, as PNG and SVG in our style of matplotlib: the same
bytes for the same results.

The only place that sets up matplotlib. It imports nothing of ours but what writes
files, so that a process that draws another's figures has started soon.

An SVG of matplotlib as a part of a page.

It stands beside others there: it has its own ids, no style and fewer digits, and what
stands side by side and looks alike is said once. All of it leaves the picture as it is.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from balance_sim.study.atomic_files import make_folder, write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, QUIET = "#1a1a1a", "#555555"  # text; second text (7.5:1 on white)
SMALL = 9.0
FOLDER = "figures"
DOTS = 160  # per inch

_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 9.5,
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), SMALL),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), QUIET),
    **dict.fromkeys(
        ("axes.labelcolor", "text.color", "xtick.labelcolor", "ytick.labelcolor"), INK
    ),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.labelsize": 10.0,
    "axes.axisbelow": True,
    "svg.hashsalt": "balance-sim",
    "text.parse_math": False,  # a $ in a name is a $
}
"""What differs from matplotlib's defaults, which are white pages, and an SVG's words as
paths."""


@contextmanager
def style() -> Iterator[None]:
    """Our settings over matplotlib's own defaults, whatever the user's are; put back at
    the end."""
    _without_home()
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def _without_home() -> None:
    """Import matplotlib with its cache in a folder that goes when the program ends:
    nothing goes to HOME."""
    if "matplotlib" in sys.modules or os.environ.get("MPLCONFIGDIR"):
        return
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="balance-sim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    own = {
        "MPLCONFIGDIR": folder,
        "MPL_IGNORE_SYSTEM_FONTS": "1",
    }  # figures are set in a font of matplotlib's own
    own = {name: value for name, value in own.items() if name not in os.environ}
    os.environ.update(own)
    try:
        import matplotlib as mpl
        import matplotlib.font_manager  # reads or writes the list of fonts, once

        mpl.get_configdir()
        mpl.get_cachedir()
    finally:
        for name in own:
            del os.environ[name]


def figure_bytes(figure: Figure, kind: str, *, text: bool = False) -> bytes:
    """A figure as `png` or `svg`, without a date or a version in it. text: words stay
    words in an SVG."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with style(), io.BytesIO() as sink:
        _settle(figure)
        if kind == "png":
            return png_bytes(pixels_of(figure))
        mpl.rcParams["svg.fonttype"] = "none" if text else "path"
        FigureCanvasSVG(figure).print_svg(
            sink, metadata={"Date": None, "Creator": None}
        )  # type: ignore[no-untyped-call]
        FigureCanvasAgg(figure)  # by which a notebook shows it
        return sink.getvalue()


def pixels_of(figure: Figure) -> npt.NDArray[np.uint8]:
    """The figure as (height, width, 4) RGBA."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with style():
        _settle(figure)
        # That which the parts were laid out on knows already how wide each text is.
        canvas = (
            figure.canvas
            if isinstance(figure.canvas, FigureCanvasAgg)
            else FigureCanvasAgg(figure)
        )
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        FigureCanvasAgg(
            figure
        )  # an empty one: the other holds as much memory as the picture
        return pixels


def png_bytes(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The PNG of such pixels, without a date or a version in it; the page is opaque, so
    alpha is dropped."""
    from PIL import Image

    with io.BytesIO() as sink:
        Image.fromarray(pixels).convert("RGB").save(
            sink, "png", compress_level=3, dpi=(DOTS, DOTS)
        )
        return sink.getvalue()


def _settle(figure: Figure) -> None:
    """Lay out a figure's parts once, at the resolution of its PNG: they stand where
    they are in every file."""
    figure.dpi = DOTS
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def write_figures(
    figures: dict[str, Figure],
    folder: Path,
    *,
    text: Collection[str] = (),
    told: Callable[[], None] | None = None,
) -> dict[str, bytes]:
    """Write figures as PNG and SVG. text: names of which an SVG whose words stay words
    is returned. told: called after each. Raises CannotWrite.

    While one thread compresses and writes a figure, the next is drawn."""
    place, writes, worded = folder / FOLDER, [], {}
    make_folder(place)
    with ThreadPoolExecutor(1) as writer:
        for name, figure in figures.items():
            writes.append(
                writer.submit(_write_png, place / f"{name}.png", pixels_of(figure))
            )
            writes.append(
                writer.submit(
                    write_atomic, place / f"{name}.svg", figure_bytes(figure, "svg")
                )
            )
            if name in text:
                worded[name] = figure_bytes(figure, "svg", text=True)
            if told is not None:
                told()
    for one in writes:
        one.result()
    return worded


def save_drawn(figures: dict[str, Figure], folder: Path | str) -> list[Path]:
    """Figures that are drawn already, by name. Raises CannotWrite."""
    write_figures(figures, Path(folder))
    return note_figures(figures, Path(folder))


def note_figures(names: Iterable[str], folder: Path) -> list[Path]:
    """Put down the checksums of the files of these figures. The paths, in order. Raises
    CannotWrite."""
    from balance_sim.study.shards import note_drawn

    paths = [
        folder / FOLDER / f"{name}.{kind}" for name in names for kind in ("png", "svg")
    ]
    note_drawn(folder, paths)
    return paths


def _write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    write_atomic(path, png_bytes(pixels))


SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
PLACES = {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "points"}
SIZES = {
    "r",
    "transform",
    "stroke-width",
    "font-size",
    "stroke-dasharray",
    "stroke-miterlimit",
}
FONT = re.compile(r"(?P<weight>bold |\d{3} )?(?P<size>[\d.]+)px (?P<family>.+)")
OURS = "DejaVu Sans"  # every figure is set in it
FAMILY = "DejaVu Sans, Verdana, Geneva, sans-serif"
URL = re.compile(r"url\(#([^)]+)\)")
NO_TURN = re.compile(r"rotate\(-?0(?:\.0+)? [^)]*\)")
DEFAULTS = {
    "text-anchor": "start",
    "stroke-linejoin": "round",
    "stroke-linecap": "butt",
    "opacity": "1",
}
DROPPED = {"metadata", "style", "title"}
AXIS = "matplotlib.axis"
RANK = {"defs": 0, "path": 1, "g": 2, "use": 3, "text": 4}
SHARED = {
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-opacity",
    "stroke-linejoin",
    "stroke-linecap",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-miterlimit",
    "font-size",
    "font-weight",
    "text-anchor",
    "clip-path",
}


def inlined(svg: bytes, prefix: str, label: str) -> str:
    """The `<svg>` element: ids start with `prefix`, role img with `label`, styles as
    attributes, as text.

    Only `id`, references `#name` and `url(#name)` are renamed: a colour such as #ffffff
    is none of these."""
    root = ET.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        element[:] = [
            child for child in element if child.tag.removeprefix(SVG) not in DROPPED
        ]
    names = {old: f"{prefix}-{k}" for k, old in enumerate(_used_ids(root))}
    _in_order(root)
    for element in root.iter():
        _slim(element, names)
    box = root.get("viewBox", "0 0 1 1")
    root.attrib.clear()
    root.attrib.update(
        {
            "viewBox": box,
            "role": "img",
            "aria-label": label,
            "font-family": FAMILY,
            "stroke-linejoin": "round",
            "stroke-linecap": "butt",
        }
    )
    _drop_empty(root)
    _gather(root)
    _grouped(root)
    for element in root.iter():  # no white space between tags
        element.text = (
            element.text if element.tag in ("text", "tspan") and element.text else None
        )
        element.tail = None
    return ET.tostring(root, encoding="unicode").replace(" />", "/>")


def _used_ids(root: ET.Element) -> list[str]:
    """Names that something refers to, in the order in which it does."""
    used: list[str] = []
    for element in root.iter():
        for key, value in element.attrib.items():
            if key in (XLINK, "href") and value.startswith("#"):
                used.append(value[1:])
            used += URL.findall(value)
    return list(dict.fromkeys(used))


def _slim(element: ET.Element, names: dict[str, str]) -> None:
    """Attributes of an element in their shortest form; `names` gives ids that are
    referred to a new name."""
    attributes = dict(element.attrib)
    element.attrib.clear()
    for part in attributes.pop("style", "").split(";"):
        key, _, value = part.partition(":")
        if value:
            attributes.update(_presentation(key.strip(), value.strip()))
    if OURS in attributes.get("font-family", ""):
        del attributes["font-family"]
    for key, value in attributes.items():
        if DEFAULTS.get(key) == value or NO_TURN.fullmatch(value):
            continue
        if key == "id":
            if value in names:
                element.set("id", names[value])
        elif key in (XLINK, "href"):
            element.set(
                "href",
                f"#{names[value[1:]]}"
                if value.startswith("#")
                else "".join(value.split()),
            )
        elif key == "d":
            element.set(key, path_data(value))
        elif key in PLACES:
            element.set(key, _shorter(value, 1))
        elif key in SIZES:
            element.set(
                key, _shorter(value, 4 if "matrix" in value or "scale" in value else 2)
            )
        else:
            element.set(key, URL.sub(lambda m: f"url(#{names[m[1]]})", value))


def _presentation(key: str, value: str) -> dict[str, str]:
    """A style property as attributes; the shorthand `font` has none and is taken
    apart."""
    if key == "font":
        if (found := FONT.fullmatch(value)) is None:
            return {}
        weight = {"font-weight": found["weight"].strip()} if found["weight"] else {}
        family = (
            {}
            if OURS in found["family"]
            else {"font-family": found["family"].replace("'", "")}
        )
        return {"font-size": found["size"], **family, **weight}
    return {key: value.removesuffix("px") if key == "font-size" else value}


def path_data(value: str, places: int = 1) -> str:
    """The same path in relative steps of so many decimals; errors do not add up.
    Commands M, L, Q, C, Z as matplotlib writes them; a path with others is only
    rounded."""
    parts = re.findall(
        r"([A-DF-Za-df-z])([^A-DF-Za-df-z]*)", value
    )  # an e is of a number
    if any(command not in "MLQCZz" for command, _ in parts):
        return _shorter(value)
    scale, out = 10**places, list[str]()
    at, start, last = (0, 0), (0, 0), ""
    for command, words in parts:
        if command in "Zz":
            out.append("z")
            at, last = start, ""
            continue
        spots = [
            round(float(word) * scale)
            for word in re.findall(r"-?\d*\.?\d+(?:e-?\d+)?", words)
        ]
        steps = [spot - at[place % 2] for place, spot in enumerate(spots)]
        at = (spots[-2], spots[-1])
        if command == "M":
            start = at
        elif command == "L" and not any(steps) and last:
            continue
        letter = "M" if command == "M" and not out else command.lower()
        numbers = spots if letter == "M" else steps
        if letter == "l" and 0 in steps:
            letter, numbers = ("v", steps[1:]) if steps[0] == 0 else ("h", steps[:1])
        out.append(
            ("" if letter == last else letter)
            + _packed(numbers, scale, first=letter != last)
        )
        last = "" if command == "M" else letter
    return "".join(out)


def _packed(numbers: list[int], scale: int, *, first: bool) -> str:
    """Numbers in units of 1/scale, with no more between them than their signs need."""
    texts = [
        f"{number / scale:g}".replace("0.", "." if abs(number) < scale else "0.", 1)
        for number in numbers
    ]
    told = " ".join(texts).replace(" -", "-")
    return told if first or told.startswith("-") else f" {told}"


def _shorter(value: str, places: int = 2) -> str:
    """Numbers with so many decimals at most, white space single."""
    found = NUMBER.sub(
        lambda m: f"{float(m[0]):.{places}f}".rstrip("0").rstrip("."), value
    )
    return " ".join(re.sub(r"(?<![\d.])-0(?![\d.])", "0", found).split())


def _drop_empty(element: ET.Element) -> None:
    """Groups and definitions that hold nothing go; groups that say nothing give way to
    what they hold."""
    kept: list[ET.Element] = []
    for child in list(element):
        _drop_empty(child)
        if child.tag == "g" and not child.attrib:
            kept += list(child)
        elif len(child) or child.tag not in ("g", "defs", "clipPath"):
            kept.append(child)
    element[:] = kept


def _in_order(root: ET.Element) -> None:
    """Of every axis first the lines of its grid, then its ticks, then its labels: these
    never overlap each other, and side by side they look alike."""
    for element in root.iter("g"):
        if element.get("id", "").startswith(AXIS):
            element[:] = sorted(_leaves(element), key=lambda one: RANK.get(one.tag, 2))


def _leaves(element: ET.Element) -> Iterable[ET.Element]:
    """What groups hold that say nothing but their own name."""
    for child in element:
        if child.tag == "g" and set(child.attrib) <= {"id"}:
            yield from _leaves(child)
        else:
            yield child


def _gather(root: ET.Element) -> None:
    """All definitions in one place, at the start."""
    home = ET.Element("defs")
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag == "defs"]:
            parent.remove(child)
            home.extend(child)
    if len(home):
        root.insert(0, home)


def _grouped(element: ET.Element) -> None:
    """Strokes alike become one path, and neighbours that share attributes a group that
    has them."""
    if element.tag in ("defs", "clipPath", "pattern"):
        return
    for child in list(element):
        _grouped(child)
    children = _joined(list(element))
    kept: list[ET.Element] = []
    while children:
        count, common = _alike(children)
        run, children = children[:count], children[count:]
        if (count - 1) * _length(common) > len("<g></g>"):
            group = ET.Element("g", common)
            group.extend(run)
            for one, name in itertools.product(run, common):
                del one.attrib[name]
            if any(one.attrib.keys() & SHARED for one in run):
                _grouped(group)
            run = [group]
        kept += run
    element[:] = kept


def _alike(children: list[ET.Element]) -> tuple[int, dict[str, str]]:
    """How many of the first children to put together, and what they share: at least
    half of what each says."""
    common, count = _looks(children[0]), 1
    for child in children[1:]:
        looks = _looks(child)
        both = {
            name: value for name, value in common.items() if looks.get(name) == value
        }
        if 2 * _length(both) < max(_length(looks), _length(common)) or not both:
            break
        common, count = both, count + 1
    return count, common


def _looks(element: ET.Element) -> dict[str, str]:
    """What an element could be told by its group. A clip of something moved is in its
    own measure: left alone."""
    names = SHARED - {"clip-path"} if "transform" in element.attrib else SHARED
    return {name: value for name, value in element.attrib.items() if name in names}


def _length(looks: dict[str, str]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in looks.items())


def _joined(children: list[ET.Element]) -> list[ET.Element]:
    """Paths that follow each other and are stroked alike, opaque and not filled, as one
    path."""
    kept: list[ET.Element] = []
    for child in children:
        if (
            kept
            and (looks := _stroke(child)) is not None
            and looks == _stroke(kept[-1])
        ):
            kept[-1].set("d", kept[-1].get("d", "") + child.get("d", ""))
        else:
            kept.append(child)
    return kept


def _stroke(element: ET.Element) -> dict[str, str] | None:
    """How a path is drawn if it is only a stroke, else None."""
    looks = {name: value for name, value in element.attrib.items() if name != "d"}
    plain = element.tag == "path" and looks.get("fill") == "none"
    return (
        looks
        if plain and not looks.keys() & {"id", "opacity", "stroke-opacity", "transform"}
        else None
    )
