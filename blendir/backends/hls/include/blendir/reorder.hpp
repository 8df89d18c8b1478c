/// reorder: a memory with two halves.
#ifndef BLENDIR_REORDER_HPP
#define BLENDIR_REORDER_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// For each of the P parts of a frame, I beats of N bits, writes the beats at
/// AT + i1*S1 + i2*S2 + i3*S3 + i4*S4, with i4 < E4 as the fastest index: another order, or some
/// beats several times or not at all. While a part fills one half of the memory, the previous one is
/// written from the other half: P*max(I, E1*E2*E3*E4) cycles per frame. A run ends with cycles that
/// read nothing.
template <typename Cfg>
void reorder(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& out, unsigned frames) {
  const int I = Cfg::I, BEATS = Cfg::E1 * Cfg::E2 * Cfg::E3 * Cfg::E4;
  const int SPAN = I > BEATS ? I : BEATS;  // cycles of a part
  // Step from the last beat of a loop to the next beat of the enclosing loop.
  const int TURN3 = Cfg::S3 - (Cfg::E4 - 1) * Cfg::S4;
  const int TURN2 = Cfg::S2 - (Cfg::E4 - 1) * Cfg::S4 - (Cfg::E3 - 1) * Cfg::S3;
  const int TURN1 =
      Cfg::S1 - (Cfg::E4 - 1) * Cfg::S4 - (Cfg::E3 - 1) * Cfg::S3 - (Cfg::E2 - 1) * Cfg::S2;
  bits<Cfg::N> memory[2 * I];
  // The read and the write of a cycle use different halves.
#pragma HLS dependence variable=memory inter false
#pragma HLS dependence variable=memory intra false
#ifndef __SYNTHESIS__
  for (int i = 0; i < 2 * I; ++i) memory[i] = unwritten<Cfg::N>();
#endif
  counter<SPAN> at = 0;
  counter<I> address = Cfg::AT;
  counter<2> half = 0;
  counter<Cfg::E1> i1 = 0;
  counter<Cfg::E2> i2 = 0;
  counter<Cfg::E3> i3 = 0;
  counter<Cfg::E4> i4 = 0;
  const count_t last = count_t(frames) * count_t(product_of(Cfg::P, SPAN));
  const count_t cycles = frames == 0 ? count_t(0) : count_t(last + count_t(BEATS));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    if (n < last && at < I) memory[half == 0 ? int(at) : I + int(at)] = in.read();
    if (n >= SPAN && at < BEATS) {
      out.write(memory[half == 0 ? I + int(address) : int(address)]);
      if (!advance<Cfg::E4 - 1>(i4)) {
        address = address + Cfg::S4;
      } else if (!advance<Cfg::E3 - 1>(i3)) {
        address = address + TURN3;
      } else if (!advance<Cfg::E2 - 1>(i2)) {
        address = address + TURN2;
      } else if (!advance<Cfg::E1 - 1>(i1)) {
        address = address + TURN1;
      } else {
        address = Cfg::AT;
      }
    }
    if (advance<SPAN - 1>(at)) half = 1 - half;
  }
}

}  // namespace blendir

#endif  // BLENDIR_REORDER_HPP
