"""
The files of a network for CPUs: a C header, one translation unit, weights, a program for .npy files, a Makefile.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from importlib.resources import files

import numpy as np

from blendir.backends.cpp import comment
from blendir.backends.cpu.arena import ALIGNMENT, aligned
from blendir.backends.cpu.plan import Plan, Step
from blendir.backends.cpu.storage import Buffer, Numbers
from blendir.dialects.blend import BlendOp
from blendir.dialects.blend.types import PIXELS
from blendir.interpreter import input_type

PACKAGE = files("blendir.backends.cpu")
LIBRARY = "blendir_cpu"
HEADERS = ("lanes", "elementwise", "moves", "windows", "tiles", "products", "fused")


def c_type(buffer: Buffer) -> str:
    """
    The type of its elements.
    """
    return f"{buffer.dtype.name}_t"


def library_files() -> dict[str, str]:
    """
    The kernels.
    """
    folder = PACKAGE / "include" / LIBRARY
    return {f"include/{LIBRARY}/{name}.hpp": (folder / f"{name}.hpp").read_text() for name in HEADERS}


def parameters(plan: Plan) -> list[str]:
    """
    The outputs as parameters of a function.
    """
    return [f"{c_type(value.buffer)}* y{index}" for index, value in enumerate(plan.outputs)]


def signature(plan: Plan) -> str:
    """
    The function that runs frames.
    """
    outputs = ", ".join(parameters(plan))
    return f"void network_run(const network_input* x, {outputs}, size_t frames, void* arena)"


def header_text(plan: Plan) -> str:
    """
    `network.h`: sizes, types, and the functions.
    """
    source = plan.input
    assert isinstance(source, Numbers)
    fmt, shape = source.format, "x".join(map(str, source.shape))
    wide = "LL" if fmt.width > 32 else ""
    low = f"({-fmt.high}{wide} - 1)" if fmt.signed else "0"
    lines = [
        "/* A network as a function. Frames are integers in the order of the tensor, one after another. */",
        "#ifndef NETWORK_H",
        "#define NETWORK_H",
        "",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        f"typedef {c_type(source.buffer)} network_input;",
        f"#define NETWORK_INPUT_ELEMENTS {source.buffer.size}",
        f'#define NETWORK_INPUT_SHAPE "{shape}"',
        "/* The value of an integer v is v / 2^FRAC. */",
        f"#define NETWORK_INPUT_FRAC {fmt.frac}",
        f"#define NETWORK_INPUT_LOW {low}",
        f"#define NETWORK_INPUT_HIGH {fmt.high}{wide}",
        f"#define NETWORK_INPUT_PIXELS {int(input_type(plan.module).element_type in PIXELS)}",
    ]
    for index, value in enumerate(plan.outputs):
        lines += [
            f"typedef {c_type(value.buffer)} network_output{index};",
            f"#define NETWORK_OUTPUT{index}_ELEMENTS {value.buffer.size}",
            f"#define NETWORK_OUTPUT{index}_FRAC {value.format.frac}",
        ]
    lines += [
        f"/* Memory that a call needs, aligned to {ALIGNMENT} bytes; each thread has its own. */",
        f"#define NETWORK_ARENA_BYTES {max(plan.arena_bytes, ALIGNMENT)}",
        "/* What network_trace of a build with BLENDIR_TRACE writes for a frame. */",
        f"#define NETWORK_TRACE_BYTES {plan.trace_bytes}",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "/* Whether weights.bin is the one that network.cpp was written for; network_run trusts what it says. */",
        "int network_check(void);",
        f"{signature(plan)};",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif /* NETWORK_H */",
    ]
    return "\n".join(lines) + "\n"


def weights_file(plan: Plan) -> tuple[bytes, dict[str, int]]:
    """
    The tables one after another, and where each starts.
    """
    parts: list[bytes] = []
    offsets: dict[str, int] = {}
    size = 0
    for name, values in plan.tables.items():
        data = values.astype(values.dtype.newbyteorder("<")).tobytes()
        offsets[name] = size
        parts.append(data + bytes(aligned(len(data)) - len(data)))
        size += len(parts[-1])
    return b"".join(parts) or bytes(ALIGNMENT), offsets


def table_lines(plan: Plan, offsets: dict[str, int]) -> Iterable[str]:
    """
    A pointer to each table.
    """
    for name, values in plan.tables.items():
        kind = f"{np.dtype(values.dtype).name}_t"
        shape = "".join(f"[{n}]" for n in values.shape)
        yield f"const {kind}* const {name} = (const {kind}*)(network_weights + {offsets[name]});  // {shape}"


def described(step: Step) -> str:
    """
    What a step is for.
    """
    ops = [part.op for part in step.parts or (step,)]
    return "\n".join(f"  // {comment(op.layer_name if isinstance(op, BlendOp) else '')}: {op.name}" for op in ops)


def frame_lines(plan: Plan) -> Iterable[str]:
    """
    What runs for a frame.
    """
    yield "  BLENDIR_DONE(-1);"
    for buffer in plan.buffers:
        yield f"  {c_type(buffer)}* const {buffer.name} = ({c_type(buffer)}*)(arena + {buffer.offset});"
    for index, step in enumerate(plan.steps):
        yield described(step)
        if step.call:
            yield f"  {step.call}"
            yield f"  BLENDIR_DONE({index});"
        for keep in step.keeps:
            yield f"  BLENDIR_KEEP({keep.offset}, {keep.value.buffer.name}, {keep.value.buffer.bytes});"
    for index, value in enumerate(plan.outputs):
        yield f"  blendir::copy<{value.buffer.size}>({value.buffer.name}, y{index});"


def check_lines(weights: bytes) -> Iterable[str]:
    """
    The function that compares the size and the CRC-32 of the weights.
    """
    yield from [
        'extern "C" int network_check(void) {',
        f"  if (network_weights_end - network_weights != {len(weights)}) return 0;",
        "  std::uint32_t crc = 0xFFFFFFFF;",
        "  for (const unsigned char* p = network_weights; p != network_weights_end; ++p) {",
        "    crc ^= *p;",
        "    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);",
        "  }",
        f"  return ~crc == 0x{zlib.crc32(weights):08X};",
        "}",
    ]


def network_text(plan: Plan) -> str:
    """
    `network.cpp`.
    """
    outputs, (weights, offsets) = plan.outputs, weights_file(plan)
    frame = f"const network_input* x, {', '.join(parameters(plan))}"
    state = ["  const blendir::TileState state;"] if plan.prepared else []
    steps = ", ".join(f"y{i} + n * NETWORK_OUTPUT{i}_ELEMENTS" for i in range(len(outputs)))
    return "\n".join([
        "// A network for CPUs: one call of a kernel for each layer, on planes [channels][rows][columns] of integers.",
        '#include "network.h"',
        "",
        *(f'#include "{LIBRARY}/{name}.hpp"' for name in HEADERS),
        "",
        '__asm__(".section .rodata\\n.balign 64\\nnetwork_weights:\\n.incbin \\"weights.bin\\"\\n"',
        '        "network_weights_end:\\n.text\\n");',
        'extern "C" __attribute__((visibility("hidden"))) const unsigned char network_weights[],',
        "    network_weights_end[];",
        "",
        *check_lines(weights),
        "",
        "// With BLENDIR_TRACE, network_trace also writes the result of every layer.",
        "#ifdef BLENDIR_TRACE",
        "#define BLENDIR_KEEP(offset, from, bytes) std::memcpy(trace + (offset), from, bytes)",
        "#define BLENDIR_KEEP_BLOCK(offset, pixels, block) \\",
        "  blendir::keep_block<pixels>(block, trace + (offset), o, p)",
        "#else",
        "#define BLENDIR_KEEP(offset, from, bytes)",
        "#define BLENDIR_KEEP_BLOCK(offset, pixels, block)",
        "#endif",
        "",
        "// With BLENDIR_PROFILE, network_times adds up the nanoseconds of each step.",
        "#ifdef BLENDIR_PROFILE",
        "#include <chrono>",
        f'extern "C" double network_times[{max(len(plan.steps), 1)}];',
        f"double network_times[{max(len(plan.steps), 1)}];",
        "static std::chrono::steady_clock::time_point network_last;",
        "static void network_done(int step) {",
        "  const auto now = std::chrono::steady_clock::now();",
        "  if (step >= 0) network_times[step] += std::chrono::duration<double, std::nano>(now - network_last).count();",
        "  network_last = now;",
        "}",
        "#define BLENDIR_DONE(step) network_done(step)",
        "#else",
        "#define BLENDIR_DONE(step)",
        "#endif",
        "",
        "namespace {",
        "",
        "namespace tables {",
        *table_lines(plan, offsets),
        *(f"const auto* const {name} = {call}" for name, call in plan.prepared.items()),
        "}  // namespace tables",
        "",
        f"void run_frame({frame}, char* arena, [[maybe_unused]] char* trace) {{",
        *frame_lines(plan),
        "}",
        "",
        "}  // namespace",
        "",
        f'extern "C" {signature(plan)} {{',
        *state,
        "  for (size_t n = 0; n < frames; ++n)",
        f"    run_frame(x + n * NETWORK_INPUT_ELEMENTS, {steps}, static_cast<char*>(arena), nullptr);",
        "}",
        "",
        "#ifdef BLENDIR_TRACE",
        f'extern "C" void network_trace({frame}, size_t frames, void* arena, char* trace) {{',
        *state,
        "  for (size_t n = 0; n < frames; ++n)",
        f"    run_frame(x + n * NETWORK_INPUT_ELEMENTS, {steps}, static_cast<char*>(arena),",
        "              trace + n * NETWORK_TRACE_BYTES);",
        "}",
        "#endif",
        "",
    ])  # fmt: skip


def main_text(plan: Plan) -> str:
    """
    `main.cpp`.
    """
    count = range(len(plan.outputs))
    shapes = [", ".join(map(str, value.shape)) for value in plan.outputs]
    values = {
        "@COUNT": str(len(count)),
        "@NAMES": " ".join(f"Y{i}.npy" if len(count) > 1 else "Y.npy" for i in count),
        "@BUFFERS": "\n".join(
            f"  std::vector<network_output{i}> y{i}(frames * NETWORK_OUTPUT{i}_ELEMENTS);" for i in count
        ),
        "@POINTERS": ", ".join(f"y{i}.data()" for i in count),
        "@WRITES": "\n".join(
            f'  write_npy(argv[{2 + i}], y{i}, frames, "{shapes[i]}", NETWORK_OUTPUT{i}_FRAC);' for i in count
        ),
    }
    text = (PACKAGE / "templates" / "main.cpp").read_text()
    for key, value in values.items():
        text = text.replace(key, value)
    return text


def source_files(plan: Plan) -> dict[str, str | bytes]:
    """
    Everything that the network needs to be compiled, by its path.
    """
    return {
        "network.h": header_text(plan),
        "network.cpp": network_text(plan),
        "weights.bin": weights_file(plan)[0],
        **library_files(),
    }


def project_files(plan: Plan) -> dict[str, str | bytes]:
    """
    The same with a program and a Makefile.
    """
    makefile = (PACKAGE / "templates" / "Makefile").read_text()
    return {**source_files(plan), "main.cpp": main_text(plan), "Makefile": makefile}
