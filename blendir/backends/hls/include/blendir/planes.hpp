/// plane_mvu: a matrix-vector unit that counts unequal bits of the planes of its input and weights.
#ifndef BLENDIR_PLANES_HPP
#define BLENDIR_PLANES_HPP

#include "mvu.hpp"
#include "stream.hpp"
#include "types.hpp"

namespace blendir {

template <typename Cfg>
struct plane_plan {
  static constexpr bool is_plane(int place) { return ((Cfg::PLACES >> place) & 1) != 0; }
  static constexpr int below(int place) {
    return place == 0 ? 0 : below(place - 1) + (is_plane(place - 1) ? 1 : 0);
  }
};

/// Bits of the planes of a beat.
template <typename Cfg>
struct plane_beat {
  static const int width = plane_plan<Cfg>::below(Cfg::E) * Cfg::SIMD;
  typedef bits<width> type;
};

/// The planes of a beat one after another, SIMD bits each. It costs only wires.
template <typename Cfg>
typename plane_beat<Cfg>::type by_plane(const bits<Cfg::SIMD * Cfg::E>& beat) {
#pragma HLS inline
  typename plane_beat<Cfg>::type result = 0;
  int next = 0;
  for (int place = 0; place < Cfg::E; ++place) {
#pragma HLS unroll
    if (plane_plan<Cfg>::is_plane(place)) {
      for (int s = 0; s < Cfg::SIMD; ++s) {
#pragma HLS unroll
        put<1>(result, next, slice<1>(beat, s * Cfg::E + place));
        ++next;
      }
    }
  }
  return result;
}

/// Sum over planes i of a beat and planes j of the weights: step[i] * 2^j * (number of unequal
/// bits).
template <typename Cfg, typename Sum>
Sum weighted_counts(const typename plane_beat<Cfg>::type& beat,
                    const bits<Cfg::SIMD * Cfg::WP>& weight) {
#pragma HLS inline
  const int SIMD = Cfg::SIMD;
  Sum sum = 0;
  int plane = 0;
  for (int place = 0; place < Cfg::E; ++place) {
#pragma HLS unroll
    if (plane_plan<Cfg>::is_plane(place)) {
      const bits<SIMD> x = slice<SIMD>(beat, plane * SIMD);
      Sum unequal = 0;
      for (int j = 0; j < Cfg::WP; ++j) {
#pragma HLS unroll
        const bits<SIMD> w = slice<SIMD>(weight, j * SIMD);
        const Sum count = unequal_bits<Cfg, Sum, SIMD>(x, w);
        unequal = Sum(unequal + Sum(count << j));
      }
      const Sum part = Sum(unequal << place);
      sum = Cfg::IS_SIGNED != 0 && place == Cfg::E - 1 ? Sum(sum - part) : Sum(sum + part);
      ++plane;
    }
  }
  return sum;
}

/// acc[o] = base[class][o] - (sum over planes i of in and planes j of weight[o]: step[i] * 2^j *
/// popcount(plane i of in xor plane j of weight[o])) modulo 2^ACC, for output channel o = nf*PE +
/// pe. step[i] is the value of the plane's bit in an element of E bits (signed if IS_SIGNED).
/// PLACES has a 1 for each bit that is a plane. A tile of weights holds WP planes of SIMD bits.
/// Unused lanes of the last beat are 0 in both operands. Sums of counts have SUM bits. Writes PE
/// accumulators of ACC bits at the end of each output fold.
template <typename Cfg, typename Row, typename Column>
void plane_mvu(stream<bits<Cfg::SIMD * Cfg::E>>& in, stream<bits<Cfg::PE * Cfg::ACC>>& out,
               const lanes<Cfg::SIMD * Cfg::WP> weights[Cfg::PE][mvu_plan<Cfg>::NF *
                                                                 mvu_plan<Cfg>::SF],
               const sint<Cfg::ACC> base[Cfg::PE][Cfg::RY * Cfg::RX * mvu_plan<Cfg>::NF],
               const Row row_class[Cfg::OH], const Column col_class[Cfg::OW],
               unsigned frames) {
  typedef mvu_plan<Cfg> plan;
  typedef num<Cfg::SUM> sum_t;
  const int PE = Cfg::PE, HELD = plane_beat<Cfg>::width;
  const int TOTAL = max_of(Cfg::SUM, Cfg::ACC) + 1;
#pragma HLS array_partition variable=weights complete dim=1
#pragma HLS array_partition variable=base complete dim=1
  vector_buffer<HELD, plan::SF> buffer;
  sum_t counted[PE];
#pragma HLS array_partition variable=counted complete dim=1
  for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
    counted[pe] = 0;
  }
  // C-simulation computes a whole output fold per round, as in binary_mvu.
  const int RUN = synthesis ? 1 : plan::SF;
  mvu_position<Cfg> at;
  const count_t rounds =
      count_t(frames) * count_t(product_of(Cfg::OH, Cfg::OW, plan::NF, plan::SF / RUN));
  for (count_t n = 0; n != rounds; ++n) {
#pragma HLS pipeline II=1 style=flp
    for (int run = 0; run < RUN; ++run) {
#pragma HLS unroll
      const int sf = synthesis ? int(at.sf) : run;
      if (at.nf == 0) buffer.beats[sf] = by_plane<Cfg>(in.read());
      const bits<HELD> beat = buffer.beats[sf];
      for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
        const bits<Cfg::SIMD * Cfg::WP> weight = weights[pe][at.tile + run];
        const sum_t counts = weighted_counts<Cfg, sum_t>(beat, weight);
        counted[pe] = sf == 0 ? counts : sum_t(counted[pe] + counts);
      }
      if (sf == plan::SF - 1) {
        const int index = at.border(row_class, col_class);
        bits<PE * Cfg::ACC> result = 0;
        for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
          const num<TOTAL> total = num<TOTAL>(num<TOTAL>(base[pe][index]) - num<TOTAL>(counted[pe]));
          put<Cfg::ACC>(result, pe, total);
        }
        out.write(result);
      }
    }
    at.template step<RUN, 1>();
  }
}

}  // namespace blendir

#endif  // BLENDIR_PLANES_HPP
