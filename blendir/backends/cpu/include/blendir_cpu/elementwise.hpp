/// Functions of single elements of planes [C][P]. Parameters belong to planes (`rows`) or to positions in them.
#ifndef BLENDIR_CPU_ELEMENTWISE_HPP
#define BLENDIR_CPU_ELEMENTWISE_HPP

#include "lanes.hpp"

namespace blendir {

/// Bit j of word [k][p] is (x[16 k + j][p] >= limit) xor the same bit of flip.
template <int C, int P, bool ROWS, class X>
inline void threshold(const X* __restrict x, const X* __restrict limit, const std::uint16_t* __restrict flip,
                      std::uint16_t* __restrict y) {
  for (int k = 0; k < (C + 15) / 16; ++k) {
    const int count = C - 16 * k < 16 ? C - 16 * k : 16;
    std::uint16_t* word = y + k * P;
    for (int p = 0; p < P; ++p) word[p] = flip[ROWS ? k : k * P + p];
    for (int j = 0; j < count; ++j) {
      const X* plane = x + (16 * k + j) * P;
      for (int p = 0; p < P; ++p)
        word[p] ^= std::uint16_t((plane[p] >= limit[ROWS ? 16 * k + j : p]) << j);
    }
  }
}

/// y = x >= k ? a1 x + b1 : a0 x + b0, settled.
template <int C, int P, bool ROWS, class Exact, class S, class X, class K, class A, class B, class Y>
inline void piecewise(const X* __restrict x, const K* __restrict k, const A* __restrict a0, const B* __restrict b0,
                      const A* __restrict a1, const B* __restrict b1, Y* __restrict y) {
  for (int c = 0; c < C; ++c) {
    const X* from = x + c * P;
    Y* to = y + c * P;
    if constexpr (ROWS) {
      const Exact above = a1[c], below = a0[c], more = b1[c], less = b0[c];
      const Exact limit = k[c];
      for (int p = 0; p < P; ++p) {
        const Exact v = from[p];
        to[p] = S::template to<Y>((v >= limit ? above : below) * v + (v >= limit ? more : less));
      }
    } else {
      for (int p = 0; p < P; ++p) {
        const Exact v = from[p], above = a1[p], below = a0[p], more = b1[p], less = b0[p];
        to[p] = S::template to<Y>((v >= Exact(k[p]) ? above : below) * v + (v >= Exact(k[p]) ? more : less));
      }
    }
  }
}

/// y = a 2^UP_A + b 2^UP_B, settled.
template <int N, class Exact, int UP_A, int UP_B, class S, class A, class B, class Y>
inline void add(const A* __restrict a, const B* __restrict b, Y* __restrict y) {
  for (int i = 0; i < N; ++i) y[i] = S::template to<Y>((Exact(a[i]) << UP_A) + (Exact(b[i]) << UP_B));
}

/// y = a b, settled; a GATE has one element for each plane.
template <int C, int P, bool GATE, class Exact, class S, class A, class B, class Y>
inline void multiply(const A* __restrict a, const B* __restrict b, Y* __restrict y) {
  for (int c = 0; c < C; ++c)
    for (int p = 0; p < P; ++p)
      y[c * P + p] = S::template to<Y>(Exact(a[c * P + p]) * Exact(b[GATE ? c : c * P + p]));
}

/// y = lowest + step * (number of the levels' limits, [LEVELS] of each parameter, that x reaches, or does not).
template <int C, int P, bool ROWS, int LEVELS, class X, class Limit, class Y>
inline void multi_threshold(const X* __restrict x, const Limit* __restrict limits, const std::uint8_t* __restrict invert,
                            std::int64_t lowest, std::int64_t step, Y* __restrict y) {
  constexpr int COUNT = ROWS ? C : P;
  const Y more = Y(step);
  for (int c = 0; c < C; ++c) {
    for (int p = 0; p < P; ++p) y[c * P + p] = Y(lowest);
    for (int l = 0; l < LEVELS; ++l)
      for (int p = 0; p < P; ++p) {
        const int i = ROWS ? c : p;
        y[c * P + p] += Y(((x[c * P + p] >= limits[l * COUNT + i]) ^ invert[i]) ? more : Y(0));
      }
  }
}

template <int N, class S, class Exact, class X, class Y>
inline void requantize(const X* __restrict x, Y* __restrict y) {
  for (int i = 0; i < N; ++i) y[i] = S::template to<Y>(Exact(x[i]));
}

template <int N, class X, class Y>
inline void clamp(const X* __restrict x, X low, X high, Y* __restrict y) {
  for (int i = 0; i < N; ++i) y[i] = Y(x[i] < low ? low : x[i] > high ? high : x[i]);
}

/// y = table[x - low].
template <int N, class X, class Y>
inline void lookup(const X* __restrict x, const Y* __restrict table, int low, Y* __restrict y) {
  for (int i = 0; i < N; ++i) y[i] = table[int(x[i]) - low];
}

/// y[c][p] = +1 or -1 for bit lane[c] of the words [k][p].
template <int C, int P, class Y>
inline void bits_to_value(const std::uint16_t* __restrict x, const std::int32_t* __restrict lane, Y* __restrict y) {
  for (int c = 0; c < C; ++c)
    for (int p = 0; p < P; ++p) y[c * P + p] = Y(((x[lane[c] / 16 * P + p] >> lane[c] % 16) & 1) * 2 - 1);
}

/// The places of the K largest of C elements, the largest first and of equal ones the first, for [OUTER][C][INNER].
template <int OUTER, int C, int INNER, int K, class X, class Y>
inline void argmax(const X* __restrict x, Y* __restrict y) {
  for (int o = 0; o < OUTER; ++o)
    for (int i = 0; i < INNER; ++i) {
      const X* v = x + o * C * INNER + i;
      int place[K];
      for (int c = 0; c < C; ++c) {
        int k = c < K ? c : K;
        for (; k > 0 && v[c * INNER] > v[place[k - 1] * INNER]; --k)
          if (k < K) place[k] = place[k - 1];
        if (k < K) place[k] = c;
      }
      for (int k = 0; k < K; ++k) y[(o * K + k) * INNER + i] = Y(place[k]);
    }
}

/// Layer normalization of C elements of [OUTER][C][INNER]: gamma u + beta, settled, where u has 16 fractional bits and
/// comes from a reciprocal root of 24 bits: a seed of 11 bits by the leading 9, then a Newton step.
template <int OUTER, int C, int INNER, class S, class X, class G, class B, class Y>
inline void layer_norm(const X* __restrict x, const G* __restrict gamma, const B* __restrict beta, std::int64_t epsilon,
                       const std::int64_t* __restrict seeds, Y* __restrict y) {
  typedef std::int64_t wide;
  for (int o = 0; o < OUTER; ++o)
    for (int i = 0; i < INNER; ++i) {
      const X* v = x + o * C * INNER + i;
      wide sum = 0, squares = 0;
      for (int c = 0; c < C; ++c) {
        sum += v[c * INNER];
        squares += wide(v[c * INNER]) * v[c * INNER];
      }
      wide spread = C * squares - sum * sum + epsilon;
      if (spread < 1) spread = 1;
      const int half = (65 - __builtin_clzll(std::uint64_t(spread))) / 2, up = 24 - 2 * half;
      const wide radicand = up >= 0 ? spread << up : spread >> -up;
      const wide seed = seeds[(radicand >> 15) - 128];
      const wide rest = ((wide(3) << 46) - radicand * seed * seed) >> 24;
      const wide root = (seed * rest + (wide(1) << 17)) >> 18;
      for (int c = 0; c < C; ++c) {
        const wide u = ((C * wide(v[c * INNER]) - sum) * root + (wide(1) << (half - 1))) >> half;
        y[o * C * INNER + c * INNER + i] = S::template to<Y>(wide(gamma[c]) * u + beta[c]);
      }
    }
}

}  // namespace blendir

#endif  // BLENDIR_CPU_ELEMENTWISE_HPP
