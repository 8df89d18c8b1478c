/// Rounding and saturation, the only places where a value loses bits.
#ifndef BLENDIR_NUMERICS_HPP
#define BLENDIR_NUMERICS_HPP

#include "types.hpp"

namespace blendir {

/// round(v / 2^SHIFT). ROUND 0: floor((v + 2^(SHIFT-1)) / 2^SHIFT), half up; ROUND 1: half to
/// even. A negative SHIFT multiplies by 2^-SHIFT exactly. `width` bits hold the result.
template <int W, int SHIFT, int ROUND>
struct rounding {
  static_assert(ROUND == 0 || ROUND == 1, "0 half up, 1 half even");
  static const int up = SHIFT < 0 ? -SHIFT : 0;
  static const int down = SHIFT > 0 ? min_of(SHIFT, W) : 0;  // a number that is shifted out completely is 0
  static const int inner = W + up + (SHIFT > 0 ? 1 : 0);
  static const int width = inner - down;
};

template <int W, int SHIFT, int ROUND>
inline num<rounding<W, SHIFT, ROUND>::width> round_shift(num<W> v) {
#pragma HLS inline
  typedef rounding<W, SHIFT, ROUND> form;
  typedef num<form::inner> inner_t;
  const int half_bit = form::down > 0 ? form::down - 1 : 0;
  inner_t x = shift_left<form::inner, form::up>(inner_t(v));
  if (SHIFT > 0) {
    const inner_t half = shift_left<form::inner, half_bit>(inner_t(1));
    inner_t bias = half;
    if (ROUND == 1) bias = inner_t(half - inner_t(1) + inner_t((x >> form::down) & inner_t(1)));
    x = inner_t(x + bias);
  }
  return num<form::width>(x >> form::down);
}

/// The value of EO signed bits nearest to v.
template <int EO, int W>
inline num<EO> saturate(num<W> v) {
#pragma HLS inline
  const int bound = min_of(EO, W) - 1;
  const std::int64_t top = static_cast<std::int64_t>((std::uint64_t(1) << bound) - 1);
  const num<W> high = num<W>(top);
  const num<W> low = num<W>(-top - 1);
  if (v > high) return num<EO>(high);
  if (v < low) return num<EO>(low);
  return num<EO>(v);
}

/// saturate_EO(round(v / 2^SHIFT)).
template <int EO, int SHIFT, int ROUND, int W>
inline num<EO> narrow(num<W> v) {
#pragma HLS inline
  return saturate<EO, rounding<W, SHIFT, ROUND>::width>(round_shift<W, SHIFT, ROUND>(v));
}

}  // namespace blendir

#endif  // BLENDIR_NUMERICS_HPP
