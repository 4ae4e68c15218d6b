"""What stands side by side in an SVG and looks alike, said once: marks of an axis in order, shared attributes.

All of it leaves the picture as it is: a group passes on what each of its children would have said."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

AXIS = "matplotlib.axis"
RANK = {"defs": 0, "path": 1, "g": 2, "use": 3, "text": 4}
SHARED = {
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-linejoin", "stroke-linecap",
    "stroke-dasharray", "stroke-dashoffset", "stroke-miterlimit", "font-size", "font-weight", "text-anchor",
    "clip-path",
}  # fmt: skip
GROUP = len("<g></g>")


def in_order(root: ET.Element) -> None:
    """Of every axis first the lines of its grid, then its ticks, then its labels: these never overlap each other,

    and side by side they look alike."""
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


def gather(root: ET.Element) -> None:
    """All definitions in one place, at the start."""
    found: list[ET.Element] = []
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag == "defs"]:
            parent.remove(child)
            found += list(child)
    if found:
        home = ET.Element("defs")
        home.extend(found)
        root.insert(0, home)


def grouped(element: ET.Element) -> None:
    """Strokes alike become one path, and neighbours that share attributes a group that has them."""
    if element.tag in ("defs", "clipPath", "pattern"):
        return
    for child in list(element):
        grouped(child)
    children = _joined(list(element))
    kept: list[ET.Element] = []
    while children:
        count, common = _alike(children)
        run, children = children[:count], children[count:]
        if _saved(count, common) > 0:
            group = ET.Element("g", common)
            for one in run:
                for name in common:
                    del one.attrib[name]
            group.extend(run)
            if any(one.attrib.keys() & SHARED for one in run):
                grouped(group)
            run = [group]
        kept += run
    element[:] = kept


def _alike(children: list[ET.Element]) -> tuple[int, dict[str, str]]:
    """How many of the first children to put together, and what they share: at least half of what each says."""
    common = _looks(children[0])
    count = 1
    for child in children[1:]:
        looks = _looks(child)
        both = {name: value for name, value in common.items() if looks.get(name) == value}
        if 2 * _length(both) < max(_length(looks), _length(common)) or not both:
            break
        common, count = both, count + 1
    return count, common


def _looks(element: ET.Element) -> dict[str, str]:
    """What an element could be told by its group. A clip of something moved is in its own measure: left alone."""
    return {
        name: value
        for name, value in element.attrib.items()
        if name in SHARED and not (name == "clip-path" and "transform" in element.attrib)
    }


def _length(looks: dict[str, str]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in looks.items())


def _saved(count: int, common: dict[str, str]) -> int:
    return (count - 1) * _length(common) - GROUP


def _joined(children: list[ET.Element]) -> list[ET.Element]:
    """Paths that follow each other and are stroked alike, opaque and not filled, as one path."""
    kept: list[ET.Element] = []
    for child in children:
        last = kept[-1] if kept else None
        if last is not None and _stroke(child) is not None and _stroke(child) == _stroke(last):
            last.set("d", last.get("d", "") + child.get("d", ""))
        else:
            kept.append(child)
    return kept


def _stroke(element: ET.Element) -> dict[str, str] | None:
    """How a path is drawn if it is only a stroke, else None."""
    looks = {name: value for name, value in element.attrib.items() if name != "d"}
    plain = element.tag == "path" and looks.get("fill") == "none"
    return looks if plain and not looks.keys() & {"id", "opacity", "stroke-opacity", "transform"} else None
