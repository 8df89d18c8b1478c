/// multi_threshold: activations of a few levels.
#ifndef BLENDIR_LEVELS_HPP
#define BLENDIR_LEVELS_HPP

#include "elementwise.hpp"
#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// out = LOWEST + STEP * (number of the L thresholds that hold), EO signed bits. Threshold l of
/// element g of a beat holds if (x >= t[g*L + l]) xor inv[g]. P*(C/G) cycles per frame.
template <typename Cfg>
void multi_threshold(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G * Cfg::EO>>& out,
                     const sint<Cfg::TB> t[Cfg::G * Cfg::L][beat_plan<Cfg>::groups],
                     const bits<1> inv[Cfg::G][beat_plan<Cfg>::groups], unsigned frames) {
  typedef beat_plan<Cfg> plan;
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  typedef num<Cfg::EO> level_t;
#pragma HLS array_partition variable=t complete dim=1
#pragma HLS array_partition variable=inv complete dim=1
  counter<plan::groups> cg = 0;
  const count_t cycles = count_t(frames) * count_t(plan::beats);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::G * Cfg::E> beat = in.read();
    bits<Cfg::G * Cfg::EO> result = 0;
    for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
      const num<input::width> x = input::get(beat, g);
      level_t level = level_t(Cfg::LOWEST);
      for (int l = 0; l < Cfg::L; ++l) {
#pragma HLS unroll
        const bits<1> above = x >= t[g * Cfg::L + l][cg];
        if (above != inv[g][cg]) level = level_t(level + level_t(Cfg::STEP));
      }
      put<Cfg::EO>(result, g, level);
    }
    out.write(result);
    advance<plan::groups - 1>(cg);
  }
}

}  // namespace blendir

#endif  // BLENDIR_LEVELS_HPP
