/// pool: reduction over windows that lie side by side, without overlap.
#ifndef BLENDIR_POOL_HPP
#define BLENDIR_POOL_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// One more element of a sum (KIND 0), maximum (1) or bitwise or (2).
template <int KIND, typename T>
inline T combined(T old, T x) {
#pragma HLS inline
  if (KIND == 0) return T(old + x);
  if (KIND == 1) return old > x ? old : x;
  return T(old | x);
}

/// out[c] = sum (KIND 0), maximum (1) or bitwise or (2) over the elements c of a window of ROWS x
/// RUN positions: RUN neighbors in each of ROWS rows of OW*RUN positions. P windows per frame, C
/// elements per position, in beats of G. Elements of EO bits keep the signedness of the input. A
/// group is written in the cycle that reads its last element: P*ROWS*RUN*(C/G) cycles per frame.
template <typename Cfg>
void pool(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G * Cfg::EO>>& out,
          unsigned frames) {
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  const int G = Cfg::G, RUN = Cfg::RUN, ROWS = Cfg::ROWS, TAPS = RUN * ROWS;
  const int GROUPS = Cfg::C / G, CELLS = Cfg::OW * GROUPS, LINES = ROWS > 1 ? ROWS - 1 : 1;
  static_assert(Cfg::C % Cfg::G == 0 && Cfg::P % Cfg::OW == 0, "groups and rows are whole");
  static_assert(Cfg::KIND >= 0 && Cfg::KIND <= 2, "0 sum, 1 maximum, 2 or");
  static_assert(Cfg::EO >= Cfg::E + (Cfg::KIND == 0 && TAPS > 1 ? bits_for(TAPS - 1) : 0),
                "the result needs more bits");
  typedef num<Cfg::EO + 1> value_t;
  // The next element of a group comes GROUPS cycles later: a delay line, not an addressed memory.
  value_t partial[GROUPS][G];
#pragma HLS array_partition variable=partial complete dim=0
  // Results of the rows above. No row reads its own memory, so nothing waits for a memory.
  value_t lines[LINES][ROWS > 1 ? CELLS : 1][G];
#pragma HLS array_partition variable=lines complete dim=1
#pragma HLS array_partition variable=lines complete dim=3
  for (int c = 0; c < GROUPS; ++c) {
#pragma HLS unroll
    for (int g = 0; g < G; ++g) {
#pragma HLS unroll
      partial[c][g] = 0;
    }
  }
#ifndef __SYNTHESIS__
  for (int k = 0; k < ROWS - 1; ++k) {
    for (int c = 0; c < CELLS; ++c) {
      for (int g = 0; g < G; ++g) lines[k][c][g] = input::get(unwritten<Cfg::E>(), 0);
    }
  }
#endif
  counter<GROUPS> group = 0;
  counter<RUN> tap = 0;
  counter<CELLS> cell = 0;
  counter<ROWS> row = 0;
  const int STEP = in_runs ? GROUPS : 1;  // a run is a position, after which the line is as before
  const count_t runs = count_t(frames) * count_t(product_of(Cfg::P, TAPS, GROUPS / STEP));
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    bits<G * Cfg::E> beats[STEP];
    bits<G * Cfg::EO> results[STEP];
    read_run<STEP>(in, beats);
    const bool ends = tap == RUN - 1, writes = ends && row == ROWS - 1;
    for (int r = 0; r < STEP; ++r) {
#pragma HLS unroll
      bits<G * Cfg::EO> result = 0;
      for (int g = 0; g < G; ++g) {
#pragma HLS unroll
        const value_t x = value_t(input::get(beats[r], g));
        value_t value = tap == 0 ? x : combined<Cfg::KIND>(partial[GROUPS - 1 - r][g], x);
        for (int c = GROUPS - 1; !in_runs && c > 0; --c) {
#pragma HLS unroll
          partial[c][g] = partial[c - 1][g];
        }
        partial[in_runs ? GROUPS - 1 - r : 0][g] = value;
        for (int k = 0; k < ROWS - 1; ++k) {
#pragma HLS unroll
          if (ends && row == k) lines[k][cell + r][g] = value;
          if (writes) value = combined<Cfg::KIND>(value, lines[k][cell + r][g]);
        }
        put<Cfg::EO>(result, g, value);
      }
      results[r] = result;
    }
    if (writes) write_run<STEP>(out, results);
    if (ends && advance<CELLS - STEP, STEP>(cell)) advance<ROWS - 1>(row);
    if (advance<GROUPS - STEP, STEP>(group)) advance<RUN - 1>(tap);
  }
}

}  // namespace blendir

#endif  // BLENDIR_POOL_HPP
