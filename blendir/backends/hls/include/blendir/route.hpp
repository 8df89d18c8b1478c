/// Routing: the same beats to several readers, or two inputs side by side.
#ifndef BLENDIR_ROUTE_HPP
#define BLENDIR_ROUTE_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// Every beat (N bits, P*B beats per frame) to each output: P*B cycles per frame.
template <typename Cfg>
void fork2(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& o1, stream<bits<Cfg::N>>& o2,
           unsigned frames) {
  const count_t cycles = count_t(frames) * count_t(Cfg::P * Cfg::B);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::N> beat = in.read();
    o1.write(beat);
    o2.write(beat);
  }
}

template <typename Cfg>
void fork3(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& o1, stream<bits<Cfg::N>>& o2,
           stream<bits<Cfg::N>>& o3, unsigned frames) {
  const count_t cycles = count_t(frames) * count_t(Cfg::P * Cfg::B);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::N> beat = in.read();
    o1.write(beat);
    o2.write(beat);
    o3.write(beat);
  }
}

template <typename Cfg>
void fork4(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& o1, stream<bits<Cfg::N>>& o2,
           stream<bits<Cfg::N>>& o3, stream<bits<Cfg::N>>& o4, unsigned frames) {
  const count_t cycles = count_t(frames) * count_t(Cfg::P * Cfg::B);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::N> beat = in.read();
    o1.write(beat);
    o2.write(beat);
    o3.write(beat);
    o4.write(beat);
  }
}

/// Per position the CA elements of a, then the CB elements of b, E bits each in beats of G
/// (G divides both): P*(CA + CB)/G cycles per frame.
template <typename Cfg>
void concat(stream<bits<Cfg::G * Cfg::E>>& a, stream<bits<Cfg::G * Cfg::E>>& b,
            stream<bits<Cfg::G * Cfg::E>>& out, unsigned frames) {
  static_assert(Cfg::CA % Cfg::G == 0 && Cfg::CB % Cfg::G == 0, "the group divides both parts");
  const int BA = Cfg::CA / Cfg::G, BB = Cfg::CB / Cfg::G;
  counter<BA + BB> at = 0;
  const count_t cycles = count_t(frames) * count_t(Cfg::P * (BA + BB));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    if (at < BA) {
      out.write(a.read());
    } else {
      out.write(b.read());
    }
    advance<BA + BB - 1>(at);
  }
}

}  // namespace blendir

#endif  // BLENDIR_ROUTE_HPP
