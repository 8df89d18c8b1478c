"""
Which part of the package imports which: one way, and never in a circle.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import blendir

ROOT = Path(blendir.__file__).parent
FLOORS = (
    ("errors", "numerics", "widths", "packing", "dense", "files", "functions", "garbage"),
    ("dialects",),
    ("modules", "interpreter"),
    ("passes",),
    ("hardware",),
    ("pipeline",),
    ("backends", "frontend", "models"),
    ("report",),
    ("compiler",),
    ("verification", "evaluation", "design_point", "training"),
    ("frontier",),
    ("exploration",),
    ("tools", "universe"),
)
"""From the ground up. A part imports what stands below it, and what stands beside it as long as no circle is made."""
WITHOUT_TORCH = (
    "conftest",
    "test_dense",
    "test_folding",
    "test_monotone",
    "test_numerics",
    "test_packing",
    "test_widths",
)
"""Files of tests that run where there is no torch."""


def imports(tree: ast.AST) -> Iterator[str]:
    """
    What a file imports, inside functions too.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str:
    return name.split(".")[1]


def graph() -> dict[str, set[str]]:
    """
    The parts of the package, each with those that it imports; `blendir` itself offers names of all.
    """
    found: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        part = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if part != "__init__":
            names = imports(ast.parse(path.read_text()))
            used = {part_of(name) for name in names if name.startswith("blendir.")}
            found.setdefault(part, set()).update(used - {part, "__version__"})
    return found


def test_every_part_has_a_floor() -> None:
    assert set(graph()) == {part for floor in FLOORS for part in floor}


def test_imports_go_down() -> None:
    height = {part: index for index, floor in enumerate(FLOORS) for part in floor}
    up = {(part, used) for part, parts in graph().items() for used in parts if height[used] > height[part]}
    assert not up
    list(TopologicalSorter(graph()).static_order())


def test_pure_tests_need_no_torch() -> None:
    lines = ("import sys", "sys.modules['torch'] = None", *(f"import {name}" for name in WITHOUT_TORCH))
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, cwd=Path(__file__).parent)
