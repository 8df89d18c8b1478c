/// Windows of planes [C][H][W]: pools, and the columns that products read.
#ifndef BLENDIR_CPU_WINDOWS_HPP
#define BLENDIR_CPU_WINDOWS_HPP

#include "lanes.hpp"

namespace blendir {

/// Tap (i, j) of output (y, x) is input (y SY + i DY - TOP, x SX + j DX - LEFT).
template <int H_, int W_, int OH_, int OW_, int KH_, int KW_, int SY_, int SX_, int TOP_, int LEFT_, int DY_, int DX_>
struct Window {
  static constexpr int H = H_, W = W_, OH = OH_, OW = OW_, KH = KH_, KW = KW_, SY = SY_, SX = SX_, TOP = TOP_,
                       LEFT = LEFT_, DY = DY_, DX = DX_;
  static constexpr int PIXELS = OH * OW, TAPS = KH * KW;
  /// Rows and columns of padded planes that are read.
  static constexpr int PH = (OH - 1) * SY + (KH - 1) * DY + 1, PW = (OW - 1) * SX + (KW - 1) * DX + 1;
  /// Whether the planes can be read where they lie.
  static constexpr bool PLAIN = TOP == 0 && LEFT == 0 && PH <= H && PW == W;
  static constexpr int PITCH = PLAIN ? H * W : PH * PW;
};

/// Planes with their padding, as E(x >> SHIFT & MASK): `outside[c]` where there is no input. Returns the planes, PITCH
/// apart.
template <class G, int C, int SHIFT = 0, int MASK = -1, class X, class E>
BLENDIR_INLINE const E* padded(const X* __restrict x, const E* __restrict outside, E* __restrict space) {
  if constexpr (G::PLAIN && sizeof(X) == sizeof(E) && MASK == -1 && SHIFT == 0) {
    return reinterpret_cast<const E*>(x);
  } else {
    for (int c = 0; c < C; ++c)
      for (int i = 0; i < G::PH; ++i) {
        E* row = space + c * G::PITCH + i * G::PW;
        const int y = i - G::TOP;
        if (y < 0 || y >= G::H) {
          for (int j = 0; j < G::PW; ++j) row[j] = outside[c];
          continue;
        }
        constexpr int end = G::LEFT + G::W < G::PW ? G::LEFT + G::W : G::PW;
        for (int j = 0; j < G::LEFT && j < G::PW; ++j) row[j] = outside[c];
        const X* from = x + (c * G::H + y) * G::W;
        if constexpr (std::is_same<X, E>::value && MASK == -1 && SHIFT == 0 && end > G::LEFT)
          std::memcpy(row + G::LEFT, from, (end - G::LEFT) * sizeof(E));
        else
          for (int j = G::LEFT; j < end; ++j) row[j] = E(from[j - G::LEFT] >> SHIFT & MASK);
        for (int j = end; j < G::PW; ++j) row[j] = outside[c];
      }
    return space;
  }
}

/// The taps of LANES outputs from `first` on: columns[c TAPS + tap][lane]; lanes beyond the last output repeat it.
template <class G, int C, class E>
BLENDIR_INLINE void columns(const E* __restrict planes, int first, E* __restrict to) {
  if constexpr (G::SX == 1 && G::OW % LANES == 0) {
    const E* from = planes + first / G::OW * G::SY * G::PW + first % G::OW;
    for (int c = 0; c < C; ++c)
      for (int i = 0; i < G::KH; ++i)
        for (int j = 0; j < G::KW; ++j, to += LANES)
          copy_block(from + c * G::PITCH + i * G::DY * G::PW + j * G::DX, to);
  } else if constexpr (G::SX == 1 && LANES % G::OW == 0 && G::PIXELS % LANES == 0) {
    const E* from = planes + first / G::OW * G::SY * G::PW;
    for (int c = 0; c < C; ++c)
      for (int i = 0; i < G::KH; ++i)
        for (int j = 0; j < G::KW; ++j, to += LANES)
          for (int r = 0; r < LANES / G::OW; ++r)
            std::memcpy(to + r * G::OW, from + c * G::PITCH + (i * G::DY + r * G::SY) * G::PW + j * G::DX,
                        G::OW * sizeof(E));
  } else {
    int places[LANES];
    for (int n = 0; n < LANES; ++n) {
      const int p = first + n < G::PIXELS ? first + n : G::PIXELS - 1;
      places[n] = p / G::OW * G::SY * G::PW + p % G::OW * G::SX;
    }
    for (int c = 0; c < C; ++c)
      for (int i = 0; i < G::KH; ++i)
        for (int j = 0; j < G::KW; ++j, to += LANES) {
          const E* from = planes + c * G::PITCH + i * G::DY * G::PW + j * G::DX;
          for (int n = 0; n < LANES; ++n) to[n] = from[places[n]];
        }
  }
}

/// The taps of one output: row[c TAPS + tap].
template <class G, int C, class E>
BLENDIR_INLINE void window_row(const E* __restrict planes, int pixel, E* __restrict row) {
  const E* from = planes + pixel / G::OW * G::SY * G::PW + pixel % G::OW * G::SX;
  for (int c = 0; c < C; ++c)
    for (int i = 0; i < G::KH; ++i)
      for (int j = 0; j < G::KW; ++j) *row++ = from[c * G::PITCH + i * G::DY * G::PW + j * G::DX];
}

/// y[c][p] = combine over the taps, which starts from `none`; `space` holds a padded plane.
template <class G, int C, class X, class Y, class Combine>
BLENDIR_INLINE void pool(const X* __restrict x, X outside, Y none, X* __restrict space, Y* __restrict y, Combine combine) {
  for (int c = 0; c < C; ++c, y += G::PIXELS) {
    const X* plane = padded<G, 1>(x + c * G::H * G::W, &outside, space);
    for (int p = 0; p < G::PIXELS; ++p) y[p] = none;
    for (int i = 0; i < G::KH; ++i)
      for (int j = 0; j < G::KW; ++j)
        for (int r = 0; r < G::OH; ++r)
          for (int q = 0; q < G::OW; ++q)
            y[r * G::OW + q] =
                combine(y[r * G::OW + q], plane[(r * G::SY + i * G::DY) * G::PW + q * G::SX + j * G::DX]);
  }
}

/// Sums of windows two wide side by side: a word of 32 bits holds a row of one.
template <class G, int C>
BLENDIR_INLINE void sum_pool_of_pairs(const std::int16_t* x, std::int32_t* __restrict y) {
  typedef std::int32_t word __attribute__((aligned(2), may_alias));
  for (int c = 0; c < C; ++c)
    for (int r = 0; r < G::OH; ++r)
      for (int q = 0; q < G::OW; ++q) {
        std::int32_t sum = 0;
        for (int i = 0; i < G::KH; ++i) {
          const std::int32_t both = reinterpret_cast<const word*>(x + (c * G::H + r * G::SY + i) * G::W)[q];
          sum += std::int16_t(both) + (both >> 16);
        }
        y[c * G::PIXELS + r * G::OW + q] = sum;
      }
}

template <class G, int C, class X, class Y>
BLENDIR_INLINE void sum_pool(const X* x, X* space, Y* y) {
  constexpr bool pairs = G::PLAIN && G::KW == 2 && G::SX == 2 && G::DX == 1 && G::DY == 1 && G::W == 2 * G::OW;
  if constexpr (pairs && std::is_same<X, std::int16_t>::value && std::is_same<Y, std::int32_t>::value)
    return sum_pool_of_pairs<G, C>(x, y);
  pool<G, C>(x, X(0), Y(0), space, y, [](Y a, X b) { return Y(a + b); });
}

template <class G, int C, class X>
BLENDIR_INLINE void max_pool(const X* x, X* space, X* y) {
  constexpr X low = std::numeric_limits<X>::min();
  pool<G, C>(x, low, low, space, y, [](X a, X b) { return a > b ? a : b; });
}

template <class G, int C>
BLENDIR_INLINE void or_pool(const std::uint16_t* x, std::uint16_t* space, std::uint16_t* y) {
  pool<G, C>(x, std::uint16_t(0), std::uint16_t(0), space, y,
             [](std::uint16_t a, std::uint16_t b) { return std::uint16_t(a | b); });
}

}  // namespace blendir

#endif  // BLENDIR_CPU_WINDOWS_HPP
