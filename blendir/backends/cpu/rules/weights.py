"""
Weights in the order in which the kernels read them.
"""

from __future__ import annotations

import numpy as np

from blendir.backends.cpu.storage import LANES, Array

ROWS = 4
"""Outputs whose weights meet a column at once; `products.hpp` says the same."""


def in_rows(weights: Array, groups: int) -> Array:
    """
    Weights [O, T] as [O / ROWS, T, ROWS], group by group.
    """
    outputs, taps = weights.shape
    each = outputs // groups
    steps = -(-each // ROWS)
    full = np.zeros((groups, steps * ROWS, taps), weights.dtype)
    full[:, :each] = weights.reshape(groups, each, taps)
    return full.reshape(groups * steps, ROWS, taps).transpose(0, 2, 1)


def in_lanes(weights: Array) -> Array:
    """
    Weights [O, T] as [O / LANES, T, LANES].
    """
    outputs, taps = weights.shape
    full = np.zeros((-(-outputs // LANES) * LANES, taps), weights.dtype)
    full[:outputs] = weights
    return full.reshape(-1, LANES, taps).transpose(0, 2, 1)


def in_pairs(weights: Array) -> Array:
    """
    16-bit numbers [O, T] as pairs of taps in 32 bits.
    """
    full = np.zeros((len(weights), -(-weights.shape[1] // 2) * 2), np.int16)
    full[:, : weights.shape[1]] = weights
    return full.view(np.uint32)
