"""
Whose fault an error is, and how names that nobody trusts are shown to people.
"""


class UserError(ValueError):
    """
    What the user gave is wrong; the text is one line that says what, where and what to do.

    Passes and the interpreter raise it where their input is at fault. Any other ValueError in them is a fault of
    blendir.
    """


def printable(text: str) -> str:
    """
    Text for a terminal or a page: of one line, without control characters and those that change the direction of
    writing; they are spelled as `<U+000A>`.
    """
    return "".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in text)
