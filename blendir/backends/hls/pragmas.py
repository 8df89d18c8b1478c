"""
The grammar of HLS pragmas as data, and checks of single pragmas and of whole C++ files against it.

A line is parsed by `pragmas.lark` and compared with the table in `pragmas.json`. By default only spellings
that every tool version from 2020.2 to 2024.x takes are accepted.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from lark import Lark, Token
from lark.exceptions import UnexpectedInput

from blendir.backends.hls.cpp_scan import Block, Source, arguments, scan

_HERE = Path(__file__).parent
_PARSER = Lark((_HERE / "pragmas.lark").read_text(), parser="lalr")


class PragmaError(ValueError):
    """
    A pragma the tool would reject, ignore, or take only in some versions.
    """


@dataclass(frozen=True)
class Pragma:
    """
    A parsed pragma: names in lower case, values and bare words as written.
    """

    directive: str
    options: dict[str, str]
    words: tuple[str, ...]


class _Rule(TypedDict):
    options: dict[str, str | list[str]]
    required: NotRequired[list[str]]
    flags: NotRequired[list[str]]
    positional: NotRequired[list[str]]
    not_portable: NotRequired[dict[str, str]]
    recent_tools_only: NotRequired[bool]


class _Table(TypedDict):
    directives: dict[str, _Rule]
    removed: dict[str, str]


_TABLE: _Table = json.loads((_HERE / "pragmas.json").read_text())
_KINDS = {
    "name": (re.compile(r"[A-Za-z_][\w.:>-]*(\[\w+\])*"), "a name"),
    "int": (re.compile(r"-?\d+"), "an integer"),
    "count": (re.compile(r"0*[1-9]\d*|.*[A-Za-z_(].*"), "at least 1"),
    "expr": (re.compile(r"[\w:+*/%()<>,. -]+"), "an integer expression"),
    "any": (re.compile(r".+"), "a value"),
}


def _fail(directive: str, problem: str, remedy: str) -> PragmaError:
    return PragmaError(f"pragma {directive}: {problem}; {remedy}")


def parse_pragma(text: str) -> Pragma:
    """
    Split a `#pragma HLS ...` line into its parts; no table is consulted.
    """
    try:
        tree = _PARSER.parse(text.strip())  # pyright: ignore[reportUnknownMemberType]
    except UnexpectedInput as error:
        at = getattr(error, "column", 0)
        problem = f"pragma {text.strip()!r}: syntax error at column {at}"
        raise PragmaError(f"{problem}; write '#pragma HLS name option=value'") from None
    directive = str(tree.children[0]).lower()
    options: dict[str, str] = {}
    words: list[str] = []
    for item in tree.children[1:]:
        assert not isinstance(item, Token)
        name, *value = map(str, item.children)
        if name.lower() in options or name.lower() in words:
            raise _fail(directive, f"{name} is given twice", "keep one")
        if value:
            options[name.lower()] = value[0]
        else:
            words.append(name)
    return Pragma(directive, options, tuple(words))


def check_pragma(text: str, portable: bool = True) -> None:
    """
    Raise `PragmaError` unless the line is a valid pragma, by default in its portable spelling.
    """
    pragma = parse_pragma(text)
    name = pragma.directive
    if name in _TABLE["removed"]:
        raise _fail(name, "only the older Vivado HLS knows it", f"use {_TABLE['removed'][name]}")
    if name not in _TABLE["directives"]:
        raise _fail(name, "unknown directive", f"known are {', '.join(_TABLE['directives'])}")
    rule = _TABLE["directives"][name]
    if portable:
        _check_spelling(pragma, rule)
    values, flags = _resolve(pragma, rule, portable)
    for option in rule.get("required", ()):
        if option not in values:
            raise _fail(name, f"{option}= is missing", f"add {option}=...")
    if name in _CROSS_RULES:
        _CROSS_RULES[name](name, values, flags)


def _check_spelling(pragma: Pragma, rule: _Rule) -> None:
    if rule.get("recent_tools_only", False):
        raise _fail(pragma.directive, "tools before 2022 do not know it", "leave the pragma out")
    remedies = rule.get("not_portable", {})
    used = [(f"{key}=", value) for key, value in pragma.options.items()]
    for key, value in [*used, *((word.lower(), word) for word in pragma.words)]:
        if key in remedies:
            raise _fail(pragma.directive, f"{key} is not portable", remedies[key].format(value=value))


def _resolve(pragma: Pragma, rule: _Rule, portable: bool) -> tuple[dict[str, str], set[str]]:
    """
    All options by name, positional words among them, and the flags.
    """
    values: dict[str, str] = {}
    for key, value in pragma.options.items():
        values[key] = _check_value(pragma.directive, rule, key, value, portable)
    flags: set[str] = set()
    positional = {item.lower(): key for key in rule.get("positional", ()) for item in rule["options"][key]}
    for word in pragma.words:
        key = positional.get(word.lower(), "")
        if word.lower() in rule.get("flags", ()):
            flags.add(word.lower())
        elif not key:
            listed = ", ".join([*rule.get("flags", ()), *positional]) or "none"
            raise _fail(pragma.directive, f"unknown word {word}", f"allowed words: {listed}")
        elif key in values:
            raise _fail(pragma.directive, f"{word} repeats {key} {values[key]}", "keep one")
        else:
            values[key] = _check_value(pragma.directive, rule, key, word, portable)
    return values, flags


def _check_value(directive: str, rule: _Rule, key: str, value: str, portable: bool) -> str:
    if key not in rule["options"]:
        if key in rule.get("flags", ()):
            raise _fail(directive, f"{key} takes no value", f"write the bare word {key}")
        listed = ", ".join(rule["options"]) or "none"
        raise _fail(directive, f"unknown option {key}=", f"allowed options: {listed}")
    allowed = rule["options"][key]
    if isinstance(allowed, list):
        for item in allowed:
            if value == item or (not portable and value.lower() == item.lower()):
                return item
        raise _fail(directive, f"{key} cannot be {value}", f"choose one of {', '.join(allowed)}")
    pattern, words = _KINDS[allowed]
    if not pattern.fullmatch(value):
        raise _fail(directive, f"{key}={value}", f"{key} must be {words}")
    return value


def _partition(name: str, values: dict[str, str], flags: set[str]) -> None:
    kind = values.get("type", "").lower()
    if values.get("off") == "true":
        return
    if not kind:
        raise _fail(name, "no kind is given", "add complete, cyclic or block")
    if kind == "complete" and "factor" in values:
        raise _fail(name, "factor= does not go with complete", "remove factor=")
    if kind != "complete" and "factor" not in values:
        raise _fail(name, f"{kind} needs a factor", "add factor=N")


def _bind_op(name: str, values: dict[str, str], flags: set[str]) -> None:
    if values["op"] not in ("add", "sub", "mul"):
        return
    if values["impl"] not in ("fabric", "dsp"):
        raise _fail(name, f"impl={values['impl']} is for floating point", "choose fabric or dsp")
    latency = int(values.get("latency", "-1"))
    if not -1 <= latency <= 4:
        raise _fail(name, f"latency={latency} is out of range", "choose -1 to 4")
    if values["op"] == "sub" and values["impl"] == "dsp" and latency > 0:
        raise _fail(name, f"sub on dsp has no latency {latency}", "write latency=0 or leave it out")


def _bind_storage(name: str, values: dict[str, str], flags: set[str]) -> None:
    is_fifo, impl = values["type"] == "fifo", values.get("impl", "auto")
    if is_fifo and impl not in ("bram", "lutram", "uram", "memory", "srl", "auto"):
        raise _fail(name, f"a fifo cannot be {impl}", "choose bram, lutram, uram, memory or srl")
    if not is_fifo and impl in ("srl", "memory"):
        raise _fail(name, f"{values['type']} cannot be {impl}", "choose bram, lutram or uram")


def _pipeline(name: str, values: dict[str, str], flags: set[str]) -> None:
    if values.get("style") == "frp" and ("rewind" in flags or values.get("rewind") == "true"):
        raise _fail(name, "style=frp conflicts with rewind", "remove one of them")
    if "off" in flags and (values or flags != {"off"}):
        raise _fail(name, "off goes with nothing else", "keep off alone, or remove it")


def _dependence(name: str, values: dict[str, str], flags: set[str]) -> None:
    if "variable" in values and "class" in values:
        raise _fail(name, "variable= and a class exclude each other", "keep one")
    if "dependent" not in values:
        raise _fail(name, "it does not say whether there is a dependence", "add true or false")


def _interface(name: str, values: dict[str, str], flags: set[str]) -> None:
    if "mode" not in values:
        raise _fail(name, "no mode is given", "add a mode word such as axis, s_axilite or ap_ctrl_hs")
    if values["mode"] == "m_axi" and values.get("offset", "slave") not in ("off", "direct", "slave"):
        raise _fail(name, f"offset={values['offset']} on m_axi", "choose off, direct or slave")


_CROSS_RULES: dict[str, Callable[[str, dict[str, str], set[str]], None]] = {
    "array_partition": _partition,
    "array_reshape": _partition,
    "bind_op": _bind_op,
    "bind_storage": _bind_storage,
    "dependence": _dependence,
    "interface": _interface,
    "pipeline": _pipeline,
}


def check_source(text: str, path: str) -> list[str]:
    """
    The problems of all pragmas of a C++ file, alone and in their scope, as `path:line: message`.

    The top function is taken to be one that is no template and that nothing in the file calls.
    """
    if "pragma" not in text.lower():  # tables are long
        return []
    source = scan(text)
    problems: list[str] = []
    for position, line in source.pragmas:
        try:
            check_pragma(line)
            found = list(_scope_problems(source, position, parse_pragma(line)))
        except PragmaError as error:
            found = [str(error)]
        problems += [f"{path}:{source.line(position)}: {problem}" for problem in found]
    return problems


def _scope_problems(source: Source, position: int, pragma: Pragma) -> Iterator[str]:
    function = source.function_at(position)
    if function is None:
        yield f"pragma {pragma.directive}: outside any function; move it into the scope it is meant for"
        return
    here, known = function.name, arguments(function)
    variable = pragma.options.get("variable", pragma.options.get("port", ""))
    if pragma.directive == "pipeline" and _is_dataflow(source, function):
        yield f"pragma pipeline: {here} is a dataflow function; pipeline the loops of its processes"
    if pragma.directive == "stream" and variable in known:
        yield f"pragma stream: {variable} is an argument of {here}; set the depth where it is declared"
    if pragma.directive == "interface":
        if function.is_template or _is_called(source, function):
            yield f"pragma interface: {here} is not the top function; move it to the top function"
        elif variable not in known and variable != "return":
            yield f"pragma interface: {here} has no argument {variable}; name an argument or return"


def _is_dataflow(source: Source, function: Block) -> bool:
    lines = (line for at, line in source.pragmas if source.function_at(at) is function)
    return any(re.match(r"#\s*pragma\s+HLS\s+dataflow\b", line, re.IGNORECASE) for line in lines)


def _is_called(source: Source, function: Block) -> bool:
    calls = re.finditer(rf"(?<![\w.]){re.escape(function.name)}\s*[<(]", source.text)
    return any(source.function_at(call.start()) not in (None, function) for call in calls)
