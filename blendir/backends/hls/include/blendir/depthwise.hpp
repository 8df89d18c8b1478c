/// Depthwise units: an accumulator per channel, one flat loop over the beats of windows.
/// A window of V taps of OUT channels is read in SF = V/SIMD groups of taps times NF = OUT/PE groups
/// of channels: OH*OW*SF*NF cycles per frame. The loop over taps is outside the loop over channels;
/// a beat of several taps holds all channels of each. A group leaves with its last tap.
#ifndef BLENDIR_DEPTHWISE_HPP
#define BLENDIR_DEPTHWISE_HPP

#include "mvu.hpp"
#include "numerics.hpp"
#include "popcount.hpp"
#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// Loop state: tile = sf * NF + nf.
template <typename Cfg>
struct depthwise_position : mvu_position<Cfg> {
  typedef mvu_plan<Cfg> plan;
  static_assert(Cfg::V % Cfg::SIMD == 0, "SIMD divides the taps");
  static_assert(Cfg::SIMD == 1 || Cfg::PE == Cfg::OUT, "several taps are whole ones");
  void step_depthwise() {
#pragma HLS inline
    advance<plan::SF * plan::NF - 1>(this->tile);
    if (!advance<plan::NF - 1>(this->nf)) return;
    if (!advance<plan::SF - 1>(this->sf)) return;
    if (advance<Cfg::OW - 1>(this->x)) advance<Cfg::OH - 1>(this->y);
  }
};

/// Partial results before the first frame.
template <typename T, int NF, int PE>
inline void clear(T (&partial)[NF][PE]) {
#pragma HLS inline
  for (int c = 0; c < NF; ++c) {
#pragma HLS unroll
    for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
      partial[c][pe] = 0;
    }
  }
}

/// The partial result of lane pe of the group at hand, which comes again NF cycles later: a delay
/// line, not an addressed memory.
template <typename T, int NF, int PE>
inline T added(T (&partial)[NF][PE], int pe, bool first, T more) {
#pragma HLS inline
  const T value = first ? more : T(partial[NF - 1][pe] + more);
  for (int c = NF - 1; c > 0; --c) {
#pragma HLS unroll
    partial[c][pe] = partial[c - 1][pe];
  }
  partial[0][pe] = value;
  return value;
}

/// acc[c] = base[class][c] - 2*popcount(in[c] xor weight[c]) modulo 2^ACC: with base = V + border
/// the +-1 dot product of the taps of channel c = nf*PE + pe, plus a constant per border class.
template <typename Cfg, typename Row, typename Column>
void binary_depthwise(stream<bits<Cfg::SIMD * Cfg::PE>>& in, stream<bits<Cfg::PE * Cfg::ACC>>& out,
                      const lanes<Cfg::SIMD> weights[Cfg::PE]
                                                    [mvu_plan<Cfg>::NF * mvu_plan<Cfg>::SF],
                      const sint<Cfg::ACC> base[Cfg::PE][Cfg::RY * Cfg::RX * mvu_plan<Cfg>::NF],
                      const Row row_class[Cfg::OH], const Column col_class[Cfg::OW],
                      unsigned frames) {
  typedef mvu_plan<Cfg> plan;
  typedef typename plan::count_type sum_t;
  const int PE = Cfg::PE, SIMD = Cfg::SIMD, NF = plan::NF;
#pragma HLS array_partition variable=weights complete dim=1
#pragma HLS array_partition variable=base complete dim=1
  sum_t partial[NF][PE];
#pragma HLS array_partition variable=partial complete dim=0
  clear(partial);
  depthwise_position<Cfg> at;
  const count_t cycles = count_t(frames) * count_t(product_of(Cfg::OH, Cfg::OW, NF, plan::SF));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<SIMD * PE> beat = in.read();
    sum_t differ[PE];
#pragma HLS array_partition variable=differ complete dim=1
    for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
      bits<SIMD> taps = 0;
      for (int s = 0; s < SIMD; ++s) {
#pragma HLS unroll
        put<1>(taps, s, get_unsigned<1>(beat, s * PE + pe));
      }
      const bits<SIMD> weight = weights[pe][at.tile];
      const sum_t count = sum_t(count_differences<SIMD>(taps, weight));
      differ[pe] = added<sum_t, NF, PE>(partial, pe, at.first(), count);
    }
    if (at.last()) {
      out.write(binary_sums<Cfg>(differ, base, at.border(row_class, col_class)));
    }
    at.step_depthwise();
  }
}

/// out[c] = saturate_EO(round((sum_tap in[tap][c]*weight[c][tap] + bias[class][c]) / 2^SHIFT)), the
/// sum in ACC bits. Elements of E bits (signed if IS_SIGNED).
template <typename Cfg, typename Row, typename Column>
void fixed_depthwise(stream<bits<Cfg::SIMD * Cfg::PE * Cfg::E>>& in,
                     stream<bits<Cfg::PE * Cfg::EO>>& out,
                     const sint<Cfg::WB> weights[Cfg::PE][mvu_plan<Cfg>::NF * mvu_plan<Cfg>::SF]
                                                [Cfg::SIMD],
                     const sint<Cfg::BB> bias[Cfg::PE][Cfg::RY * Cfg::RX * mvu_plan<Cfg>::NF],
                     const Row row_class[Cfg::OH], const Column col_class[Cfg::OW],
                     unsigned frames) {
  typedef mvu_plan<Cfg> plan;
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  const int PE = Cfg::PE, SIMD = Cfg::SIMD, EO = Cfg::EO, NF = plan::NF;
  const int TOTAL = max_of(Cfg::ACC, Cfg::BB) + 1;
  typedef num<Cfg::ACC> sum_t;
#pragma HLS array_partition variable=weights complete dim=1
#pragma HLS array_partition variable=weights complete dim=3
#pragma HLS array_partition variable=bias complete dim=1
  sum_t partial[NF][PE];
#pragma HLS array_partition variable=partial complete dim=0
  clear(partial);
  depthwise_position<Cfg> at;
  const count_t cycles = count_t(frames) * count_t(product_of(Cfg::OH, Cfg::OW, NF, plan::SF));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<SIMD * PE * Cfg::E> beat = in.read();
    const int index = at.border(row_class, col_class);
    bits<PE * EO> result = 0;
    for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
      sum_t sum = 0;
      for (int s = 0; s < SIMD; ++s) {
#pragma HLS unroll
        sum = sum_t(sum + sum_t(multiply<input::width, Cfg::WB>(input::get(beat, s * PE + pe),
                                                                weights[pe][at.tile][s])));
      }
      const sum_t acc = added<sum_t, NF, PE>(partial, pe, at.first(), sum);
      const num<TOTAL> total = num<TOTAL>(num<TOTAL>(acc) + num<TOTAL>(bias[pe][index]));
      put<EO>(result, pe, narrow<EO, Cfg::SHIFT, Cfg::ROUND, TOTAL>(total));
    }
    if (at.last()) out.write(result);
    at.step_depthwise();
  }
}

}  // namespace blendir

#endif  // BLENDIR_DEPTHWISE_HPP
