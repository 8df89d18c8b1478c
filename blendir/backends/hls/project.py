"""
The files of an HLS project: sources, test bench, scripts and host code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from blendir.backends.hls.cpp_names import CppDesign, Output
from blendir.backends.hls.dataflow import check_dataflow, check_library
from blendir.backends.hls.pragmas import check_source
from blendir.backends.hls.print_cpp import HEADER, bounded_text, source_files
from blendir.backends.hls.xnor_project import xnor_files
from blendir.backends.target import Project
from blendir.hardware.processes import process_of

PACKAGE = files("blendir.backends.hls")
PROCESSES = (".hpp", "xnor_dsp.h")
REGIONS = ("top.cpp", "top_memory.cpp")


def check_sources(sources: Mapping[str, str]) -> None:
    """
    Every rule, on everything that is about to be written: of pragmas, of processes, of dataflow regions.
    """
    problems = [
        p for name, text in sources.items() if name.endswith((".cpp", ".h", ".hpp")) for p in check_source(text, name)
    ]
    problems += [p for name, text in sources.items() if name.endswith(PROCESSES) for p in check_library(text, name)]
    problems += [p for name in REGIONS for p in check_dataflow(sources[name], name)]
    if problems:
        raise AssertionError("the generated C++ breaks a rule: " + "; ".join(problems))


def library_files() -> dict[str, str]:
    """
    The header library.
    """
    folder = PACKAGE / "include" / "blendir"
    return {f"blendir/{entry.name}": entry.read_text() for entry in sorted(folder.iterdir(), key=lambda e: e.name)}


def project_files(design: CppDesign, project: Project) -> dict[str, str | bytes]:
    """
    Every file by its path.
    """
    goals = project.goals
    sources = source_files(design)
    rtl: dict[str, str] = {}
    if any(process_of(op).uses_dsp_xnor for op in design.processes):
        more, rtl = xnor_files(design)
        sources |= more
    sources["top_memory.cpp"] = boundary_template(design, "top_memory.cpp")
    check_sources(sources | library_files())
    boxes = sorted(name for name in rtl if name.endswith(".json"))
    values = {"part": goals.part.part, "period": f"{1000 / goals.clock:.3f}"}
    result: dict[str, str | bytes] = {f"src/{name}": text for name, text in (sources | library_files()).items()}
    result |= {f"rtl/{name}": text for name, text in rtl.items()}
    result |= {
        "Makefile": template("Makefile"),
        "run_hls.tcl": template("run_hls.tcl").format(
            **values, blackboxes="".join(f"add_files -blackbox rtl/{b}\n" for b in boxes)
        ),
        "hls_config.cfg": template("hls_config.cfg").format(
            **values, blackboxes="".join(f"syn.blackbox.file=rtl/{b}\n" for b in boxes)
        ),
        "tb/tb.cpp": HEADER + boundary_template(design, "tb.cpp"),
        "tb/bounded.cpp": bounded_text(design),
        "link.cfg": boundary_template(design, "link.cfg"),
        "host/host.cpp": boundary_template(design, "host/host.cpp"),
        "host/pack.py": boundary_template(design, "host/pack.py.in"),
        "tb/input.bin": design.input_bytes(project.vectors),
        "tb/golden.bin": design.golden_bytes(project.results),
    }
    return result


def template(name: str) -> str:
    """
    A file that ships with the backend.
    """
    return (PACKAGE / "templates" / name).read_text()


def boundary_template(design: CppDesign, name: str) -> str:
    """
    A file that ships with the backend, with the sizes of this design's input and output words.
    """
    source, outputs = design.units[design.source].config, design.outputs
    word, groups = source["NI"] // 8, -(-source["P"] // 64)
    sizes = {
        "INPUT_BITS": source["NI"],
        "INPUT_BYTES": source["P"] * word,
        "FRAME_BYTES": groups * 64 * word,
        "RESULT_BYTES": sum(result_bytes(output) for output in outputs),
    }
    return replaced(for_outputs(template(name), outputs), sizes)


def result_bytes(output: Output) -> int:
    """
    Bytes per frame of an output.
    """
    return output.words * output.bits // 8


def for_outputs(text: str, outputs: Sequence[Output]) -> str:
    """
    A template with the parts between `//@each` and `//@end` once for each output, and those of `//@several` only where
    there are several.
    """
    names = names_in_templates(outputs)
    kept: list[str] = []
    for part in re.split(r"(//@(?:each|several)\n.*?//@end\n)", text, flags=re.DOTALL):
        kind, _, body = part.partition("\n")
        body = body.removesuffix("//@end\n")
        if kind == "//@each":
            kept += [replaced(body, each) for each in names]
        elif kind != "//@several":
            kept.append(part)
        elif len(outputs) > 1:
            kept.append(body)
    wide = ",\n" + " " * 27
    joined = {
        "@COUNT": len(outputs),
        "@NAMES": ", ".join(output.name for output in outputs),
        "@FRAME": " + ".join(f"std::size_t({each['@SIZE']}) * {each['@BYTES']}" for each in names),
        "@RESULTS": wide.join(f"blendir::bits<OUT{each['@_']}_BITS>* results{each['@_']}" for each in names),
        "@STREAMS": ", ".join(f"out{each['@_']}" for each in names),
        "@OUTPUTS": ", ".join(f"output{each['@_']}" for each in names),
    }
    return replaced("".join(kept), joined)


def names_in_templates(outputs: Sequence[Output]) -> list[dict[str, object]]:
    """
    What stands for the marks of a template, for each output; several outputs are numbered.
    """
    found: list[dict[str, object]] = []
    before = 0
    for index, output in enumerate(outputs):
        several = len(outputs) > 1
        end = f"_{index}" if several else ""
        found.append({
            "@_": end, "@NAME": output.name, "@WORD": output.word, "@SIZE": output.size, "@BITS": output.bits,
            "@BYTES": f"OUT{end}_BYTES", "@OUTPUT_BITS": f"OUT{end}_BITS", "@RESULT": result_bytes(output),
            "@BUFFER": f"parts[{index}]" if several else "output", "@BUNDLE": index + 1,
            "@AFTER": f" + std::size_t(count) * {before}" if before else "",
        })  # fmt: skip
        before += result_bytes(output)
    return found


def replaced(text: str, values: Mapping[str, object]) -> str:
    """
    A text with values in place of their marks, longer marks first.
    """
    for key in sorted(values, key=len, reverse=True):
        text = text.replace(key, str(values[key]))
    return text
