"""
What the leaves of a design cost, as functions of their widths.

The constants are fitted to Yosys 0.70 (synth_xilinx -family xcup, before placement) on the kernels of
benchmarks/resources, unless another source is named; docs/resources.md lists both side by side. Yosys never packs two
small functions into one LUT6, as placement would, so LUTs err on the high side.
"""

from __future__ import annotations

from collections import Counter

Cost = Counter[str]

DSP_WIDE, DSP_NARROW = 27, 18
"""Signed operands of a DSP48E2 (AMD UG579)."""
ROM_LUT_BITS = 64
"""Of a LUT6 as ROM; up to half that depth it holds two columns (AMD UG574)."""
ROM_MUX_DEPTH = 256
"""What MUXF7 and MUXF8 join; deeper ROMs take two LUTs per bit and that depth to choose."""
ROM_SHARED_DEPTH = 8
"""Up to here a ROM has fewer distinct columns than bits, and equal columns are one."""
RAM_COLUMN_BITS, RAM_COLUMN_LUTS, RAM_COLUMN_DEPTH = 14, 8, 32
"""A RAM32M16; as RAM64M8 it has twice the depth and half the bits."""
LUTRAM_DEPTH = 64
"""Deeper memories go to block RAM."""
BRAM_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
"""Columns and rows of an 18 Kbit block RAM with one port to write and one to read (AMD UG573)."""
SRL_DEPTH = 32
"""Of a LUT as shift register; one of half the depth takes half a LUT (AMD UG574)."""
SRL_MUX_DEPTH = 128
"""What MUXF7 and MUXF8 join; deeper FIFOs take a LUT per bit and that depth."""
COMPARE_LUT = 0.75
"""Per bit of a comparison of two variables."""
COMPARE_CONSTANT_LUT = 0.35
"""Per bit of a comparison with a constant."""
MASKED_LUT = 0.36
"""Per bit of a window whose taps are 0 outside the frame and which leaves in several beats; in one beat, the taps are
cleared by the reset of their registers."""
MUX_LUT = 0.45
"""Per bit of a window without padding that leaves in beats."""
ROOT_BITS, ROOT_SEEDS = 18, 384
"""Of a reciprocal root's mantissa with its sign, and of its table."""
CONTROL: Cost = Counter({"lut": 48, "ff": 102})
"""Of a process: start and done, the loop counter, position counters, handshakes, a valid bit per stage."""
FIFO_CONTROL: Cost = Counter({"lut": 10, "ff": 6})
BLOCK_FIFO_CONTROL: Cost = Counter({"lut": 20, "ff": 30})


def scaled(cost: Cost, count: int) -> Cost:
    """
    Several of the same.
    """
    return Counter({kind: number * count for kind, number in cost.items()})


def adders(values: int, width: int) -> Cost:
    """
    Pairwise sums of `values` numbers of `width` bits, with a register after each level: a LUT per bit of a sum.
    """
    cost: Cost = Counter()
    while values > 1:
        cost["lut"] += values // 2 * width
        values, width = -(-values // 2), width + 1
        cost["ff"] += values * width
    return cost


def popcount(lanes: int) -> Cost:
    """
    Three LUT6 for each six lanes, then sums. XORs with constants, or behind the choice between a fresh and a held
    vector, add nothing to it.
    """
    groups = -(-lanes // 6)
    return Counter({"lut": 3 * groups, "ff": 3 * groups}) + adders(groups, 3)


def differences(lanes: int) -> Cost:
    """
    XORs with weights from a memory and their population count: two LUT6 for each three lanes make the digits of their
    count, which are counted apart.
    """
    groups = -(-lanes // 3)
    total = lanes.bit_length()
    return scaled(popcount(groups), 2) + Counter({"lut": 2 * groups + total, "ff": 2 * groups + total})


def accumulator(count_bits: int, width: int, beats: int) -> Cost:
    """
    Sums over the beats of a vector, then `base - 2 * count`.
    """
    cost: Cost = Counter({"lut": width, "ff": width})
    return cost + Counter({"lut": count_bits, "ff": count_bits}) if beats > 1 else cost


def multiplier(a: int, b: int) -> int:
    """
    DSPs of a product of signed numbers.
    """
    narrow, wide = sorted((a, b))
    if narrow <= DSP_NARROW and wide <= DSP_WIDE:
        return 1
    return -(-(narrow - 1) // (DSP_NARROW - 1)) * -(-(wide - 1) // (DSP_WIDE - 1))


def products(count: int, a: int, b: int) -> Cost:
    """
    A sum of products: a DSP each, of which every second one also adds the product before it, and sums in LUTs.
    """
    return Counter({"dsp": count * multiplier(a, b)}) + adders(-(-count // 2), a + b + (count > 1))


def block_ram(depth: int, width: int) -> Cost:
    """
    Block RAMs side by side and on top of each other, in the shape that takes fewest.
    """
    return Counter({"bram18": min(-(-width // columns) * -(-depth // rows) for columns, rows in BRAM_SHAPES)})


def rom(depth: int, width: int, storage: str) -> Cost:
    """
    A read-only memory with a registered output; of depth 1 it is constants.
    """
    if depth == 1:
        return Counter()
    if storage == "bram":
        return block_ram(depth, width)
    if depth <= ROM_SHARED_DEPTH:
        width = min(width, 2**depth)
    if depth <= ROM_LUT_BITS // 2:
        return Counter({"lut": 0 if depth <= 4 else -(-width // 2), "ff": width})
    muxes = 2 * (-(-depth // ROM_MUX_DEPTH) - 1)
    return Counter({"lut": width * (-(-depth // ROM_LUT_BITS) + muxes), "ff": width})


def ram(depth: int, width: int) -> Cost:
    """
    A memory that is written and read in the same cycle.
    """
    if depth > LUTRAM_DEPTH:
        return block_ram(depth, width)
    columns = -(-width // (RAM_COLUMN_BITS // -(-depth // RAM_COLUMN_DEPTH)))
    return Counter({"lut": RAM_COLUMN_LUTS * columns, "ff": width})


def frame_memory(depth: int, width: int) -> Cost:
    """
    A memory that is written and read in the same cycle, and its two addresses.
    """
    addresses: Cost = Counter({"lut": 2 * depth.bit_length(), "ff": 2 * depth.bit_length()})
    if depth <= LUTRAM_DEPTH:
        return ram(depth, width) + addresses
    return block_ram(depth, width) + addresses


def compare(width: int, constant: bool) -> Cost:
    """
    A comparison and its inversion.
    """
    return Counter({"lut": round((COMPARE_CONSTANT_LUT if constant else COMPARE_LUT) * width), "ff": 1})


def larger(width: int, place: int) -> Cost:
    """
    The larger of two variables with its place.
    """
    return compare(width, constant=False) + Counter({"lut": width + place, "ff": width + place})


def narrow(width: int, shift: int, result: int) -> Cost:
    """
    Half-up rounding, which is carries only, and saturation.
    """
    return Counter({"lut": result - 1, "ff": width - shift + 1 + result})


def piecewise(x: int, slope: int, offset: int, shift: int, result: int, constant: bool) -> Cost:
    """
    Compare, multiply and add in a DSP, round, saturate; the comparison is an address bit of slopes and offsets.
    """
    cost = compare(x, constant) + narrow(max(x + slope, offset) + 1, shift, result)
    return cost + Counter({"dsp": multiplier(slope, x), "ff": x})


def add(width: int, shift: int, result: int) -> Cost:
    """
    A sum of aligned numbers of `width` bits, rounded and saturated.
    """
    return Counter({"lut": width - shift, "ff": width}) + narrow(width, shift, result)


def product(a: int, b: int, shift: int, result: int) -> Cost:
    """
    A product of two values, rounded and saturated; one of up to two bits chooses between few multiples.
    """
    unit: Cost = Counter({"lut": max(a, b)} if min(a, b) <= 2 else {"dsp": multiplier(a, b)})
    return unit + Counter({"ff": a + b}) + narrow(a + b, shift, result)


def shift_registers(width: int, depth: int) -> int:
    """
    LUTs of shift registers: one of half a LUT's depth takes half of it.
    """
    return -(-width // 2) if depth <= SRL_DEPTH // 2 else width * -(-depth // SRL_DEPTH)


def delay(width: int, beats: int) -> Cost:
    """
    A delay line, in registers or shift registers, whose input is what leaves it or something new.
    """
    held: Cost = Counter({"ff": width}) if beats == 1 else Counter({"lut": shift_registers(width, beats)})
    return held + Counter({"lut": width})


def barrel(width: int, places: int) -> Cost:
    """
    A shift by 0 .. places - 1: a LUT chooses between four.
    """
    levels = -(-(places - 1).bit_length() // 2)
    return Counter({"lut": width * levels, "ff": width})


def standardized(x: int, count_bits: int, result: int, spread: int) -> Cost:
    """
    An element's part in the sums of a layer normalization, and its deviation times the reciprocal root.
    """
    total = x + count_bits + 1
    cost: Cost = Counter({"dsp": multiplier(x, x) + multiplier(total, ROOT_BITS), "lut": 3 * total, "ff": 4 * total})
    return cost + barrel(total + ROOT_BITS, spread // 2) + Counter({"lut": result, "ff": result})


def reciprocal_root(width: int) -> Cost:
    """
    The spread of a position, of `width` bits, and its reciprocal root: one seed and one Newton step.
    """
    half = -(-width // 2)
    products = multiplier(half, half) + multiplier(13, 13) + multiplier(25, 26) + multiplier(13, 27)
    cost: Cost = Counter({"dsp": products, "lut": 2 * width, "ff": 3 * width})
    return cost + barrel(width, half) + rom(ROOT_SEEDS, 12, "bram")


def fifo(payload: int, depth: int, storage: str) -> Cost:
    """
    A FIFO with its pointers.
    """
    if storage == "bram":
        return block_ram(depth, payload) + BLOCK_FIFO_CONTROL
    lut = shift_registers(payload, depth)
    if depth > SRL_MUX_DEPTH:
        lut += payload * (-(-depth // SRL_MUX_DEPTH) - 1)
    return Counter({"lut": lut}) + FIFO_CONTROL


def window(width: int, beats: int, padded: bool) -> Cost:
    """
    The taps of a window of `width` bits, which leave in beats and are 0 outside the frame where it is padded.
    """
    lut = 0 if beats == 1 else (MASKED_LUT if padded else MUX_LUT) * width
    return Counter({"lut": round(lut), "ff": width + -(-width // beats)})


def replay(width: int, beats: int) -> Cost:
    """
    A vector that is read once and used several times: held, and chosen between fresh and held.
    """
    held: Cost = Counter({"ff": width}) if beats == 1 else Counter({"lut": ram(beats, width)["lut"]})
    return held + Counter({"lut": width, "ff": width})


def running_sum(width: int, groups: int) -> Cost:
    """
    A pool's element: partial results meet their next tap some beats later.
    """
    return delay(width, groups) + Counter({"lut": width})


def process() -> Cost:
    """
    What every process has: control, and the FIFO through which the process before it starts it (AMD UG1399).
    """
    return CONTROL + fifo(1, 2, "srl")
