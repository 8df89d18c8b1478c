/// popcount<N>(x): number of ones in x.
#ifndef BLENDIR_POPCOUNT_HPP
#define BLENDIR_POPCOUNT_HPP

#include "types.hpp"

namespace blendir {

template <int N>
using popcount_t = num<bits_for(N) + 1>;

typedef bits<1> bit_t;

inline bit_t majority(bit_t a, bit_t b, bit_t c) {
#pragma HLS inline
  return bit_t((a & b) | (a & c) | (b & c));
}

/// The three bits of a+b+c+d+e+f (0..6). Each is a function of the six inputs: one LUT6.
inline bit_t six_ones(bit_t a, bit_t b, bit_t c, bit_t d, bit_t e, bit_t f) {
#pragma HLS inline
  return bit_t(a ^ b ^ c ^ d ^ e ^ f);
}
inline bit_t six_twos(bit_t a, bit_t b, bit_t c, bit_t d, bit_t e, bit_t f) {
#pragma HLS inline
  return bit_t(majority(a, b, c) ^ majority(d, e, f) ^ ((a ^ b ^ c) & (d ^ e ^ f)));
}
inline bit_t six_fours(bit_t a, bit_t b, bit_t c, bit_t d, bit_t e, bit_t f) {
#pragma HLS inline
  return majority(majority(a, b, c), majority(d, e, f), bit_t((a ^ b ^ c) & (d ^ e ^ f)));
}

/// One level of pairwise sums: M values of W bits to (M+1)/2 values of W+1 bits.
template <int W, int M>
inline void add_pairs(const bits<W> in[M], bits<W + 1> out[(M + 1) / 2]) {
#pragma HLS inline
  for (int i = 0; i < M / 2; ++i) {
#pragma HLS unroll
    out[i] = bits<W + 1>(in[2 * i] + in[2 * i + 1]);
  }
  if (M % 2 == 1) out[(M - 1) / 2] = bits<W + 1>(in[M - 1]);
}

/// Population count: groups of six bits, then eight levels of adders of exact width (N <= 1024).
/// Levels after the last pair only pass the value on.
template <int N>
inline popcount_t<N> popcount_groups(const bits<N>& x) {
#pragma HLS inline
  const int M0 = (N + 5) / 6, M1 = (M0 + 1) / 2, M2 = (M1 + 1) / 2, M3 = (M2 + 1) / 2;
  const int M4 = (M3 + 1) / 2, M5 = (M4 + 1) / 2, M6 = (M5 + 1) / 2, M7 = (M6 + 1) / 2;
  static_assert((M7 + 1) / 2 == 1, "eight levels reach one value");
  bits<3> level0[M0];
  bits<4> level1[M1];
  bits<5> level2[M2];
  bits<6> level3[M3];
  bits<7> level4[M4];
  bits<8> level5[M5];
  bits<9> level6[M6];
  bits<10> level7[M7];
  bits<11> level8[1];
#pragma HLS array_partition variable=level0 complete dim=1
#pragma HLS array_partition variable=level1 complete dim=1
#pragma HLS array_partition variable=level2 complete dim=1
#pragma HLS array_partition variable=level3 complete dim=1
#pragma HLS array_partition variable=level4 complete dim=1
#pragma HLS array_partition variable=level5 complete dim=1
#pragma HLS array_partition variable=level6 complete dim=1
#pragma HLS array_partition variable=level7 complete dim=1
  for (int g = 0; g < M0; ++g) {
#pragma HLS unroll
    bit_t v[6];
#pragma HLS array_partition variable=v complete dim=1
    for (int k = 0; k < 6; ++k) {
#pragma HLS unroll
      v[k] = 6 * g + k < N ? slice<1>(x, 6 * g + k) : bit_t(0);
    }
    level0[g] = 0;
    place<1>(level0[g], 0, six_ones(v[0], v[1], v[2], v[3], v[4], v[5]));
    place<1>(level0[g], 1, six_twos(v[0], v[1], v[2], v[3], v[4], v[5]));
    place<1>(level0[g], 2, six_fours(v[0], v[1], v[2], v[3], v[4], v[5]));
  }
  add_pairs<3, M0>(level0, level1);
  add_pairs<4, M1>(level1, level2);
  add_pairs<5, M2>(level2, level3);
  add_pairs<6, M3>(level3, level4);
  add_pairs<7, M4>(level4, level5);
  add_pairs<8, M5>(level5, level6);
  add_pairs<9, M6>(level6, level7);
  add_pairs<10, M7>(level7, level8);
  return popcount_t<N>(level8[0]);
}

#ifndef __SYNTHESIS__
/// The same count with the machine's instruction, for C-simulation.
template <int N>
inline popcount_t<N> popcount_words(const bits<N>& x) {
  int count = 0;
  for (int i = 0; i < N / 64; ++i) {
    count += __builtin_popcountll(static_cast<std::uint64_t>(get_unsigned<64>(x, i)));
  }
  if (N % 64 != 0) {
    const bits<(N % 64 != 0 ? N % 64 : 1)> rest =
        slice<(N % 64 != 0 ? N % 64 : 1)>(x, N / 64 * 64);
    count += __builtin_popcountll(static_cast<std::uint64_t>(rest));
  }
  return popcount_t<N>(count);
}
#endif

template <int N>
inline popcount_t<N> popcount(const bits<N>& x) {
#pragma HLS inline
#ifdef __SYNTHESIS__
  return popcount_groups<N>(x);
#else
  return popcount_words<N>(x);
#endif
}

/// Number of ones in a xor b: three lanes become the two bits of their count. These are functions
/// of six inputs again, so the XORs cost nothing.
template <int N>
inline popcount_t<N> difference_groups(const bits<N>& a, const bits<N>& b) {
#pragma HLS inline
  const int GROUPS = (N + 2) / 3;
  const bits<N> x = bits<N>(a ^ b);
  bits<GROUPS> ones = 0, twos = 0;
  for (int g = 0; g < GROUPS; ++g) {
#pragma HLS unroll
    bit_t v[3];
#pragma HLS array_partition variable=v complete dim=1
    for (int k = 0; k < 3; ++k) {
#pragma HLS unroll
      v[k] = 3 * g + k < N ? slice<1>(x, 3 * g + k) : bit_t(0);
    }
    place<1>(ones, g, bit_t(v[0] ^ v[1] ^ v[2]));
    place<1>(twos, g, majority(v[0], v[1], v[2]));
  }
  const popcount_t<N> high = popcount_t<N>(popcount_groups<GROUPS>(twos));
  return popcount_t<N>(popcount_t<N>(popcount_groups<GROUPS>(ones)) +
                       shift_left<bits_for(N) + 1, 1>(high));
}

template <int N>
inline popcount_t<N> count_differences(const bits<N>& a, const bits<N>& b) {
#pragma HLS inline
#ifdef __SYNTHESIS__
  return difference_groups<N>(a, b);
#else
  return popcount_words<N>(bits<N>(a ^ b));
#endif
}

}  // namespace blendir

#endif  // BLENDIR_POPCOUNT_HPP
