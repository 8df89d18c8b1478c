/// The machine-word layer of types.hpp, for fast C-simulation; include types.hpp instead.
#ifndef BLENDIR_MACHINE_TYPES_HPP
#define BLENDIR_MACHINE_TYPES_HPP

#include <cstdint>

namespace blendir {

template <int BYTES>
struct machine_word;
template <>
struct machine_word<2> {
  typedef std::uint16_t unsigned_type;
  typedef std::int16_t signed_type;
};
template <>
struct machine_word<4> {
  typedef std::uint32_t unsigned_type;
  typedef std::int32_t signed_type;
};
template <>
struct machine_word<8> {
  typedef std::uint64_t unsigned_type;
  typedef std::int64_t signed_type;
};

/// At least two bytes: a byte may alias anything, which keeps loop counters out of registers.
constexpr int word_bytes(int n) { return n <= 16 ? 2 : n <= 32 ? 4 : 8; }
constexpr std::uint64_t low_mask(int n) {
  return n >= 64 ? ~std::uint64_t(0) : (std::uint64_t(1) << n) - 1;
}

/// At most 64 bits: one machine word that knows its width; unused high bits are 0.
template <int N, bool WIDE = (N > 64)>
struct bits {
  static_assert(N >= 1 && N <= 1024, "width outside the supported range");
  static const int width = N;
  typedef typename machine_word<word_bytes(N)>::unsigned_type word;
  word w;
  constexpr bits() : w(0) {}
  constexpr bits(std::uint64_t value) : w(static_cast<word>(value & low_mask(N))) {}
  constexpr operator word() const { return w; }
  std::uint64_t chunk(int offset) const { return std::uint64_t(w) >> offset; }
  void merge(int offset, std::uint64_t mask, std::uint64_t value) {
    w = static_cast<word>((w & ~(mask << offset)) | ((value & mask) << offset));
  }
};

/// More than 64 bits: little-endian 64-bit words.
template <int N>
struct bits<N, true> {
  static_assert(N >= 1 && N <= 1024, "width outside the supported range");
  static const int width = N;
  static const int words = (N + 63) / 64;
  std::uint64_t w[words];
  constexpr bits() : w() {}
  constexpr bits(std::uint64_t value) : w{value} {}
  template <typename... Words>
  constexpr bits(std::uint64_t first, std::uint64_t second, Words... rest)
      : w{first, second, static_cast<std::uint64_t>(rest)...} {}
  /// Up to 64 bits from `offset`, zero-filled (wanted bits beyond 64 are not returned).
  std::uint64_t chunk(int offset) const {
    const int index = offset >> 6, shift = offset & 63;
    std::uint64_t value = w[index] >> shift;
    if (shift != 0 && index + 1 < words) value |= w[index + 1] << (64 - shift);
    return value;
  }
  void merge(int offset, std::uint64_t mask, std::uint64_t value) {
    const int index = offset >> 6, shift = offset & 63;
    value &= mask;
    w[index] = (w[index] & ~(mask << shift)) | (value << shift);
    if (shift != 0 && index + 1 < words) {
      w[index + 1] = (w[index + 1] & ~(mask >> (64 - shift))) | (value >> (64 - shift));
    }
  }
  bits operator^(const bits& other) const {
    bits result;
    for (int i = 0; i < words; ++i) result.w[i] = w[i] ^ other.w[i];
    return result;
  }
  bits operator~() const {
    bits result;
    for (int i = 0; i < words; ++i) result.w[i] = ~w[i];
    result.w[words - 1] &= low_mask(N - 64 * (words - 1));
    return result;
  }
  bool operator==(const bits& other) const {
    bool same = true;
    for (int i = 0; i < words; ++i) same = same && w[i] == other.w[i];
    return same;
  }
  bool operator!=(const bits& other) const { return !(*this == other); }
};

template <int N, bool WIDE = (N > 64)>
struct lane_type {
  typedef typename bits<N>::word type;
};
template <int N>
struct lane_type<N, true> {
  typedef bits<N> type;
};
/// N bits of a table: a plain word up to 64 bits, because g++ compiles a million of them per
/// second.
template <int N>
using lanes = typename lane_type<N>::type;

template <int N>
struct number {
  static_assert(N >= 1 && N <= 64, "width outside the supported range");
  typedef typename machine_word<word_bytes(N)>::signed_type stored;
  typedef typename machine_word<N <= 32 ? 4 : 8>::signed_type computed;
};
template <int N>
using sint = typename number<N>::stored;
template <int W>
using num = typename number<W>::computed;

/// Reads or writes M bits of a payload. Narrow and wide M differ only in the number of words.
template <int M, bool WIDE = (M > 64)>
struct bit_field {
  template <typename T>
  static bits<M> read(const T& payload, int offset) {
    return bits<M>(payload.chunk(offset));
  }
  template <typename T>
  static void write(T& payload, int offset, const bits<M>& value) {
    payload.merge(offset, low_mask(M), value);
  }
};
template <int M>
struct bit_field<M, true> {
  template <typename T>
  static bits<M> read(const T& payload, int offset) {
    bits<M> result;
    for (int i = 0; i < bits<M>::words; ++i) result.w[i] = payload.chunk(offset + 64 * i);
    result.w[bits<M>::words - 1] &= low_mask(M - 64 * (bits<M>::words - 1));
    return result;
  }
  template <typename T>
  static void write(T& payload, int offset, const bits<M>& value) {
    for (int i = 0; i < bits<M>::words; ++i) {
      payload.merge(offset + 64 * i, low_mask(M - 64 * i), value.w[i]);
    }
  }
};

/// v * 2^K, exact when the result fits.
template <int W, int K>
inline num<W> shift_left(num<W> v) {
  return static_cast<num<W>>(static_cast<std::uint64_t>(v) << K);
}

/// a * b, exact.
template <int WA, int WB>
inline num<WA + WB> multiply(num<WA> a, num<WB> b) {
  return static_cast<num<WA + WB>>(a) * static_cast<num<WA + WB>>(b);
}

template <int M, typename T>
inline bits<M> slice(const T& payload, int offset) {
  return bit_field<M>::read(payload, offset);
}

template <int M, typename T, typename U>
inline void place(T& payload, int offset, const U& value) {
  bit_field<M>::write(payload, offset, bits<M>(value));
}

template <int E, typename T>
inline std::uint64_t get_unsigned(const T& payload, int i) {
  return payload.chunk(i * E) & low_mask(E);
}

template <int E, typename T>
inline num<E> get_signed(const T& payload, int i) {
  const int spare = 8 * sizeof(num<E>) - E;
  return static_cast<num<E> >(static_cast<num<E> >(payload.chunk(i * E) << spare) >> spare);
}

}  // namespace blendir

#endif  // BLENDIR_MACHINE_TYPES_HPP
