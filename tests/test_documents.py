"""
What the documents name exists: files, tests, and the commands and options of the tools.

Sources are read, not imported: the test takes no time, and needs neither torch nor the compiler.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "blendir"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])

FOLDERS = sorted({path.name for folder in (ROOT, PACKAGE, ROOT / "docs") for path in folder.glob("[a-z]*/")})
NAMED = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*<>-]*")
"""A path that starts with a folder of the repository, of the package or of docs/; `*` and `<name>` stand for names."""
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
TEST = re.compile(r"(tests/[\w/]+\.py)::([\w:]+)")
FENCED, INLINE = re.compile(r"^```.*?^```|^(?: {4}.*\n)+", re.MULTILINE | re.DOTALL), re.compile(r"`([^`]+)`")
FLAG = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
XDSL_FLAGS = {"-o", "-p"}


def code_of(text: str) -> Iterator[str]:
    """
    The lines of blocks of code, and inline code, on one line each.
    """
    for block in FENCED.findall(text):
        lines = re.sub(r"\s*\n {8,}", " ", block).splitlines()
        yield from (line.split("  #")[0].strip() for line in lines)
    yield from (" ".join(found.replace("\\|", "|").split()) for found in INLINE.findall(FENCED.sub("", text)))


@cache
def definitions(path: Path) -> frozenset[str]:
    """
    Functions of a file, and methods as `Class::method`.
    """
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{method.name}" for method in node.body if isinstance(method, ast.FunctionDef)}
    return frozenset(found)


class Tools:
    """
    The commands of `blendir/tools` with their options, as click's decorators state them.
    """

    def __init__(self) -> None:
        self.named: dict[str, ast.stmt] = {}
        self.commands: dict[str, ast.FunctionDef] = {}
        for path in sorted((PACKAGE / "tools").glob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    self.named[node.targets[0].id] = node
                elif isinstance(node, ast.FunctionDef):
                    self.named[node.name] = node
                    self.commands |= {name: node for name in self.command_names(node)}

    @staticmethod
    def command_names(node: ast.FunctionDef) -> Iterator[str]:
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "command":
                name = call.args[0]
                assert isinstance(name, ast.Constant)
                yield str(name.value)

    def options(self, command: str) -> set[str]:
        """
        The flags that a command takes; the start of one that is made of names, with a hyphen at its end.
        """
        found, seen = {"-h", "--help", "--version"}, set[str]()
        waiting: list[ast.AST] = [*self.commands[command].decorator_list]
        while waiting:
            for node in ast.walk(waiting.pop()):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("-"):
                    found |= set(node.value.split("/"))
                elif isinstance(node, ast.Name) and node.id in self.named and node.id not in seen:
                    seen.add(node.id)
                    waiting.append(self.named[node.id])
        return found


TOOLS = Tools()
PASS_FLAGS = {
    f"--{name}"
    for path in PACKAGE.rglob("*.py")
    for name in re.findall(r'^    name = "([a-z0-9-]+)"$', path.read_text(), re.MULTILINE)
}
EVERY_FLAG = PASS_FLAGS.union(*(TOOLS.options(command) for command in TOOLS.commands))


def unknown_in(line: str) -> list[str]:
    """
    Commands and flags of a line of code that do not exist.
    """
    found: list[str] = []
    for part in line.split(" | "):
        words = part.split()
        match words[:2]:
            case ["blendir", command, *_] if command in TOOLS.commands:
                known = TOOLS.options(command)
            case ["blendir", command, *_] if re.fullmatch(r"[a-z]+", command):
                found.append(f"blendir {command}")
                continue
            case ["blendir-translate", *_]:
                known = TOOLS.options("blendir-translate")
            case ["blendir-opt", *_]:
                known = PASS_FLAGS | XDSL_FLAGS | {"--help"}
            case ["python", script] if script.startswith("benchmarks/"):
                known = set(FLAG.findall((ROOT / script).read_text()))
            case [flag, *_] if flag.startswith("--"):
                known = EVERY_FLAG
            case _:
                continue
        starts = tuple(flag for flag in known if flag.endswith("-"))
        found += [
            f"{' '.join(words[:2])} .. {flag}"
            for flag in FLAG.findall(part)
            if flag not in known and not flag.startswith(starts)
        ]
    return found


def exists(name: str, document: Path) -> bool:
    """
    Whether a path is there, seen from the repository, the package or the document.
    """
    pattern = re.sub(r"<\w+>", "*", name.rstrip("/.,"))
    return any(next(folder.glob(pattern), None) for folder in (ROOT, PACKAGE, document.parent))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(document: Path) -> None:
    text = document.read_text()
    # train/ and test/ are folders of the user's data
    names = {name for name in NAMED.findall(text) if not re.match(r"(train|test)/", name)} | set(LINK.findall(text))
    assert not sorted(name for name in names if not exists(name, document))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_tests_exist(document: Path) -> None:
    found = TEST.findall(document.read_text())
    missing = [f"{path}::{name}" for path, name in found if name not in definitions(ROOT / path)]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_commands_and_options_exist(document: Path) -> None:
    assert not [unknown for line in code_of(document.read_text()) for unknown in unknown_in(line)]


def test_what_does_not_exist_is_found() -> None:
    """
    And the commands of the documents are looked at.
    """
    assert unknown_in("blendir compile net.mlir -o DIR --calibrate X.npy | blendir run y.mlir --input x") == []
    assert unknown_in("blendir compile net.mlir --fast") == ["blendir compile .. --fast"]
    assert unknown_in("blendir translate net.mlir") == ["blendir translate"]
    assert unknown_in("blendir-opt --fold-bn --fold-norm in.mlir") == ["blendir-opt --fold-bn .. --fold-norm"]
    assert unknown_in("python benchmarks/points.py --calibrate X --frames N") == [
        "python benchmarks/points.py .. --frames"
    ]
    lines = [line for document in DOCUMENTS for line in code_of(document.read_text())]
    assert {line.split()[1] for line in lines if line.startswith("blendir ") and len(line.split()) > 1} >= {
        "import", "compile", "explore", "verify", "evaluate", "train", "models"
    }  # fmt: skip
    assert not exists("tests/test_nothing.py", DOCUMENTS[0])
    assert "TestP14ExactnessClasses::test_binary_network_is_exact_end_to_end" in definitions(
        ROOT / "tests" / "test_propositions_bits.py"
    )
