/// Number types: bits<N> (unsigned payload), lanes<N> (bits in a table), sint<N> (signed table
/// entry), num<W> (signed arithmetic value) and counters. They are ap_uint / ap_int in synthesis or
/// with BLENDIR_AP, and machine words otherwise. The accessors are the same for both.
#ifndef BLENDIR_TYPES_HPP
#define BLENDIR_TYPES_HPP

#include <cstdint>

#if defined(__SYNTHESIS__) || defined(BLENDIR_COSIM)
#define BLENDIR_TOOL_TYPES 1  // exactly the tool's types, no checks around them
#endif
#if defined(BLENDIR_TOOL_TYPES) || defined(BLENDIR_AP)
#define BLENDIR_AP_TYPES 1
#include <ap_int.h>
#endif

namespace blendir {

/// Bits needed to hold 0..n (at least 1).
constexpr int bits_for(long long n) {
  int count = 1;
  while ((n >> count) != 0) ++count;
  return count;
}

constexpr int max_of(int a, int b) { return a > b ? a : b; }
constexpr int min_of(int a, int b) { return a < b ? a : b; }

/// Greatest divisor of n that is at most limit.
constexpr int divisor_up_to(int n, int limit) {
  int d = limit < n ? limit : n;
  while (n % d != 0) --d;
  return d;
}

/// Greatest common divisor.
constexpr int common_divisor(int a, int b) {
  while (b != 0) {
    const int rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

#ifdef BLENDIR_AP_TYPES

/// Refuses widths that the tools do not take.
template <int N, int MAX>
struct checked_width {
  static_assert(N >= 1 && N <= MAX, "width outside the supported range");
  static const int value = N;
};

template <int N>
using bits = ap_uint<checked_width<N, 1024>::value>;
template <int N>
using lanes = bits<N>;
template <int N>
using sint = ap_int<checked_width<N, 64>::value>;
template <int W>
using num = ap_int<checked_width<W, 64>::value>;

/// M bits of the payload from bit `offset`.
template <int M, typename T>
inline bits<M> slice(const T& payload, int offset) {
#pragma HLS inline
  return bits<M>(payload.range(offset + M - 1, offset));
}

/// Replace M bits of the payload from bit `offset` by the low bits of value.
template <int M, typename T, typename U>
inline void place(T& payload, int offset, const U& value) {
#pragma HLS inline
  payload.range(offset + M - 1, offset) = bits<M>(value);
}

/// Element i of E bits, unsigned / two's complement.
template <int E, typename T>
inline bits<E> get_unsigned(const T& payload, int i) {
#pragma HLS inline
  return slice<E>(payload, i * E);
}

template <int E, typename T>
inline sint<E> get_signed(const T& payload, int i) {
#pragma HLS inline
  return sint<E>(slice<E>(payload, i * E));
}

/// v * 2^K, exact when the result fits.
template <int W, int K>
inline num<W> shift_left(num<W> v) {
#pragma HLS inline
  return num<W>(v << K);
}

/// a * b, exact.
template <int WA, int WB>
inline num<WA + WB> multiply(num<WA> a, num<WB> b) {
#pragma HLS inline
  return num<WA + WB>(a * b);
}

#else

}  // namespace blendir
#include "machine_types.hpp"
namespace blendir {

#endif

/// A product of sizes, such as a number of cycles, in 64 bits.
constexpr long long product_of(long long a, long long b, long long c = 1, long long d = 1) {
  return a * b * c * d;
}

/// Loop counters: over a whole run, and over 0..MAX.
#ifdef __SYNTHESIS__
typedef ap_uint<48> count_t;
template <int MAX>
using counter = ap_uint<bits_for(MAX)>;
const bool synthesis = true;
#else
typedef std::uint64_t count_t;
template <int MAX>
using counter = int;
const bool synthesis = false;
#endif

/// Count up to LAST in steps, then back to 0; true when it wraps.
template <int LAST, int STEP = 1, typename T>
inline bool advance(T& index) {
#pragma HLS inline
  if (index == LAST) {
    index = 0;
    return true;
  }
  index = index + STEP;
  return false;
}

/// Element i of E bits replaced by the low E bits of value.
template <int E, typename T, typename U>
inline void put(T& payload, int i, const U& value) {
#pragma HLS inline
  place<E>(payload, i * E, value);
}

/// Element i as a signed arithmetic value; unsigned elements get one bit more.
template <int E, bool IS_SIGNED>
struct element {
  static const int width = IS_SIGNED ? E : E + 1;
  template <typename T>
  static num<width> get(const T& payload, int i) {
#pragma HLS inline
    if (IS_SIGNED) return num<width>(get_signed<E>(payload, i));
    return num<width>(get_unsigned<E>(payload, i));
  }
};

/// A literal of any width from 64-bit words, least significant first. On machine words it is a
/// constant expression, so that g++ makes no code to fill tables.
#ifdef BLENDIR_AP_TYPES
template <int N, typename... Words>
inline bits<N> from_words(Words... words) {
  const std::uint64_t list[] = {static_cast<std::uint64_t>(words)...};
  static_assert(sizeof...(words) == (N + 63) / 64, "one word per 64 bits");
  bits<N> result = 0;
  for (int i = 0; i < N / 64; ++i) {
#pragma HLS unroll
    place<64>(result, 64 * i, list[i]);
  }
  if (N % 64 != 0) place<(N % 64 != 0 ? N % 64 : 1)>(result, N / 64 * 64, list[(N - 1) / 64]);
  return result;
}
#else
template <int N, typename... Words>
constexpr bits<N> from_words(Words... words) {
  static_assert(sizeof...(words) == (N + 63) / 64, "one word per 64 bits");
  return bits<N>(words...);
}
#endif

/// The content of a memory cell before its first write in C-simulation. No result depends on it.
template <int N>
inline bits<N> unwritten() {
  bits<N> result = 0;
#if defined(BLENDIR_POISON) && !defined(__SYNTHESIS__)
  for (int i = 0; i < N; ++i) place<1>(result, i, 0xA5 >> (i & 7) & 1);
#endif
  return result;
}

}  // namespace blendir

#endif  // BLENDIR_TYPES_HPP
