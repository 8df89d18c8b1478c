/// reorder: a frame memory with two halves.
#ifndef BLENDIR_REORDER_HPP
#define BLENDIR_REORDER_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// The same beats of N bits, E1*E2*E3*E4 per frame, in another order: those at
/// i1*S1 + i2*S2 + i3*S3 + i4*S4, i4 fastest. While a frame fills one half of the memory, the frame
/// before it leaves from the other: one beat in and one out per cycle. A run ends with the beats of
/// a frame that is not read.
template <typename Cfg>
void reorder(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& out, unsigned frames) {
  const int BEATS = Cfg::E1 * Cfg::E2 * Cfg::E3 * Cfg::E4;
  // From the last beat of a loop to the next one of the loop around it.
  const int TURN3 = Cfg::S3 - (Cfg::E4 - 1) * Cfg::S4;
  const int TURN2 = Cfg::S2 - (Cfg::E4 - 1) * Cfg::S4 - (Cfg::E3 - 1) * Cfg::S3;
  const int TURN1 =
      Cfg::S1 - (Cfg::E4 - 1) * Cfg::S4 - (Cfg::E3 - 1) * Cfg::S3 - (Cfg::E2 - 1) * Cfg::S2;
  bits<Cfg::N> memory[2 * BEATS];
  // Reads and writes of a cycle lie in different halves.
#pragma HLS dependence variable=memory inter false
#pragma HLS dependence variable=memory intra false
#ifndef __SYNTHESIS__
  for (int i = 0; i < 2 * BEATS; ++i) memory[i] = unwritten<Cfg::N>();
#endif
  counter<BEATS> filled = 0, address = 0;
  counter<2> half = 0;
  counter<Cfg::E1> i1 = 0;
  counter<Cfg::E2> i2 = 0;
  counter<Cfg::E3> i3 = 0;
  counter<Cfg::E4> i4 = 0;
  const count_t last = count_t(frames) * count_t(BEATS);
  const count_t cycles = frames == 0 ? count_t(0) : count_t(last + count_t(BEATS));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    if (n < last) memory[half == 0 ? int(filled) : BEATS + int(filled)] = in.read();
    if (n >= BEATS) {
      out.write(memory[half == 0 ? BEATS + int(address) : int(address)]);
      if (!advance<Cfg::E4 - 1>(i4)) {
        address = address + Cfg::S4;
      } else if (!advance<Cfg::E3 - 1>(i3)) {
        address = address + TURN3;
      } else if (!advance<Cfg::E2 - 1>(i2)) {
        address = address + TURN2;
      } else if (!advance<Cfg::E1 - 1>(i1)) {
        address = address + TURN1;
      } else {
        address = 0;
      }
    }
    if (advance<BEATS - 1>(filled)) half = 1 - half;
  }
}

}  // namespace blendir

#endif  // BLENDIR_REORDER_HPP
