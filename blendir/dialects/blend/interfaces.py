"""
What passes need to know of an operation to treat it like others of its kind.
"""

from __future__ import annotations

from abc import ABC

from blendir.dialects.blend.base import BlendOp


class Elementwise(BlendOp, ABC):
    """
    A function of the single elements of its first operand; its other operands are parameters along the property `axis`,
    or the same for all elements where there is none.
    """


class KeepsFormat(BlendOp, ABC):
    """
    An operation whose results are elements of its operands, or zeros, in the same format.
    """
