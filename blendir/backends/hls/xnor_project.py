"""
The XNORs of a design in DSP48E2 blocks: binary units that call an RTL blackbox.
"""

from __future__ import annotations

from blendir.backends.hls.cpp_names import CppDesign
from blendir.backends.hls.print_cpp import HEADER
from blendir.backends.hls.xnor_dsp import lane_files, module_name
from blendir.dialects import stream
from blendir.hardware.processes import process_of
from blendir.packing import WORD_BITS


def lane_count(op: stream.BinaryMvuOp) -> int:
    """
    The DSP48E2 blocks of a unit: whole words for each processing element.
    """
    return op.pe * -(-op.simd // WORD_BITS)


def column_text(pe: int, words: int) -> str:
    """
    A specialization that hands PE x words lanes to the blackbox of that many.
    """
    lanes = [(p, w) for p in range(pe) for w in range(words)]
    names = range(len(lanes))
    call = ", ".join([*(f"a{n}" for n in names), *(f"w{n}" for n in names), *(f"z{n}" for n in names)])
    lines = [
        "template <>",
        f"struct xnor_column<{pe}, {words}> {{",
        "  template <int SIMD>",
        f"  static void run(const blendir::bits<SIMD>& beat, const blendir::bits<SIMD> (&weight)[{pe}],",
        f"                  blendir::bits<SIMD> (&same)[{pe}]) {{",
        "#pragma HLS inline",
    ]
    for n, (p, w) in enumerate(lanes):
        lines.append(
            f"    const blendir::bits<48> a{n} = word_of<SIMD, {w}>(beat), w{n} = word_of<SIMD, {w}>(weight[{p}]);"
        )
        lines.append(f"    blendir::bits<48> z{n};")
    lines.append(f"    {module_name(len(lanes))}({call});")
    for n, (p, w) in enumerate(lanes):
        lines.append(f"    put_word<SIMD, {w}>(same[{p}], z{n});")
    return "\n".join([*lines, "  }", "};"])


PROCESS = """
/// Bits [48 * W, 48 * W + 48) of a beat, zero-filled.
template <int SIMD, int W>
blendir::bits<48> word_of(const blendir::bits<SIMD>& beat) {
#pragma HLS inline
  const int WIDTH = SIMD - 48 * W < 48 ? SIMD - 48 * W : 48;
  blendir::bits<48> word = 0;
  blendir::place<WIDTH>(word, 0, blendir::slice<WIDTH>(beat, 48 * W));
  return word;
}

/// The same bits of a beat replaced.
template <int SIMD, int W>
void put_word(blendir::bits<SIMD>& beat, const blendir::bits<48>& word) {
#pragma HLS inline
  const int WIDTH = SIMD - 48 * W < 48 ? SIMD - 48 * W : 48;
  blendir::place<WIDTH>(beat, 48 * W, blendir::slice<WIDTH>(word, 0));
}

template <int PE, int WORDS>
struct xnor_column;
"""

UNIT = """
/// blendir::binary_mvu with every 48 lanes in one DSP48E2.
template <typename Cfg, typename Row, typename Column>
void binary_mvu_dsp(blendir::stream<blendir::bits<Cfg::SIMD> >& in,
                    blendir::stream<blendir::bits<Cfg::PE * Cfg::ACC> >& out,
                    const blendir::lanes<Cfg::SIMD> weights[Cfg::PE]
                                                          [blendir::mvu_plan<Cfg>::NF * blendir::mvu_plan<Cfg>::SF],
                    const blendir::sint<Cfg::ACC> base[Cfg::PE]
                                                      [Cfg::RY * Cfg::RX * blendir::mvu_plan<Cfg>::NF],
                    const Row row_class[Cfg::OH], const Column col_class[Cfg::OW],
                    unsigned frames) {
  typedef blendir::mvu_plan<Cfg> plan;
  typedef typename plan::count_type sum_t;
  const int PE = Cfg::PE, SIMD = Cfg::SIMD;
#pragma HLS array_partition variable=weights complete dim=1
#pragma HLS array_partition variable=base complete dim=1
  blendir::vector_buffer<SIMD, plan::SF> buffer;
  sum_t differ[PE];
#pragma HLS array_partition variable=differ complete dim=1
  for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
    differ[pe] = 0;
  }
  blendir::mvu_position<Cfg> at;
  const blendir::count_t frame = blendir::count_t(blendir::product_of(Cfg::OH, Cfg::OW, plan::NF, plan::SF));
  const blendir::count_t cycles = blendir::count_t(frames) * frame;
  for (blendir::count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=stp
    const blendir::bits<SIMD> beat = buffer.next(in, at.nf == 0, at.sf);
    blendir::bits<SIMD> weight[PE], same[PE];
#pragma HLS array_partition variable=weight complete dim=1
#pragma HLS array_partition variable=same complete dim=1
    for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
      weight[pe] = weights[pe][at.tile];
    }
    xnor_column<PE, (SIMD + 47) / 48>::template run<SIMD>(beat, weight, same);
    for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
      const sum_t count = sum_t(blendir::popcount<SIMD>(blendir::bits<SIMD>(~same[pe])));
      differ[pe] = at.first() ? count : sum_t(differ[pe] + count);
    }
    if (at.last()) out.write(blendir::binary_sums<Cfg>(differ, base, at.border(row_class, col_class)));
    at.template step<1, 1>();
  }
}
"""


def xnor_files(design: CppDesign) -> tuple[dict[str, str], dict[str, str]]:
    """
    The source of the units with XNORs in DSPs (for src/), and the blackboxes with their descriptors (for rtl/).
    """
    units = [op for op in design.processes if isinstance(op, stream.BinaryMvuOp) and process_of(op).uses_dsp_xnor]
    shapes = sorted({(op.pe, -(-op.simd // WORD_BITS)) for op in units})
    counts = sorted({lane_count(op) for op in units})
    boxes = {name: text for count in counts for name, text in lane_files(count).items()}
    includes = "".join(f'#include "{module_name(count)}.h"\n' for count in counts)
    text = (
        f'{HEADER}#ifndef XNOR_DSP_H\n#define XNOR_DSP_H\n\n#include "blendir/mvu.hpp"\n{includes}{PROCESS}\n'
        + "\n\n".join(column_text(*shape) for shape in shapes)
        + f"\n{UNIT}\n#endif  // XNOR_DSP_H\n"
    )
    return {"xnor_dsp.h": text}, boxes
