"""
Checks of generated dataflow regions and of the process library against the rules of canonical dataflow.

A region is flat: declarations, pragmas and calls, one to a line. With every stream written once, read once
and written first, and every process draining its pipeline, the result does not depend on the timing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from blendir.backends.hls.cpp_scan import Block, Source, arguments, closing_bracket, scan, split_commas
from blendir.backends.hls.pragmas import Pragma, PragmaError, parse_pragma
from blendir.hardware.processes import PROCESSES

WRITERS: dict[str, tuple[int, ...]] = {
    function.name: tuple(range(function.reads, function.reads + function.writes))
    for process in PROCESSES.values()
    for function in process.functions
} | {"binary_mvu_dsp": (1,), "read_frames": (1,), "write_results": ()}
"""
The positions of the streams that each process writes; every other stream argument it reads.
"""

_DECLARATION = re.compile(r'(?:\w+::)*stream<.+>\s+(\w+)(?:\("[^"]*"\))?;')
_CALL = re.compile(r"(?:\w+::)*(\w+)\s*(?:<[^();]*>)?\s*\(([^();]*)\);")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_POLLING = {
    r"\.\s*empty\s*\(": "tests a stream for emptiness",
    r"\.\s*full\s*\(": "tests a stream for fullness",
    r"\b(?:read|write)_nb\b": "uses a non-blocking access",
    r"\bwhile\s*\(\s*(?:!|true\b|1\s*\))": "waits in a loop",
    r"\bfor\s*\(\s*;\s*;": "loops without an end",
}
_READ = r"\.\s*read\s*\("
_STYLES = {"binary_mvu_dsp": ("flp", "stp")}


@dataclass
class _Region:
    """
    One dataflow function: its stream arguments, what its lines declare and call, each with its position.
    """

    name: str
    arguments: list[str]
    streams: dict[str, int] = field(default_factory=lambda: {})
    depths: dict[str, int] = field(default_factory=lambda: {})
    writes: dict[str, list[int]] = field(default_factory=lambda: {})
    reads: dict[str, list[int]] = field(default_factory=lambda: {})


def check_dataflow(text: str, path: str) -> list[str]:
    """
    The problems of the dataflow functions of a generated top file, as `path:line: message`.
    """
    source = scan(text)
    pragmas = list(_pragmas(source))
    regions = [
        function
        for position, pragma in pragmas
        if pragma.directive == "dataflow" and (function := source.function_at(position))
    ]
    if not regions:
        return [f"{path}:1: no function has a dataflow pragma; add '#pragma HLS dataflow' to the top"]
    found = [problem for function in regions for problem in _region_problems(source, function)]
    return [f"{path}:{source.line(position)}: {problem}" for position, problem in sorted(found)]


def _pragmas(source: Source) -> Iterator[tuple[int, Pragma]]:
    """
    The pragmas that parse; the others are left to the pragma check.
    """
    for position, line in source.pragmas:
        try:
            yield position, parse_pragma(line)
        except PragmaError:
            continue


def _region_problems(source: Source, function: Block) -> Iterator[tuple[int, str]]:
    region = _Region(function.name, _stream_arguments(function))
    for position, pragma in _pragmas(source):
        if pragma.directive == "stream" and source.function_at(position) is function:
            region.depths[pragma.options.get("variable", "")] = position
    position = function.start + 1
    for line in source.text[position : function.end].split("\n"):
        statement = line.strip()
        if statement and not statement.startswith("#"):
            problems = _statement_problems(region, statement, position)
            yield from ((position, problem) for problem in problems)
        position += len(line) + 1
    yield from _stream_problems(region, function.start)


def _statement_problems(region: _Region, statement: str, position: int) -> Iterator[str]:
    if re.match(r"static\b", statement):
        yield "a static local in a dataflow function; move it into a process, not static"
    elif declaration := _DECLARATION.fullmatch(statement):
        region.streams[declaration[1]] = position
    elif call := _CALL.fullmatch(statement):
        yield from _call_problems(region, call[1], split_commas(call[2]), position)
    else:
        yield f"'{statement}' is neither a stream declaration nor a call; a dataflow function has only these"


def _call_problems(region: _Region, unit: str, values: list[str], position: int) -> Iterator[str]:
    written = _written(unit, len(values))
    if written is None:
        yield f"unknown process {unit}; name it in the functions of its process"
        return
    for index, value in enumerate(values):
        if not _IDENTIFIER.fullmatch(value):
            yield f"argument '{value}' of {unit} is an expression; pass a plain identifier"
            continue
        writes = index in written
        if value in region.streams or value in region.arguments:
            uses = region.writes if writes else region.reads
            uses.setdefault(value, []).append(position)
        elif writes:
            yield f"{unit} writes {value}, which is no stream; declare the stream before the call"
    if len(values) <= max(written, default=-1):
        yield f"{unit} has {len(values)} arguments; it writes argument {max(written)}"


def _written(unit: str, count: int) -> tuple[int, ...] | None:
    """
    The positions of the streams that a call of `count` arguments writes. `top` writes all but the first and the last;
    `write_results` is numbered where there are several outputs.
    """
    if unit == "top":
        return tuple(range(1, max(2, count - 1)))
    return WRITERS.get(re.sub(r"^write_results_\d+$", "write_results", unit))


def _stream_problems(region: _Region, start: int) -> Iterator[tuple[int, str]]:
    for name, position in region.streams.items():
        writes, reads = region.writes.get(name, []), region.reads.get(name, [])
        if len(writes) != 1:
            yield position, f"stream {name} has {len(writes)} writers; it needs exactly one"
        if len(reads) != 1:
            yield position, f"stream {name} has {len(reads)} readers; it needs exactly one, fork it for more"
        if writes and reads and min(reads) <= min(writes):
            yield min(reads), f"stream {name} is read before it is written; call its writer first"
        if name not in region.depths:
            yield position, f"stream {name} has no depth; add '#pragma HLS stream variable={name} depth=N'"
    for name in region.arguments:
        uses = len(region.writes.get(name, [])) + len(region.reads.get(name, []))
        if uses != 1:
            yield start, f"argument {name} of {region.name} has {uses} users; it needs exactly one process"
    for name, position in region.depths.items():
        if name not in region.streams:
            yield position, f"the stream pragma names {name}, which is not declared here; remove it"


def check_library(text: str, path: str) -> list[str]:
    """
    The problems of a header with processes, as `path:line: message`.

    Every loop that uses a stream is one flat pipelined loop that drains; nothing polls; nothing is static.
    """
    source = scan(text)
    found = [*_loop_problems(source), *_unbraced_problems(source)]
    for pattern, words in _POLLING.items():
        for match in re.finditer(pattern, source.text):
            found.append((match.start(), f"{match[0]!r} {words}; use blocking reads in counted loops"))
    for match in re.finditer(r"\bstatic\b", source.text):
        if function := source.function_at(match.start()):
            problem = f"a static in {function.name} is shared by all its calls; make it a plain local"
            found.append((match.start(), problem))
    return [f"{path}:{source.line(position)}: {problem}" for position, problem in sorted(found)]


def _loop_problems(source: Source) -> Iterator[tuple[int, str]]:
    """
    Each loop around a stream access is pipelined, or is unrolled inside the pipelined one.
    """
    pipelines: dict[int, Pragma] = {}
    for position, pragma in _pragmas(source):
        if pragma.directive == "pipeline" and (block := source.block_at(position)):
            pipelines[block.start] = pragma
    around: dict[int, Block] = {}
    for access in _stream_accesses(source):
        inner = source.block_at(access)
        loops = [block for block in inner.ancestors() if block.kind == "loop"] if inner else []
        pipelined = [loop for loop in loops if loop.start in pipelines]
        inside = loops.index(pipelined[0]) if pipelined else 0
        around.update((loop.start, loop) for loop in loops[inside:])
    for start, loop in around.items():
        yield from _style_problems(source, loop, pipelines.get(start))


def _stream_accesses(source: Source) -> Iterator[int]:
    """
    Every read, and every other use of a stream argument: it may be handed to a function that reads it.
    """
    yield from (match.start() for match in re.finditer(_READ, source.text))
    for function in source.blocks:
        if function.kind == "function" and (names := _stream_arguments(function)):
            uses = re.compile(rf"\b(?:{'|'.join(names)})\b")
            yield from (match.start() for match in uses.finditer(source.text, function.start, function.end))


def _stream_arguments(function: Block) -> list[str]:
    return [name for name, declared in arguments(function).items() if re.search(r"\bstream\s*<", declared)]


def _style_problems(source: Source, loop: Block, pipeline: Pragma | None) -> Iterator[tuple[int, str]]:
    function = source.function_at(loop.start)
    allowed = _STYLES.get(function.name if function else "", ("flp",))
    if pipeline is None:
        remedy = "make one flat loop with '#pragma HLS pipeline II=1 style=flp'"
        yield loop.start, f"a loop that uses a stream is not pipelined; {remedy}"
    elif pipeline.options.get("style", "") not in allowed:
        style = pipeline.options.get("style", "the default style")
        yield loop.start, f"a loop that uses a stream has {style}; write style={allowed[0]}"


def _unbraced_problems(source: Source) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"\b(?:for|while)\s*\(", source.text):
        body = source.text[closing_bracket(source.text, match.end() - 1) + 1 :]
        statement = re.match(r"[^;{}]*", body)
        if statement and re.search(_READ, statement[0]):
            yield match.start(), "a loop without braces reads a stream; add braces and a pipeline pragma"
