/// argmax: the place of the largest element of each position; top_k: those of the K largest.
#ifndef BLENDIR_ARGMAX_HPP
#define BLENDIR_ARGMAX_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// out = the place, in EO bits, of the largest of the C elements of a position, of equal ones the
/// first. P positions per frame in beats of G; written with the last beat: P*(C/G) cycles per frame.
template <typename Cfg>
void argmax(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::EO>>& out, unsigned frames) {
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  const int G = Cfg::G, GROUPS = Cfg::C / G;
  static_assert(Cfg::C % Cfg::G == 0, "the group divides the elements");
  static_assert(Cfg::EO >= bits_for(Cfg::C - 1), "every place has a number");
  num<input::width> best = 0;
  counter<Cfg::C> place = 0;
  counter<Cfg::C> first = 0;
  const count_t cycles = count_t(frames) * count_t(product_of(Cfg::P, GROUPS));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<G * Cfg::E> beat = in.read();
    num<input::width> value[G];
    counter<G> at[G];
#pragma HLS array_partition variable=value complete dim=1
#pragma HLS array_partition variable=at complete dim=1
    for (int g = 0; g < G; ++g) {
#pragma HLS unroll
      value[g] = input::get(beat, g);
      at[g] = g;
    }
    for (int level = 0; level < bits_for(G); ++level) {
#pragma HLS unroll
      for (int g = 0; g < G; ++g) {
#pragma HLS unroll
        const int other = g + (1 << level);
        if (g % (2 << level) == 0 && other < G && value[other] > value[g]) {
          value[g] = value[other];
          at[g] = at[other];
        }
      }
    }
    if (first == 0 || value[0] > best) {
      best = value[0];
      place = counter<Cfg::C>(first + at[0]);
    }
    if (advance<Cfg::C - G, G>(first)) out.write(bits<Cfg::EO>(place));
  }
}

/// The places, in EO bits, of the K largest of the C elements of a position, which come one per beat;
/// the largest first and of equal ones the first. Writes beats of GO: P*(C + K/GO - 1) cycles per frame.
template <typename Cfg>
void top_k(stream<bits<Cfg::E>>& in, stream<bits<Cfg::GO * Cfg::EO>>& out, unsigned frames) {
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  const int C = Cfg::C, K = Cfg::K, GO = Cfg::GO, BO = Cfg::K / Cfg::GO;
  static_assert(Cfg::G == 1 && Cfg::K % Cfg::GO == 0, "elements come one by one, groups fill the places");
  static_assert(Cfg::K <= Cfg::C && Cfg::EO >= bits_for(Cfg::C - 1), "every place has a number");
  num<input::width> best[K];
  counter<C> place[K];
#pragma HLS array_partition variable=best complete dim=1
#pragma HLS array_partition variable=place complete dim=1
  for (int k = 0; k < K; ++k) {
#pragma HLS unroll
    best[k] = 0;
    place[k] = 0;
  }
  counter<C + BO> phase = 0;  // cycle within the position
  const count_t cycles = count_t(frames) * count_t(product_of(Cfg::P, C + BO - 1));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    if (phase < C) {
      const num<input::width> value = input::get(in.read(), 0);
      for (int k = K - 1; k >= 0; --k) {
#pragma HLS unroll
        const bool here = phase <= k || value > best[k];
        const bool before = k > 0 && (phase <= k - 1 || value > best[max_of(k - 1, 0)]);
        if (before) {
          best[k] = best[max_of(k - 1, 0)];
          place[k] = place[max_of(k - 1, 0)];
        } else if (here) {
          best[k] = value;
          place[k] = counter<C>(phase);
        }
      }
    }
    if (phase >= C - 1) {
      bits<GO * Cfg::EO> result = 0;
      for (int b = 0; b < BO; ++b) {
#pragma HLS unroll
        for (int g = 0; g < GO; ++g) {
#pragma HLS unroll
          if (phase == C - 1 + b) put<Cfg::EO>(result, g, bits<Cfg::EO>(place[b * GO + g]));
        }
      }
      out.write(result);
    }
    advance<C + BO - 2>(phase);
  }
}

}  // namespace blendir

#endif  // BLENDIR_ARGMAX_HPP
