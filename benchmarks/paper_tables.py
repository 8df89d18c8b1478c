"""
Sizes and operations of the BlendNet paper's networks: counted from our IR, printed in the paper, and by the counting
convention that gives the printed figures.

    python benchmarks/paper_tables.py     # prints the tables of docs/paper-tables.md; takes minutes
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import Any

from blendir.models.mixer import B4, DOUBLE_S4, S4, MixerConfig
from blendir.tools.zoo import model_rows

PATCH_VALUES, CLASSES = 3 * 4 * 4, 10
WORD, FIXED_FC = 2, 1
"""Bytes of a fixed-point number, and of a weight of a fixed-point layer in a mixing block as the paper counts it."""
BINARY = {"BB": 2, "FPB": 1, "BFP": 1, "FPFP": 0}
"""Binary layers of a mixing block."""


@dataclass(frozen=True)
class Row:
    """
    A network of tables IV and VI: its name in the zoo, its geometry and what the paper prints, as text.
    """

    name: str
    config: MixerConfig
    kinds: tuple[str, str]
    """The layers that mix along the patches and along the channels."""
    size: str
    """Megabytes."""
    fpmac: str
    """In units of 1e8, like the next."""
    bmac: str


ROWS = (
    Row("mlpmixer-s4", S4, ("FPFP", "FPFP"), "2.5", "0.76", "0"),
    Row("binarymixer-s4", S4, ("BB", "BB"), "0.41", "0.005", "0.75"),
    Row("blendmixer-s4", S4, ("BB", "BB"), "0.15", "0.005", "0.75"),
    Row("mlpmixer-b4", B4, ("FPFP", "FPFP"), "8.41", "3.83", "0"),
    Row("binarymixer-b4", B4, ("BB", "BB"), "1.07", "0.015", "3.82"),
    Row("blendmixer-b4", B4, ("BB", "BB"), "0.49", "0.015", "3.82"),
    Row("blendmixer-2s4", DOUBLE_S4, ("BB", "BB"), "0.58", "0.021", "6.03"),
    Row("blendmixer-2s4-bb-fpb", DOUBLE_S4, ("BB", "FPB"), "2.42", "0.063", "3.36"),
    Row("blendmixer-2s4-bb-bfp", DOUBLE_S4, ("BB", "BFP"), "2.42", "0.063", "3.36"),
    Row("blendmixer-2s4-fpb-bb", DOUBLE_S4, ("FPB", "BB"), "0.70", "0.023", "5.7"),
    Row("blendmixer-2s4-bfp-bb", DOUBLE_S4, ("BFP", "BB"), "0.70", "0.023", "5.7"),
)
NOT_REPRODUCED = {("mlpmixer-b4", "size"), ("binarymixer-b4", "fpmac"), ("blendmixer-b4", "fpmac")}
"""Printed figures that no convention below gives."""


def fc_weights(config: MixerConfig, tokens: int) -> tuple[int, int]:
    """
    The weights of one layer that mixes along the patches, and of one along the channels, in all mixing layers.
    """
    return config.layers * tokens * config.token_hidden, config.layers * config.channels * config.channel_hidden


def split(row: Row, tokens: int) -> tuple[int, int, int, int]:
    """
    The weights of binary and of fixed-point layers in mixing blocks, and their multiplications.
    """
    weights, work = [0, 0], [0, 0]
    repeated = row.config.channels, tokens
    for kind, each, repeats in zip(row.kinds, fc_weights(row.config, tokens), repeated, strict=True):
        for binary, layers in ((True, BINARY[kind]), (False, 2 - BINARY[kind])):
            weights[not binary] += layers * each
            work[not binary] += layers * each * repeats
    return weights[0], weights[1], work[0], work[1]


def border_macs(config: MixerConfig, tokens: int) -> int:
    """
    The multiplications of patch embedding and classifier.
    """
    return PATCH_VALUES * config.channels * tokens + CLASSES * config.channels


def true_macs(row: Row) -> tuple[int, int]:
    """
    BMAC and FPMAC of a frame, with the patches that an image has.
    """
    _, _, bmac, fpmac = split(row, row.config.patches)
    return bmac, fpmac + border_macs(row.config, row.config.patches)


# The paper's conventions, each with the number of patches that it takes for the one of table I.


def paper_bmac(row: Row) -> float:
    """
    As many patches as the hidden width of mixing along them.
    """
    return split(row, row.config.token_hidden)[2] / 1e8


def paper_fpmac(row: Row) -> float:
    """
    MLPMixer: all layers. The others: patch embedding, classifier, one multiplication per number for each of two norms
    in a layer, and for a fixed-point layer twice its weights instead of its multiplications.
    """
    config, tokens = row.config, row.config.token_hidden
    _, weights, _, work = split(row, tokens)
    if row.kinds == ("FPFP", "FPFP"):
        return (work + border_macs(config, tokens)) / 1e8
    norms = 2 * config.layers * tokens * config.channels
    return (border_macs(config, tokens) + norms + 2 * weights) / 1e8


def paper_size(row: Row, tokens: int, norm_words: bool) -> float:
    """
    Megabytes: bits of binary layers, 8-bit weights of fixed-point layers in mixing blocks (16-bit ones in MLPMixer), 16
    bits for patch embedding and classifier, and with `norm_words` a word for every number that a norm is applied to.
    """
    config = row.config
    binary, fixed, _, _ = split(row, tokens)
    per_weight = WORD if row.kinds == ("FPFP", "FPFP") else FIXED_FC
    words = (PATCH_VALUES + CLASSES) * config.channels
    norms = 2 * config.layers * tokens * config.channels * norm_words
    return (binary / 8 + per_weight * fixed + WORD * (words + norms)) / 1e6


def conventions(row: Row) -> dict[str, float]:
    """
    Each figure by the convention that gives the paper's figure or comes nearest to it. Only the size of BinaryMixer B/4
    uses the true number of patches.
    """
    tokens = row.config.patches if row.name == "binarymixer-b4" else row.config.token_hidden
    size = paper_size(row, tokens, norm_words=not row.name.startswith("blendmixer"))
    return {"size": size, "fpmac": paper_fpmac(row), "bmac": paper_bmac(row)}


def prints_as(value: float, text: str) -> bool:
    """
    Whether a value is a printed figure, rounded or cut off.
    """
    scale = 10 ** len(text.partition(".")[2])
    return round(float(text) * scale) in (round(value * scale), floor(value * scale))


def ours(counts: dict[str, Any]) -> dict[str, float]:
    """
    The figures counted from the IR, in the paper's units.
    """
    return {"size": counts["bytes"] / 1e6, "fpmac": counts["fpmac"] / 1e8, "bmac": counts["bmac"] / 1e8}


def main() -> None:
    counted = {row["name"]: row for row in model_rows([row.name for row in ROWS], quiet=False)}
    print("| | MB, paper | convention | here | FPMAC, paper | convention | here | BMAC, paper | convention | here |")
    print("|---|" + "--:|" * 9)
    for row in ROWS:
        found, by_convention = ours(counted[row.name]), conventions(row)
        assert (counted[row.name]["bmac"], counted[row.name]["fpmac"]) == true_macs(row), row.name
        cells = [f"`{row.name}`"]
        for figure, value in by_convention.items():
            printed: str = getattr(row, figure)
            mark = "" if prints_as(value, printed) else " (differs)"
            cells += [printed, f"{value:.4f}{mark}", f"{found[figure]:.4f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
