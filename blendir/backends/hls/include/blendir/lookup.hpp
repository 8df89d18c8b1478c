/// lookup: a function of single elements, by a table.
#ifndef BLENDIR_LOOKUP_HPP
#define BLENDIR_LOOKUP_HPP

#include "elementwise.hpp"

namespace blendir {

/// out = table[x - LOW], where LOW is the lowest integer of E bits. A memory has two ports:
/// elements 2*i and 2*i + 1 of a beat read copy i of the table.
template <typename Cfg>
void lookup(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G * Cfg::EO>>& out,
            const sint<Cfg::EO> table[(Cfg::G + 1) / 2][1 << Cfg::E], unsigned frames) {
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  const int LOW = Cfg::IS_SIGNED != 0 ? -(1 << (Cfg::E - 1)) : 0;
#pragma HLS array_partition variable=table complete dim=1
  const count_t cycles = count_t(frames) * count_t(beat_plan<Cfg>::beats);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::G * Cfg::E> beat = in.read();
    bits<Cfg::G * Cfg::EO> result = 0;
    for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
      put<Cfg::EO>(result, g, table[g / 2][int(input::get(beat, g)) - LOW]);
    }
    out.write(result);
  }
}

}  // namespace blendir

#endif  // BLENDIR_LOOKUP_HPP
