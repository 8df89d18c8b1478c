"""
`fold-bn`: batch normalizations become thresholds, weights, biases and slopes (BlendNet, section IV-A and figure 4).

Affines move back into what produces them, then forward into what consumes them. With `residual=renormalize` the
pending affine of a residual stream is carried past the addition, so that identity skips need no multiplication; with
`residual=affine` it stays on the skip, as in figure 4(c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects.blend import AffineOp, BatchNormOp, Conv2dOp
from blendir.passes.fold.laws.backward import (
    AddOfAffine,
    AffineOfAdd,
    AffineOfAffine,
    AffineOfConv,
    AffineOfLinear,
    AffineOfPieces,
    AvgPoolIsExact,
    BatchNormIsAffine,
    PReluIsPieces,
    ReluIsPieces,
)
from blendir.passes.fold.laws.channel_gather import EXACT_GATHERS, GATHERS
from blendir.passes.fold.laws.forward import (
    AlikeAffine,
    AvgPoolOfAffine,
    ConcatOfAffine,
    ConvOfAffine,
    LinearOfAffine,
    MaxPoolOfAffine,
    PiecesOfAffine,
    ReshapeOfAffine,
)
from blendir.passes.fold.laws.functions import MultiplyOfScale
from blendir.passes.fold.laws.level_differences import SumOfFirstBit
from blendir.passes.fold.laws.level_products import LEVEL_PRODUCTS
from blendir.passes.fold.laws.levels import LEVELS, LevelsOfAffine, LevelsOfIntegers
from blendir.passes.fold.laws.scaled_levels import SCALED_LEVELS
from blendir.passes.fold.laws.thresholds import (
    SignIsThreshold,
    ThresholdOfActivations,
    ThresholdOfFunction,
    ThresholdOfIntegers,
    ThresholdOfMaxPool,
)
from blendir.passes.fold.laws.transposes import TRANSPOSES
from blendir.passes.fold.raise_binary import RAISE_PATTERNS

EXACT_LEVELS: tuple[type[RewritePattern], ...] = (*LEVELS, *SCALED_LEVELS, *LEVEL_PRODUCTS, SumOfFirstBit)
EXACT: tuple[type[RewritePattern], ...] = (
    *RAISE_PATTERNS,
    *TRANSPOSES,
    AlikeAffine,
    *EXACT_GATHERS,
    SignIsThreshold,
    ThresholdOfIntegers,
    LevelsOfIntegers,
    *EXACT_LEVELS,
)
BACKWARD: tuple[type[RewritePattern], ...] = (
    BatchNormIsAffine,
    ReluIsPieces,
    PReluIsPieces,
    AvgPoolIsExact,
    AlikeAffine,
    AffineOfAffine,
    AffineOfPieces,
    AffineOfConv,
    AffineOfLinear,
    AffineOfAdd,
)


FORWARD: tuple[type[RewritePattern], ...] = (
    ThresholdOfFunction,
    ThresholdOfMaxPool,
    MultiplyOfScale,
    LevelsOfAffine,
    PiecesOfAffine,
    ConvOfAffine,
    LinearOfAffine,
    AvgPoolOfAffine,
    MaxPoolOfAffine,
    ReshapeOfAffine,
    ConcatOfAffine,
)


class Fuel:
    """
    Bounds the number of rewrites: every law moves an affine or deletes it, so a net needs a few per operation.
    """

    def __init__(self, module: ModuleOp):
        self.left = 100 * (1 + sum(1 for _ in module.walk()))

    def burn(self, op: Operation) -> None:
        """
        Counts one visit.
        """
        self.left -= 1
        if self.left < 0:
            raise PassFailedException(f"fold-bn does not terminate near {op.name}; please report this module")


class Counted(RewritePattern):
    """
    A pattern that burns fuel at every visit.
    """

    def __init__(self, pattern: RewritePattern, fuel: Fuel):
        self.pattern, self.fuel = pattern, fuel

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        self.fuel.burn(op)
        self.pattern.match_and_rewrite(op, rewriter)


def rewrite(ctx: Context, module: ModuleOp, patterns: Sequence[type[RewritePattern]]) -> None:
    """
    Applies patterns to a fixpoint.
    """
    applier = GreedyRewritePatternApplier([p() for p in patterns], ctx=ctx)
    PatternRewriteWalker(Counted(applier, Fuel(module))).rewrite_module(module)


@dataclass(frozen=True)
class FoldBNPass(ModulePass):
    """
    Folds batch normalization into thresholds, weights and slopes.
    """

    name = "fold-bn"
    residual: Literal["renormalize", "affine"] = "renormalize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        laws = (*BACKWARD, *FORWARD, *RAISE_PATTERNS, *TRANSPOSES, *GATHERS, *EXACT_LEVELS)
        rewrite(ctx, op, EXACT)
        rewrite(ctx, op, (*EXACT, ThresholdOfActivations))
        rewrite(ctx, op, BACKWARD)
        rewrite(ctx, op, laws if self.residual == "affine" else (AddOfAffine, *laws))


class NormOfConv(BatchNormIsAffine):
    """
    `conv2d(batch_norm(x)) == conv2d(affine(x))`; a batch normalization that something else reads stays.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: BatchNormOp, rewriter: PatternRewriter) -> None:
        if all(isinstance(use.operation, Conv2dOp | AffineOp) for use in op.result.uses):
            super().match_and_rewrite(op, rewriter)


@dataclass(frozen=True)
class RemapPaddingPass(ModulePass):
    """
    Moves batch normalizations before convolutions into them, with the padding made explicit.
    """

    name = "remap-padding"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, (NormOfConv, AffineOfAffine, ConvOfAffine))
