"""
A shallow reader of C++ text: enough structure (functions, loops, pragmas) for the rule checks.

Only what synthesis sees is kept: comments and the branches that `__SYNTHESIS__` (or a macro that it brings
along) excludes are blanked, with every line in place, so that positions still give line numbers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT_OR_LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?P<text>"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])*')""", re.DOTALL
)
_SYNTHESIS_MACROS = ("__SYNTHESIS__", "BLENDIR_TOOL_TYPES", "BLENDIR_AP_TYPES")
_CONTINUED = re.compile(r"^(?:[^\n]*\\\n)+[^\n]*", re.MULTILINE)
_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(\w+)(.*)")
_HLS_PRAGMA = re.compile(r"[ \t]*#[ \t]*pragma[ \t]+HLS\b", re.IGNORECASE)
_LABEL = re.compile(r"^\w+\s*:(?!:)\s*")
_TEMPLATE = re.compile(r"^template\s*<")
_FUNCTION_NAME = re.compile(r"([\w:~]+)\s*$")
_STRUCTURE = re.compile(r"[(){};]")
_NOT_A_FUNCTION = frozenset("else if switch struct class union enum namespace try".split())


@dataclass(eq=False)
class Block:
    """
    One `{...}`: `kind` is function, loop or other; `start` and `end` are the positions of its braces.
    """

    kind: str
    name: str
    header: str
    start: int
    end: int = -1
    parent: "Block | None" = None

    def ancestors(self) -> "Iterator[Block]":
        """
        The block itself and everything around it, innermost first.
        """
        block: Block | None = self
        while block is not None:
            yield block
            block = block.parent

    @property
    def is_template(self) -> bool:
        """
        Whether the header declares template parameters.
        """
        return _TEMPLATE.match(self.header) is not None


@dataclass(frozen=True)
class Source:
    """
    A C++ file as synthesis sees it: its text, its blocks in order of their opening brace, its HLS pragmas.
    """

    text: str
    blocks: list[Block]
    pragmas: list[tuple[int, str]]

    def line(self, position: int) -> int:
        """
        The 1-based line of a position.
        """
        return self.text.count("\n", 0, position) + 1

    def block_at(self, position: int) -> Block | None:
        """
        The innermost block around a position.
        """
        inner = [block for block in self.blocks if block.start < position < block.end]
        return max(inner, key=lambda block: block.start, default=None)

    def function_at(self, position: int) -> Block | None:
        """
        The innermost function around a position.
        """
        block = self.block_at(position)
        around = block.ancestors() if block else ()
        return next((item for item in around if item.kind == "function"), None)


def scan(text: str) -> Source:
    """
    Read a C++ file; unbalanced braces raise `ValueError`.
    """
    lines = _synthesis_view(_blank_comments(text)).split("\n")
    pragmas: list[tuple[int, str]] = []
    position = 0
    for number, line in enumerate(lines):
        if _HLS_PRAGMA.match(line):
            pragmas.append((position, line.strip()))
        elif _DIRECTIVE.match(line):
            lines[number] = " " * len(line)
        position += len(line) + 1
    visible = "\n".join(lines)
    bare = "\n".join(" " * len(line) if _HLS_PRAGMA.match(line) else line for line in lines)
    return Source(visible, _blocks(bare), pragmas)


def split_commas(text: str) -> list[str]:
    """
    Split at the commas outside brackets; an empty text has no parts.
    """
    parts, depth, start = [""], 0, 0
    for index, char in enumerate(text):
        depth += (char in "(<[{") - (char in ")>]}")
        if char == "," and depth == 0:
            parts[-1] = text[start:index].strip()
            parts.append("")
            start = index + 1
    parts[-1] = text[start:].strip()
    return parts if parts != [""] else []


def closing_bracket(text: str, opening: int) -> int:
    """
    The bracket that closes the `(` or `<` at `opening`, or the end of the text.
    """
    round_depth = angle_depth = 0
    for position in range(opening, len(text)):
        char = text[position]
        round_depth += (char == "(") - (char == ")")
        if round_depth == 0:
            angle_depth += (char == "<") - (char == ">")
        if round_depth == 0 and angle_depth == 0:
            return position
    return len(text)


def arguments(function: Block) -> dict[str, str]:
    """
    The argument names of a function and the declaration of each.
    """
    opening = _argument_list(function.header)
    inside = function.header[opening + 1 : closing_bracket(function.header, opening)]
    named = ((re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?:=.*)?$", part), part) for part in split_commas(inside))
    return {match[1]: part for match, part in named if match}


def _blank_comments(text: str) -> str:
    def blank(match: re.Match[str]) -> str:
        found = match[0]
        if match["text"]:
            return found[0] + "_" * (len(found) - 2) + found[-1]
        return re.sub(r"[^\n]", " ", found)

    def join(match: re.Match[str]) -> str:
        return match[0].replace("\\\n", " ") + "\n" * match[0].count("\\\n")

    return _COMMENT_OR_LITERAL.sub(blank, _CONTINUED.sub(join, text))


def _in_synthesis(directive: str, condition: str) -> bool | None:
    """
    Whether synthesis takes the branch; None where the condition does not decide it.
    """
    if directive in ("ifdef", "ifndef"):
        return directive == "ifdef" if condition.strip() in _SYNTHESIS_MACROS else None
    terms: list[tuple[str, str]] = re.findall(r"(!?)\s*defined\s*\(?\s*(\w+)", condition)
    known = [negation == "" for negation, name in terms if name in _SYNTHESIS_MACROS]
    if known == [True] and "&&" not in condition:
        return True
    return False if known == [False] and "||" not in condition else None


def _synthesis_view(text: str) -> str:
    kept: list[str] = []
    stack: list[bool | None] = []
    for line in text.split("\n"):
        match = _DIRECTIVE.match(line)
        directive = match[1] if match else ""
        if match and directive in ("if", "ifdef", "ifndef"):
            stack.append(_in_synthesis(directive, match[2]))
        elif directive in ("else", "elif") and stack:
            stack[-1] = None if stack[-1] is None else not stack[-1]
        elif directive == "endif" and stack:
            stack.pop()
        kept.append(" " * len(line) if False in stack else line)
    return "\n".join(kept)


def _blocks(text: str) -> list[Block]:
    blocks: list[Block] = []
    open_blocks: list[Block] = []
    depth = start = 0
    for match in _STRUCTURE.finditer(text):
        position, char = match.start(), match[0]
        depth += (char == "(") - (char == ")")
        if char == "{":
            header = text[start:position].strip()
            parent = open_blocks[-1] if open_blocks else None
            block = _classify(header, position, parent)
            blocks.append(block)
            open_blocks.append(block)
        elif char == "}":
            if not open_blocks:
                raise ValueError(f"line {text.count(chr(10), 0, position) + 1}: unbalanced }}")
            open_blocks.pop().end = position
        if char in "{}" or (char == ";" and depth == 0):
            start = position + 1
    if open_blocks:
        raise ValueError(f"line {text.count(chr(10), 0, open_blocks[-1].start) + 1}: unbalanced {{")
    return blocks


def _classify(header: str, start: int, parent: Block | None) -> Block:
    header = _LABEL.sub("", header)
    template = _TEMPLATE.match(header)
    declared = header[closing_bracket(header, template.end() - 1) + 1 :] if template else header
    first = re.match(r"\s*(\w*)", declared)
    word = first[1] if first else ""
    if word in ("for", "while", "do"):
        return Block("loop", word, header, start, parent=parent)
    inside = parent is not None and any(block.kind == "function" for block in parent.ancestors())
    opening = -1 if word in _NOT_A_FUNCTION or inside else _argument_list(header)
    name = _FUNCTION_NAME.search(header[:opening]) if opening > 0 else None
    if name is None or re.search(r"=\s*$", header):
        return Block("other", word, header, start, parent=parent)
    return Block("function", name[1].split("::")[-1], header, start, parent=parent)


def _argument_list(header: str) -> int:
    """
    Where the argument list of a function header opens, -1 if there is none.
    """
    begin = 0
    if template := _TEMPLATE.match(header):
        begin = closing_bracket(header, template.end() - 1) + 1
    return header.find("(", begin)
