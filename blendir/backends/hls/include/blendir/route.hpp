/// Routing: fork (copies for several readers), concat (two inputs part by part), take (picked
/// elements), crop (positions that stay).
#ifndef BLENDIR_ROUTE_HPP
#define BLENDIR_ROUTE_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// Writes every beat (N bits, P*B beats per frame) to each output: P*B cycles per frame.
template <typename Cfg>
void fork2(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& o1, stream<bits<Cfg::N>>& o2,
           unsigned frames) {
  const int RUN = run_of(Cfg::B);
  const count_t runs = count_t(frames) * count_t(product_of(Cfg::P, Cfg::B / RUN));
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    bits<Cfg::N> beats[RUN];
    read_run<RUN>(in, beats);
    write_run<RUN>(o1, beats);
    write_run<RUN>(o2, beats);
  }
}

template <typename Cfg>
void fork3(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& o1, stream<bits<Cfg::N>>& o2,
           stream<bits<Cfg::N>>& o3, unsigned frames) {
  const int RUN = run_of(Cfg::B);
  const count_t runs = count_t(frames) * count_t(product_of(Cfg::P, Cfg::B / RUN));
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    bits<Cfg::N> beats[RUN];
    read_run<RUN>(in, beats);
    write_run<RUN>(o1, beats);
    write_run<RUN>(o2, beats);
    write_run<RUN>(o3, beats);
  }
}

template <typename Cfg>
void fork4(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& o1, stream<bits<Cfg::N>>& o2,
           stream<bits<Cfg::N>>& o3, stream<bits<Cfg::N>>& o4, unsigned frames) {
  const int RUN = run_of(Cfg::B);
  const count_t runs = count_t(frames) * count_t(product_of(Cfg::P, Cfg::B / RUN));
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    bits<Cfg::N> beats[RUN];
    read_run<RUN>(in, beats);
    write_run<RUN>(o1, beats);
    write_run<RUN>(o2, beats);
    write_run<RUN>(o3, beats);
    write_run<RUN>(o4, beats);
  }
}

/// For each of P parts of a frame writes the CA elements of a, then the CB elements of b, E bits each,
/// in beats of G (G divides both): P*(CA + CB)/G cycles per frame.
template <typename Cfg>
void concat(stream<bits<Cfg::G * Cfg::E>>& a, stream<bits<Cfg::G * Cfg::E>>& b,
            stream<bits<Cfg::G * Cfg::E>>& out, unsigned frames) {
  static_assert(Cfg::CA % Cfg::G == 0 && Cfg::CB % Cfg::G == 0, "the group divides both parts");
  const int BA = Cfg::CA / Cfg::G, BB = Cfg::CB / Cfg::G;
  counter<BA + BB> at = 0;
  const count_t cycles = count_t(frames) * count_t(product_of(Cfg::P, BA + BB));
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

/// For each position writes CO picks of the CI elements of E bits: element beat*GO + g of the
/// result is element pick[g][beat] of the input, or 0 if that is CI. Reads beats of GI and writes
/// beats of GO: P*(CI/GI + CO/GO - 1) cycles per frame.
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
  const count_t cycles = count_t(frames) * count_t(product_of(Cfg::P, BI + BO - 1));
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

/// Of a frame of H x W positions of B beats of N bits writes those in rows R0, R0 + RS .. RN and
/// columns C0, C0 + CS .. CN: H*W*B cycles per frame.
template <typename Cfg>
void crop(stream<bits<Cfg::N>>& in, stream<bits<Cfg::N>>& out, unsigned frames) {
  static_assert(Cfg::RN < Cfg::H && Cfg::CN < Cfg::W, "what stays lies in the frame");
  counter<Cfg::B> b = 0;
  counter<Cfg::H + Cfg::RS> row = 0, next_row = Cfg::R0;
  counter<Cfg::W + Cfg::CS> column = 0, next_column = Cfg::C0;
  const count_t cycles = count_t(frames) * count_t(product_of(Cfg::H * Cfg::W, Cfg::B));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::N> beat = in.read();
    if (row == next_row && column == next_column) out.write(beat);
    if (advance<Cfg::B - 1>(b)) {
      if (column == next_column) next_column = column == Cfg::CN ? Cfg::W : int(column) + Cfg::CS;
      if (advance<Cfg::W - 1>(column)) {
        next_column = Cfg::C0;
        if (row == next_row) next_row = row == Cfg::RN ? Cfg::H : int(row) + Cfg::RS;
        if (advance<Cfg::H - 1>(row)) next_row = Cfg::R0;
      }
    }
  }
}

}  // namespace blendir

#endif  // BLENDIR_ROUTE_HPP
