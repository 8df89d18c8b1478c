/// pool: reduction over the taps of a window.
#ifndef BLENDIR_POOL_HPP
#define BLENDIR_POOL_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// out[c] = sum (KIND 0), maximum (1) or bitwise or (2) over the TAPS elements tap*C + c of each
/// of P positions, in beats of G. Elements of EO bits keep the signedness of the input. A group
/// leaves in the cycle in which its last tap arrives: P*TAPS*(C/G) cycles per frame.
template <typename Cfg>
void pool(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G * Cfg::EO>>& out,
          unsigned frames) {
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  static_assert(Cfg::C % Cfg::G == 0, "the group divides the channels");
  static_assert(Cfg::KIND >= 0 && Cfg::KIND <= 2, "0 sum, 1 maximum, 2 or");
  static_assert(Cfg::EO >= Cfg::E + (Cfg::KIND == 0 ? bits_for(Cfg::TAPS - 1) *
                                                          (Cfg::TAPS > 1 ? 1 : 0) : 0),
                "the result needs more bits");
  const int GROUPS = Cfg::C / Cfg::G, G = Cfg::G;
  typedef num<Cfg::EO + 1> value_t;
  // A group meets its partial result GROUPS cycles later: a delay line, not an addressed memory.
  value_t partial[GROUPS][G];
#pragma HLS array_partition variable=partial complete dim=0
  for (int c = 0; c < GROUPS; ++c) {
#pragma HLS unroll
    for (int g = 0; g < G; ++g) {
#pragma HLS unroll
      partial[c][g] = 0;
    }
  }
  counter<GROUPS> group = 0;
  counter<Cfg::TAPS> tap = 0;
  const count_t cycles = count_t(frames) * count_t(Cfg::P * Cfg::TAPS * GROUPS);
  for (count_t n = 0; n < cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<G * Cfg::E> beat = in.read();
    bits<G * Cfg::EO> result = 0;
    for (int g = 0; g < G; ++g) {
#pragma HLS unroll
      const value_t x = value_t(input::get(beat, g));
      const value_t old = partial[GROUPS - 1][g];
      value_t value = x;
      if (tap != 0) {
        if (Cfg::KIND == 0) value = value_t(old + x);
        if (Cfg::KIND == 1 && old > x) value = old;
        if (Cfg::KIND == 2) value = value_t(old | x);
      }
      for (int c = GROUPS - 1; c > 0; --c) {
#pragma HLS unroll
        partial[c][g] = partial[c - 1][g];
      }
      partial[0][g] = value;
      put<Cfg::EO>(result, g, value);
    }
    if (tap == Cfg::TAPS - 1) out.write(result);
    if (advance<GROUPS - 1>(group)) advance<Cfg::TAPS - 1>(tap);
  }
}

}  // namespace blendir

#endif  // BLENDIR_POOL_HPP
