"""
Backends: printing a scheduled [stream] module.
"""

from collections.abc import Callable

from xdsl.utils.target import Target


def get_all_targets() -> dict[str, Callable[[], type[Target]]]:
    """
    The targets by name, imported when asked for.
    """

    def get_blendir_hls() -> type[Target]:
        from blendir.backends.hls.target import HLSTarget

        return HLSTarget

    return {"blendir-hls": get_blendir_hls}
