/// What only moves elements.
#ifndef BLENDIR_CPU_MOVES_HPP
#define BLENDIR_CPU_MOVES_HPP

#include "lanes.hpp"

namespace blendir {

/// y[o][i][n] = x[o][picks[i]][n] of [OUTER][FROM][INNER], and 0 where a pick is -1.
template <int OUTER, int FROM, int TO, int INNER, class X, class Y>
inline void take(const X* __restrict x, const std::int32_t* __restrict picks, Y* __restrict y) {
  for (int o = 0; o < OUTER; ++o)
    for (int i = 0; i < TO; ++i)
      for (int n = 0; n < INNER; ++n)
        y[(o * TO + i) * INNER + n] = picks[i] < 0 ? Y(0) : Y(x[(o * FROM + picks[i]) * INNER + n]);
}

/// One operand of a concatenation: [OUTER][SIZE] goes to [OUTER][TOTAL] from START on.
template <int OUTER, int SIZE, int TOTAL, int START, class X, class Y>
inline void place(const X* __restrict x, Y* __restrict y) {
  for (int o = 0; o < OUTER; ++o)
    for (int i = 0; i < SIZE; ++i) y[o * TOTAL + START + i] = Y(x[o * SIZE + i]);
}

/// y[i] = x[from[i]].
template <int N, class X, class Y>
inline void permute(const X* __restrict x, const std::int32_t* __restrict from, Y* __restrict y) {
  for (int i = 0; i < N; ++i) y[i] = Y(x[from[i]]);
}

/// y[o][b][a] = x[o][a][b] of 16-bit numbers, in squares of LANES: five times, row i of the first half and row i of the
/// second become one after the other, their numbers by turns.
template <int OUTER, int A, int B, class X>
inline void transpose(const X* __restrict x, X* __restrict y) {
  static_assert(sizeof(X) == 2 && A % LANES == 0 && B % LANES == 0, "squares");
  for (int o = 0; o < OUTER; ++o)
    for (int a = 0; a < A; a += LANES)
      for (int b = 0; b < B; b += LANES) {
        lanes rows[2][LANES];
        for (int i = 0; i < LANES; ++i) rows[0][i] = get<lanes>(x + (o * A + a + i) * B + b);
        for (int step = 0; step < 5; ++step)
          for (int i = 0; i < LANES / 2; ++i)
            by_turns(rows[step % 2][i], rows[step % 2][i + LANES / 2], rows[1 - step % 2] + 2 * i);
        for (int i = 0; i < LANES; ++i) put(rows[1][i], y + (o * B + b + i) * A + a);
      }
}

/// y[i] = x[i].
template <int N, class X, class Y>
inline void copy(const X* __restrict x, Y* __restrict y) {
  for (int i = 0; i < N; ++i) y[i] = Y(x[i]);
}

}  // namespace blendir

#endif  // BLENDIR_CPU_MOVES_HPP
