"""
What every backend that prints C++ knows of the language.
"""

from __future__ import annotations

import re

KEYWORDS = frozenset(
    "alignas alignof and asm auto bool bitand bitor break case catch char class compl concat const constexpr continue "
    "decltype default delete do double else enum explicit export extern false float for friend goto if in inline int "
    "long main mutable namespace new noexcept not nullptr operator or out private protected public register return "
    "short signed sizeof static struct switch template this throw top true try typedef typeid typename union unsigned "
    "using virtual void volatile wchar_t while xor blendir std linux unix i386 assert errno stderr stdin stdout EOF "
    "INFINITY NAN NULL".split()
)
"""
Keywords, macros of the standard headers, and namespaces.
"""


def comment(text: str) -> str:
    """
    A layer within a `//` comment: printable ASCII of one line. Other characters, backslashes and the question marks of
    trigraphs, which could end the comment or go on with it in the next line, are spelled as `<U+000A>`.
    """
    return re.sub(r"[^ -\[\]-~]|\?(?=\?)", lambda found: f"<U+{ord(found[0]):04X}>", text)
