"""No circle of imports inside model: neither at import, nor in functions, nor for types alone."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import balance_sim

PACKAGE = Path(balance_sim.__file__).parent
MODEL = "balance_sim.model"


def modules() -> dict[str, Path]:
    named = {}
    for file in sorted((PACKAGE / "model").rglob("*.py")):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        named[".".join(part for part in parts if part != "__init__")] = file
    return named


def imported(file: Path, known: dict[str, Path]) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(MODEL):
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & known.keys()
            names |= inner or {node.module}
    return names


def test_imports_of_the_model_have_an_order() -> None:
    known = modules()
    graph = {name: imported(file, known) for name, file in known.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert len(order) > 20
    assert order.index(f"{MODEL}.core") < order.index(f"{MODEL}.willingness") < order.index(f"{MODEL}.own.terms")
