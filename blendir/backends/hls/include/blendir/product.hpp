/// product: two streams multiplied element by element.
#ifndef BLENDIR_PRODUCT_HPP
#define BLENDIR_PRODUCT_HPP

#include "elementwise.hpp"

namespace blendir {

/// out = saturate_EO(round(a*b / 2^SHIFT)), a of EA and b of EB bits. A position of b is the factor
/// of HELD positions of a (HELD divides P). It is read with the first of them.
template <typename Cfg>
void product(stream<bits<Cfg::G * Cfg::EA>>& a, stream<bits<Cfg::G * Cfg::EB>>& b,
             stream<bits<Cfg::G * Cfg::EO>>& out, unsigned frames) {
  typedef element<Cfg::EA, Cfg::SIGNED_A != 0> left;
  typedef element<Cfg::EB, Cfg::SIGNED_B != 0> right;
  const int WA = left::width, WB = right::width, GROUPS = beat_plan<Cfg>::groups;
  static_assert(Cfg::P % Cfg::HELD == 0, "held positions fill a frame");
  // The next element for a factor comes GROUPS cycles later: a delay line, not an addressed memory.
  bits<Cfg::G * Cfg::EB> kept[GROUPS];
#pragma HLS array_partition variable=kept complete dim=1
  for (int c = 0; c < GROUPS; ++c) {
#pragma HLS unroll
    kept[c] = 0;
  }
  counter<GROUPS> cg = 0;
  counter<Cfg::HELD> position = 0;
  const count_t cycles = count_t(frames) * count_t(beat_plan<Cfg>::beats);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::G * Cfg::EA> beat = a.read();
    bits<Cfg::G * Cfg::EB> factor = kept[GROUPS - 1];
    if (position == 0) factor = b.read();
    for (int c = GROUPS - 1; c > 0; --c) {
#pragma HLS unroll
      kept[c] = kept[c - 1];
    }
    kept[0] = factor;
    bits<Cfg::G * Cfg::EO> result = 0;
    for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
      const num<WA + WB> exact = multiply<WA, WB>(left::get(beat, g), right::get(factor, g));
      put<Cfg::EO>(result, g, narrow<Cfg::EO, Cfg::SHIFT, Cfg::ROUND, WA + WB>(exact));
    }
    out.write(result);
    if (advance<GROUPS - 1>(cg)) advance<Cfg::HELD - 1>(position);
  }
}

}  // namespace blendir

#endif  // BLENDIR_PRODUCT_HPP
