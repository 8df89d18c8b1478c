/// Routing: the same beats to several readers, two inputs side by side, chosen elements.
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

/// Per position CO of the CI elements of E bits: element beat*GO + g of the result is element
/// pick[g][beat] of the input, or 0 where that is CI. Beats of GI arrive and beats of GO leave:
/// P*(CI/GI + CO/GO - 1) cycles per frame.
template <typename Cfg>
void take(stream<bits<Cfg::GI * Cfg::E>>& in, stream<bits<Cfg::GO * Cfg::E>>& out,
          const bits<bits_for(Cfg::CI)> pick[Cfg::GO][Cfg::CO / Cfg::GO], unsigned frames) {
  static_assert(Cfg::CI % Cfg::GI == 0 && Cfg::CO % Cfg::GO == 0, "groups fill a position");
  const int E = Cfg::E, CI = Cfg::CI, BI = Cfg::CI / Cfg::GI, BO = Cfg::CO / Cfg::GO;
#pragma HLS array_partition variable=pick complete dim=1
  bits<E> held[CI + 1];
#pragma HLS array_partition variable=held complete dim=1
  for (int i = 0; i < CI; ++i) {
#pragma HLS unroll
    held[i] = unwritten<E>();
  }
  held[CI] = 0;
  counter<BI + BO> phase = 0;  // cycle within the position
  const count_t cycles = count_t(frames) * count_t(Cfg::P * (BI + BO - 1));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    if (phase < BI) {
      const bits<Cfg::GI * E> beat = in.read();
      for (int b = 0; b < BI; ++b) {
#pragma HLS unroll
        for (int g = 0; g < Cfg::GI; ++g) {
#pragma HLS unroll
          if (phase == b) held[b * Cfg::GI + g] = get_unsigned<E>(beat, g);
        }
      }
    }
    if (phase >= BI - 1) {
      bits<Cfg::GO * E> result = 0;
      for (int g = 0; g < Cfg::GO; ++g) {
#pragma HLS unroll
        put<E>(result, g, held[pick[g][phase - (BI - 1)]]);
      }
      out.write(result);
    }
    advance<BI + BO - 2>(phase);
  }
}

}  // namespace blendir

#endif  // BLENDIR_ROUTE_HPP
