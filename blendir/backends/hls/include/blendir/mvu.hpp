/// Matrix-vector units: one flat loop over positions, output folds and input folds.
/// A vector of V elements is read in SF = ceil(V/SIMD) beats (input folds). It is kept while NF =
/// OUT/PE groups of output channels (output folds) are computed: OH*OW*NF*SF cycles per frame. The
/// loop over output folds is outside the loop over input folds.
#ifndef BLENDIR_MVU_HPP
#define BLENDIR_MVU_HPP

#include "numerics.hpp"
#include "popcount.hpp"
#include "stream.hpp"
#include "types.hpp"

namespace blendir {

template <typename Cfg>
struct mvu_plan {
  static const int SF = (Cfg::V + Cfg::SIMD - 1) / Cfg::SIMD;
  static const int NF = Cfg::OUT / Cfg::PE;
  static_assert(Cfg::OUT % Cfg::PE == 0, "PE divides the output channels");
  typedef num<bits_for(SF * Cfg::SIMD) + 1> count_type;  // of lanes of a vector
};

/// Loop state of a matrix-vector unit: input fold, output fold, weight tile, border class.
template <typename Cfg>
struct mvu_position {
  typedef mvu_plan<Cfg> plan;
  counter<plan::SF> sf;
  counter<plan::NF> nf;
  counter<plan::SF * plan::NF> tile;
  counter<Cfg::OH> y;
  counter<Cfg::OW> x;
  mvu_position() : sf(0), nf(0), tile(0), y(0), x(0) {}
  bool first() const { return sf == 0; }
  bool last() const { return sf == plan::SF - 1; }
  /// Index (row class * RX + column class) * NF + nf into a border or bias table.
  template <typename Row, typename Column>
  int border(const Row row_class[Cfg::OH], const Column col_class[Cfg::OW]) const {
#pragma HLS inline
    if (Cfg::RY * Cfg::RX == 1) return nf;
    const int row = row_class[y], column = col_class[x];
    return (row * Cfg::RX + column) * plan::NF + nf;
  }
  /// Advances by RUN input folds of FOLDS output folds: by one tile, or by those of a vector.
  template <int RUN, int FOLDS>
  void step() {
#pragma HLS inline
    advance<plan::SF * plan::NF - RUN * FOLDS, RUN * FOLDS>(tile);
    if (!advance<plan::SF - RUN, RUN>(sf)) return;
    if (!advance<plan::NF - FOLDS, FOLDS>(nf)) return;
    if (advance<Cfg::OW - 1>(x)) advance<Cfg::OH - 1>(y);
  }
};

/// The input vector: read during fold 0, replayed afterwards.
template <int N, int SF>
struct vector_buffer {
  bits<N> beats[SF];
  vector_buffer() {
#ifndef __SYNTHESIS__
    for (int i = 0; i < SF; ++i) beats[i] = unwritten<N>();
#endif
  }
  template <typename Index>
  bits<N> next(stream<bits<N>>& in, bool fresh, Index sf) {
#pragma HLS inline
    bits<N> beat = 0;
    if (fresh) {
      beat = in.read();
      beats[sf] = beat;
    } else {
      beat = beats[sf];
    }
    return beat;
  }
};

/// base - 2*differ.
template <typename Cfg, typename Count>
num<max_of(bits_for(Cfg::V) + 2, Cfg::ACC) + 1> binary_sum(Count differ, sint<Cfg::ACC> base) {
#pragma HLS inline
  const int TOTAL = max_of(bits_for(Cfg::V) + 2, Cfg::ACC) + 1;
  typedef num<TOTAL> total_t;
  return total_t(total_t(base) - shift_left<TOTAL, 1>(total_t(differ)));
}

/// The same for each processing element, of ACC bits.
template <typename Cfg, typename Count>
bits<Cfg::PE * Cfg::ACC> binary_sums(
    const Count (&differ)[Cfg::PE],
    const sint<Cfg::ACC> base[Cfg::PE][Cfg::RY * Cfg::RX * mvu_plan<Cfg>::NF], int index) {
#pragma HLS inline
  bits<Cfg::PE * Cfg::ACC> result = 0;
  for (int pe = 0; pe < Cfg::PE; ++pe) {
#pragma HLS unroll
    put<Cfg::ACC>(result, pe, binary_sum<Cfg>(differ[pe], base[pe][index]));
  }
  return result;
}

/// How many of the N bits of a beat and a tile of weights differ.
template <typename Cfg, typename Sum, int N>
Sum unequal_bits(const bits<N>& beat, const bits<N>& weight) {
#pragma HLS inline
  typedef mvu_plan<Cfg> plan;
  // An XOR with a constant, or after the multiplexer between a new and a kept beat, costs nothing.
  const bool FUSED = plan::NF * plan::SF > 1 && (plan::NF == 1 || Cfg::PE > 1);
  return FUSED ? Sum(count_differences<N>(beat, weight)) : Sum(popcount<N>(bits<N>(beat ^ weight)));
}

/// acc[o] = base[class][o] - 2*popcount(in xor weight[o]) modulo 2^ACC: with base = V + border the
/// +-1 dot product plus a constant per border class, for output channel o = nf*PE + pe. Unused
/// lanes of the last beat are 0 in both operands. Writes PE accumulators of ACC bits at the end of
/// each fold.
template <typename Cfg, typename Row, typename Column>
void binary_mvu(stream<bits<Cfg::SIMD>>& in, stream<bits<Cfg::PE * Cfg::ACC>>& out,
                const lanes<Cfg::SIMD> weights[Cfg::PE][mvu_plan<Cfg>::NF * mvu_plan<Cfg>::SF],
                const sint<Cfg::ACC> base[Cfg::PE][Cfg::RY * Cfg::RX * mvu_plan<Cfg>::NF],
                const Row row_class[Cfg::OH], const Column col_class[Cfg::OW],
                unsigned frames) {
  typedef mvu_plan<Cfg> plan;
  typedef typename plan::count_type sum_t;
  const int PE = Cfg::PE, SIMD = Cfg::SIMD;
#pragma HLS array_partition variable=weights complete dim=1
#pragma HLS array_partition variable=base complete dim=1
  // A run is all input folds of all output folds of a vector, output folds side by side.
  const int RUN = in_runs ? plan::SF : 1, FOLDS = in_runs ? plan::NF : 1;
  vector_buffer<SIMD, plan::SF> buffer;
  sum_t differ[PE][FOLDS];
#pragma HLS array_partition variable=differ complete dim=0
  for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
    for (int fold = 0; fold < FOLDS; ++fold) differ[pe][fold] = 0;
  }
#ifdef BLENDIR_RUNS
  std::vector<lanes<SIMD> > tiles(std::size_t(PE) * RUN * FOLDS);
  for (int pe = 0; pe < PE; ++pe) {
    for (int tile = 0; tile < RUN * FOLDS; ++tile) {
      tiles[(std::size_t(pe) * RUN + tile % RUN) * FOLDS + tile / RUN] = weights[pe][tile];
    }
  }
#endif
  mvu_position<Cfg> at;
  const count_t runs = count_t(frames) * count_t(product_of(Cfg::OH, Cfg::OW, plan::NF / FOLDS,
                                                            plan::SF / RUN));
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    for (int run = 0; run < RUN; ++run) {
#pragma HLS unroll
      const bits<SIMD> beat = buffer.next(in, at.nf == 0, at.sf + run);
      const bool first = in_runs ? run == 0 : at.first();
      for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
        for (int fold = 0; fold < FOLDS; ++fold) {
#pragma HLS unroll
#ifdef BLENDIR_RUNS
          const bits<SIMD> weight = tiles[(std::size_t(pe) * RUN + run) * FOLDS + fold];
#else
          const bits<SIMD> weight = weights[pe][at.tile];
#endif
          const sum_t count = unequal_bits<Cfg, sum_t, SIMD>(beat, weight);
          differ[pe][fold] = first ? count : sum_t(differ[pe][fold] + count);
        }
      }
    }
    if (in_runs || at.last()) {
      const int border = at.border(row_class, col_class);
      bits<PE * Cfg::ACC> results[FOLDS];
      for (int fold = 0; fold < FOLDS; ++fold) {
#pragma HLS unroll
        bits<PE * Cfg::ACC> result = 0;
        for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
          put<Cfg::ACC>(result, pe, binary_sum<Cfg>(differ[pe][fold], base[pe][border + fold]));
        }
        results[fold] = result;
      }
      write_run<FOLDS>(out, results);
    }
    at.template step<RUN, FOLDS>();
  }
}

/// out[o] = saturate_EO(round((sum_v in[v]*weight[o][v] + bias[class][o]) / 2^SHIFT)), the sum in
/// ACC bits. Elements of E bits (signed if IS_SIGNED) in beats of SIMD; PE outputs per beat.
template <typename Cfg, typename Row, typename Column>
void fixed_mvu(stream<bits<Cfg::SIMD * Cfg::E>>& in, stream<bits<Cfg::PE * Cfg::EO>>& out,
               const sint<Cfg::WB> weights[Cfg::PE][mvu_plan<Cfg>::NF * mvu_plan<Cfg>::SF]
                                          [Cfg::SIMD],
               const sint<Cfg::BB> bias[Cfg::PE][Cfg::RY * Cfg::RX * mvu_plan<Cfg>::NF],
               const Row row_class[Cfg::OH], const Column col_class[Cfg::OW],
               unsigned frames) {
  typedef mvu_plan<Cfg> plan;
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  const int PE = Cfg::PE, SIMD = Cfg::SIMD, EO = Cfg::EO;
  const int TOTAL = max_of(Cfg::ACC, Cfg::BB) + 1;
  typedef num<Cfg::ACC> sum_t;
#pragma HLS array_partition variable=weights complete dim=1
#pragma HLS array_partition variable=weights complete dim=3
#pragma HLS array_partition variable=bias complete dim=1
  // A run is all input folds of all output folds of a vector, output folds side by side.
  const int RUN = in_runs ? plan::SF : 1, FOLDS = in_runs ? plan::NF : 1;
  num<input::width> held[plan::SF][SIMD];
#pragma HLS array_partition variable=held complete dim=2
  sum_t acc[PE][FOLDS];
#pragma HLS array_partition variable=acc complete dim=0
  for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
    for (int fold = 0; fold < FOLDS; ++fold) acc[pe][fold] = 0;
  }
#ifndef __SYNTHESIS__
  for (int f = 0; f < plan::SF; ++f) {
    for (int s = 0; s < SIMD; ++s) held[f][s] = input::get(unwritten<Cfg::E>(), 0);
  }
#endif
#ifdef BLENDIR_RUNS
  std::vector<sint<Cfg::WB> > tiles(std::size_t(PE) * RUN * SIMD * FOLDS);
  for (int pe = 0; pe < PE; ++pe) {
    for (int tile = 0; tile < RUN * FOLDS; ++tile) {
      for (int s = 0; s < SIMD; ++s) {
        tiles[((std::size_t(pe) * RUN + tile % RUN) * SIMD + s) * FOLDS + tile / RUN] = weights[pe][tile][s];
      }
    }
  }
#endif
  mvu_position<Cfg> at;
  const count_t runs = count_t(frames) * count_t(product_of(Cfg::OH, Cfg::OW, plan::NF / FOLDS,
                                                            plan::SF / RUN));
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    for (int run = 0; run < RUN; ++run) {
#pragma HLS unroll
      if (at.nf == 0) {
        const bits<SIMD * Cfg::E> beat = in.read();
        for (int s = 0; s < SIMD; ++s) {
#pragma HLS unroll
          held[at.sf + run][s] = input::get(beat, s);
        }
      }
    }
    for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
      for (int fold = 0; fold < FOLDS; ++fold) {
#pragma HLS unroll
        if (at.first()) acc[pe][fold] = 0;
      }
      for (int run = 0; run < RUN; ++run) {
#pragma HLS unroll
        for (int s = 0; s < SIMD; ++s) {
#pragma HLS unroll
          for (int fold = 0; fold < FOLDS; ++fold) {
#pragma HLS unroll
#ifdef BLENDIR_RUNS
            const sint<Cfg::WB> weight = tiles[((std::size_t(pe) * RUN + run) * SIMD + s) * FOLDS + fold];
#else
            const sint<Cfg::WB> weight = weights[pe][at.tile][s];
#endif
            acc[pe][fold] = sum_t(
                acc[pe][fold] + sum_t(multiply<input::width, Cfg::WB>(held[at.sf + run][s], weight)));
          }
        }
      }
    }
    if (in_runs || at.last()) {
      const int border = at.border(row_class, col_class);
      bits<PE * EO> results[FOLDS];
      for (int fold = 0; fold < FOLDS; ++fold) {
#pragma HLS unroll
        bits<PE * EO> result = 0;
        for (int pe = 0; pe < PE; ++pe) {
#pragma HLS unroll
          const num<TOTAL> total =
              num<TOTAL>(num<TOTAL>(acc[pe][fold]) + num<TOTAL>(bias[pe][border + fold]));
          put<EO>(result, pe, narrow<EO, Cfg::SHIFT, Cfg::ROUND, TOTAL>(total));
        }
        results[fold] = result;
      }
      write_run<FOLDS>(out, results);
    }
    at.template step<RUN, FOLDS>();
  }
}

}  // namespace blendir

#endif  // BLENDIR_MVU_HPP
