/// Functions of blocks of LANES pixels of a plane, which follow a product without passing through memory.
#ifndef BLENDIR_CPU_FUSED_HPP
#define BLENDIR_CPU_FUSED_HPP

#include "products.hpp"

namespace blendir {

/// y = x >= k ? a1 x + b1 : a0 x + b0, settled.
template <class Exact, class S, class Y, class X>
BLENDIR_INLINE Block<Y> piecewise(const Block<X>& x, Exact k, Exact a0, Exact b0, Exact a1, Exact b1) {
  typedef typename Wide<Exact>::type wide;
  return settled<Exact, S, Y>([&](int i) {
    const wide v = widened<Exact>(x.v, i);
    return (v >= k ? wide{} + a1 : wide{} + a0) * v + (v >= k ? wide{} + b1 : wide{} + b0);
  });
}

/// The same of numbers below 2^(15 - UP), whose results before the shift fit 32 bits, rounded half up. A slope has two
/// digits, which meet x and x 2^UP. pieces: limit 2^(16 + UP), digits and offset below it, and from it on; offsets
/// have the half that rounds.
template <int UP, int SHIFT, int W>
BLENDIR_INLINE Block<std::int16_t> piecewise(const Block<std::int16_t>& x, const std::int32_t* pieces) {
  const lanes v = get<lanes>(x.v);
  const auto part = [=](pairs digits) {
    const sums from = sums{} + pieces[0];
    const auto above = (sums)digits >= from;
    const sums slope = above ? sums{} + pieces[3] : sums{} + pieces[1];
    const sums offset = above ? sums{} + pieces[4] : sums{} + pieces[2];
    return multiply_pairs(offset, digits, (pairs)slope) >> SHIFT;
  };
  return saturated<W>(narrowed(part(paired<0>(v, v << UP)), part(paired<1>(v, v << UP))));
}

/// y = a 2^UP_A + b 2^UP_B, settled.
template <class Exact, int UP_A, int UP_B, class S, class Y, class A, class B>
BLENDIR_INLINE Block<Y> add(const Block<A>& a, const Block<B>& b) {
#if defined(__AVX512BW__)
  constexpr bool saturating = std::is_same<S, Settle<0, false, 16>>::value && UP_A == 0 && UP_B == 0;
  if constexpr (saturating && sizeof(A) == 2 && sizeof(B) == 2 && sizeof(Y) == 2) {
    Block<Y> y;
    put<lanes>((lanes)_mm512_adds_epi16((__m512i)get<lanes>(a.v), (__m512i)get<lanes>(b.v)), y.v);
    return y;
  }
#endif
  return settled<Exact, S, Y>(
      [&](int i) { return (widened<Exact>(a.v, i) << UP_A) + (widened<Exact>(b.v, i) << UP_B); });
}

/// Writes a block of output o to planes in a trace.
template <int P, class T>
BLENDIR_INLINE void keep_block(const Block<T>& x, char* planes, int o, int p) {
  store_block<P>(x, reinterpret_cast<T*>(planes) + o * P, p);
}

/// Pixels from p on of a plane of P; lanes beyond the last pixel are 0.
template <int P, class X>
BLENDIR_INLINE Block<X> load_block(const X* plane, int p) {
  Block<X> x;
  if (P % LANES == 0 || p + LANES <= P) {
    copy_block(plane + p, x.v);
  } else {
    for (int n = 0; n < LANES; ++n) x.v[n] = p + n < P ? plane[p + n] : X(0);
  }
  return x;
}

/// Sets bit j of the words of a plane to (x >= limit) xor that bit of flip; bit 0 comes first. step: the limit, and what
/// the bit adds where x reaches it, each twice.
template <int P>
BLENDIR_INLINE void set_bit(const Block<std::int16_t>& x, const std::uint32_t* step, int j, std::uint16_t flip,
                            std::uint16_t* plane, int p) {
  typedef typename Narrow<std::int16_t, LANES>::type numbers;
  Block<std::uint16_t> words;
  const bool whole = P % LANES == 0 || p + LANES <= P;
  if (j > 0 && !whole) words = load_block<P>(plane, p);
  lanes w = j == 0 ? lanes{} + flip : load(whole ? plane + p : words.v);
  w = get<numbers>(x.v) >= (numbers)splat(step[0]) ? w + splat(step[1]) : w;
  if (whole) return put(w, plane + p);
  put(w, words.v);
  store_block<P>(words, plane, p);
}

/// The same of numbers of other types.
template <int P, class X>
BLENDIR_INLINE void set_bit(const Block<X>& x, X limit, int j, std::uint16_t flip, std::uint16_t* plane, int p) {
  Block<std::uint16_t> words;
  const bool whole = P % LANES == 0 || p + LANES <= P;
  if (j > 0 && !whole) words = load_block<P>(plane, p);
  lanes w = j == 0 ? lanes{} + flip : load(whole ? plane + p : words.v);
  put(w, words.v);
  for (int n = 0; n < LANES; ++n) words.v[n] ^= x.v[n] >= limit ? std::uint16_t(1u << j) : std::uint16_t(0);
  store_block<P>(words, plane, p);
}

}  // namespace blendir

#endif  // BLENDIR_CPU_FUSED_HPP
