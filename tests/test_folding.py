"""
The arithmetic of the folding laws: compositions of functions, and thresholds decided over every integer.
"""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from blendir.interpreter.kernels import border_map, convolve
from blendir.numerics import WindowAxis, border_classes
from blendir.passes.fold.channelwise import (
    Affine,
    FoldedConv,
    Pieces,
    fold_into_conv,
)

EIGHTHS = st.integers(-32, 32).map(lambda n: n / 8)
AFFINES = st.tuples(EIGHTHS, EIGHTHS, EIGHTHS).map(lambda p: Affine(*(np.array([v]) for v in p)))
POINTS = np.arange(-80, 81) / 8


def apply(affine: Affine, x: np.ndarray) -> np.ndarray:
    return (x - affine.center) * affine.scale + affine.offset


@given(AFFINES, AFFINES)
def test_affine_then(inner: Affine, outer: Affine) -> None:
    both = inner.then(outer)
    assert np.allclose(apply(both, POINTS), apply(outer, apply(inner, POINTS)), rtol=1e-12, atol=1e-9)
    assert np.allclose(apply(inner, np.zeros(1)), inner.shift)


def test_affine_then_keeps_the_zero_crossing() -> None:
    inner = Affine(np.array([3.0]), np.array([0.1]), np.array([0.0]))
    both = inner.then(Affine(np.array([0.0]), np.array([0.3]), np.array([0.0])))
    assert (both.center[0], both.offset[0]) == (3.0, 0.0)


@given(AFFINES, EIGHTHS)
def test_affine_preimage(affine: Affine, value: float) -> None:
    x = affine.preimage(value)
    if affine.scale[0] == 0:
        assert not np.isfinite(x).all()
    else:
        assert np.allclose(apply(affine, x), value, atol=1e-9)


@st.composite
def continuous_pieces(draw: st.DrawFn, monotone: bool = False) -> Pieces:
    k, a0, a1, level = (draw(EIGHTHS) for _ in range(4))
    assume(not monotone or a0 * a1 >= 0)
    return Pieces(*(np.array([v]) for v in (k, a0, level - a0 * k, a1, level - a1 * k)))


@given(continuous_pieces(), AFFINES)
def test_pieces_after_and_then(pieces: Pieces, affine: Affine) -> None:
    assert pieces.is_continuous
    after, then = pieces.after(affine), pieces.then(affine)
    assert np.allclose(after(POINTS), pieces(apply(affine, POINTS)), atol=1e-9)
    assert np.allclose(then(POINTS), apply(affine, pieces(POINTS)), atol=1e-9)


@given(st.tuples(*[EIGHTHS] * 5), AFFINES)
def test_jumping_pieces_after_rising_affines(numbers: tuple[float, ...], affine: Affine) -> None:
    pieces = Pieces(*(np.array([v]) for v in numbers))
    rising = Affine(affine.center, np.array([2.0]), affine.offset)
    assert np.array_equal(pieces.after(rising)(POINTS), pieces(apply(rising, POINTS)))
    constant = Affine(affine.center, np.zeros(1), affine.offset)
    assert np.array_equal(pieces.after(constant)(POINTS), pieces(apply(constant, POINTS)))


@given(st.tuples(*[EIGHTHS] * 5), EIGHTHS, st.integers(0, 64))
def test_pieces_bounds(numbers: tuple[float, ...], low: float, size: int) -> None:
    pieces = Pieces(*(np.array([v]) for v in numbers))
    high = low + size / 8
    least, most = pieces.bounds(np.array([low]), np.array([high]))
    inside = pieces(POINTS[(POINTS >= low) & (POINTS <= high)])
    if inside.size:
        assert least[0] <= inside.min()
        assert inside.max() <= most[0]
    if pieces.is_continuous:
        ends = pieces(np.array([low, high, min(max(low, numbers[0]), high)]))
        assert (least[0], most[0]) == (ends.min(), ends.max())


CASES = st.tuples(
    *(st.integers(*ends) for ends in ((1, 3), (0, 3), (0, 3), (1, 2), (1, 2), (3, 6), (3, 6), (0, 999)))
).filter(lambda c: min(c[5:7]) + c[1] + c[2] > (c[0] - 1) * c[4])


@given(CASES, st.booleans(), st.booleans(), st.booleans())
def test_fold_into_conv(case: tuple[int, ...], zero_scale: bool, given_pad: bool, mapped: bool) -> None:
    kernel, padding, after, stride, dilation, height, width, seed = case
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 3, height, width))
    weight = rng.normal(size=(2, 3, kernel, kernel))
    axis = WindowAxis(kernel, stride, padding, after, dilation)
    taps = [border_classes(size, axis)[1] for size in (height, width)]
    bias = rng.normal(size=(2, len(taps[0]), len(taps[1])) if mapped else 2)
    pad = rng.normal(size=3) if given_pad else None
    inner = Affine(
        rng.normal(size=3), np.where([zero_scale, False, False], 0.0, rng.normal(size=3)), rng.normal(size=3)
    )

    def value(conv: FoldedConv, frames: np.ndarray) -> np.ndarray:
        total = convolve(frames, conv.weight, (axis, axis), conv.pad)
        return total + border_map(conv.bias, frames.shape, (axis, axis))

    conv = FoldedConv(weight, bias, pad)
    wanted = value(
        conv, inner_frames := (x - per_channel(inner.center)) * per_channel(inner.scale) + per_channel(inner.offset)
    )
    assert inner_frames.shape == x.shape
    for possible in (True, False):
        folded = fold_into_conv(conv, inner, padding + after > 0, (taps[0], taps[1]), lambda _, p=possible: p)
        assert np.allclose(value(folded, x), wanted, atol=1e-9)
        if padding or after:
            assert (folded.pad is not None) == (possible and not zero_scale)
            assert folded.bias.ndim == (3 if mapped or not possible or zero_scale else 1)
        else:
            assert folded.pad is None


def per_channel(values: np.ndarray) -> np.ndarray:
    return values[:, None, None]
