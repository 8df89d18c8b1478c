"""
Modules from text.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass
from typing import Any, NoReturn

from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, ModuleOp, StringAttr
from xdsl.parser import AttrParser, Parser
from xdsl.parser.generic_parser import ParserState
from xdsl.utils.exceptions import DiagnosticException, ParseError
from xdsl.utils.lexer import Input
from xdsl.utils.mlir_lexer import MLIRLexer, MLIRTokenKind, StringLiteral

HEXADECIMAL = re.compile(r"(-?)\s*0[xX]")


class ModuleLexer(MLIRLexer):
    """
    xDSL's lexer, which reads a string once, whether it has an end or not. Its own expression goes back over each part
    of a string without an end, in time that doubles with every character.
    """

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')


class ModuleParser(Parser):
    """
    xDSL's parser, in which some literals mean what they mean in MLIR: hexadecimal numbers of a float type are the bits
    of floats, elements of `dense<>` too, and a string with escapes is text where it is UTF-8.
    """

    def __init__(self, context: Context, text: str, name: str):
        super().__init__(context, "", name)
        self._parser_state = ParserState(ModuleLexer(Input(text, name)))

    @dataclass
    class _TensorLiteralElement(Parser._TensorLiteralElement):  # pyright: ignore[reportPrivateUsage]
        """
        An element before its type is known.
        """

        def to_type(self, parser: Any, type: Any) -> Any:
            """
            The element as a value of the type.
            """
            if isinstance(type, AnyFloat) and (found := HEXADECIMAL.match(self.span.text)) is not None:
                return bits_of(parser, self.value if not found[1] else -1, type, self.span.start)
            return super().to_type(parser, type)

    def parse_optional_builtin_int_or_float_attr(self) -> IntegerAttr | FloatAttr | None:
        """
        An attribute that is one number.
        """
        start = self.pos
        try:
            number = super().parse_optional_builtin_int_or_float_attr()
        except OverflowError:
            refuse_bits(self, start)
        found = HEXADECIMAL.match(self.lexer.input.content[start : self.pos].lstrip())
        if isinstance(number, FloatAttr) and found is not None and found[1]:
            refuse_bits(self, start)
        return number

    def parse_optional_str_literal(self) -> str | None:
        """
        A string, if there is one.
        """
        if self._current_token.kind is not MLIRTokenKind.BYTES_LIT:
            return super().parse_optional_str_literal()
        try:
            text = StringLiteral.from_span(self._current_token.span).bytes_contents.decode()
        except UnicodeDecodeError:
            return None
        self._consume_token(MLIRTokenKind.BYTES_LIT)
        return text

    def _parse_optional_string_attr(self) -> StringAttr | None:
        text = self.parse_optional_str_literal()
        return None if text is None else StringAttr(text)

    @classmethod
    def like(cls, parser: Parser) -> ModuleParser:
        """
        A parser that goes on where another one is, and takes it along.
        """
        twin = copy(parser)
        twin.__class__ = cls
        assert isinstance(twin, ModuleParser)
        return twin


def bits_of(parser: Any, value: Any, kind: Any, position: int) -> float:
    """
    The float of a type that has these bits.
    """
    try:
        raw = value.to_bytes(kind.compile_time_size, "little")
    except OverflowError:
        refuse_bits(parser, position)
    return next(kind.iter_unpack(raw))


def refuse_bits(parser: AttrParser, position: int) -> NoReturn:
    """
    A hexadecimal number that no float has.
    """
    parser.raise_error("a hexadecimal float is the bits of the float, without a sign and no wider than it", position)


def parse_text(context: Context, text: str, name: str, implicit: bool = True) -> ModuleOp:
    """
    A module from its text, not yet verified; `name` is for errors. Whatever xDSL's parser trips over is a ParseError or
    a ValueError with the line.
    """
    parser = ModuleParser(context, text, name)
    try:
        return parser.parse_module(implicit)
    except (ParseError, DiagnosticException, MemoryError):
        raise
    except RecursionError:
        reason = "it is nested too deeply"
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
    line = text.count("\n", 0, parser.pos) + 1
    raise ValueError(f"{name}:{line}: cannot be read: {reason}")
