"""
Dialects: what a network is, as tensors (`blend`) and as hardware processes (`stream`).
"""

from collections.abc import Callable

from xdsl.ir import Dialect


def get_all_dialects() -> dict[str, Callable[[], Dialect]]:
    """
    The dialects by name, imported when asked for.
    """

    def get_blend() -> Dialect:
        from blendir.dialects.blend import Blend

        return Blend

    def get_stream() -> Dialect:
        from blendir.dialects.stream import Stream

        return Stream

    return {"blend": get_blend, "stream": get_stream}
