/// Vectors of 32 lanes of 16 bits, counts of their bits, and the one rounding and saturation.
#ifndef BLENDIR_CPU_LANES_HPP
#define BLENDIR_CPU_LANES_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/// A part of a kernel, which the compiler might leave a function of its own.
#define BLENDIR_INLINE inline __attribute__((always_inline))

namespace blendir {

/// Lanes of a vector: pixels side by side, or outputs.
constexpr int LANES = 32;

typedef std::uint16_t lanes __attribute__((vector_size(64)));
typedef std::uint32_t pairs __attribute__((vector_size(64)));

/// A vector at any address. (g++ copies large objects in halves, and a load right behind waits for both.)
template <class V>
BLENDIR_INLINE V get(const void* p) {
  typedef V anywhere __attribute__((aligned(1), may_alias));
  return *static_cast<const anywhere*>(p);
}

template <class V>
BLENDIR_INLINE void put(const V& v, void* p) {
  typedef V anywhere __attribute__((aligned(1), may_alias));
  *static_cast<anywhere*>(p) = v;
}

BLENDIR_INLINE lanes load(const std::uint16_t* p) { return get<lanes>(p); }

/// Every lane is one 16-bit half of `both`, which holds it twice.
BLENDIR_INLINE lanes splat(std::uint32_t both) { return (lanes)((pairs){} + both); }

/// The number of set bits of each lane.
BLENDIR_INLINE lanes popcount(lanes v) {
#if defined(__AVX512BITALG__)
  return (lanes)_mm512_popcnt_epi16((__m512i)v);
#elif defined(__AVX2__)
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2,
                                         2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi8(1);
  __m256i half[2];
  std::memcpy(half, &v, sizeof v);
  for (__m256i& h : half) {
    const __m256i bytes = _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(h, low)),
                                          _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(h, 4), low)));
    h = _mm256_maddubs_epi16(bytes, ones);
  }
  std::memcpy(&v, half, sizeof v);
  return v;
#elif defined(__ARM_NEON)
  uint8x16_t part[4];
  std::memcpy(part, &v, sizeof v);
  for (uint8x16_t& p : part) p = vreinterpretq_u8_u16(vpaddlq_u8(vcntq_u8(p)));
  std::memcpy(&v, part, sizeof v);
  return v;
#else
  v = v - ((v >> 1) & 0x5555);
  v = (v & 0x3333) + ((v >> 2) & 0x3333);
  v = (v + (v >> 4)) & 0x0f0f;
  return (v + (v >> 8)) & 0x001f;
#endif
}

/// How an exact number becomes one of W bits: SHIFT fractional bits less, half up or half to even, then saturated.
template <int SHIFT, bool EVEN, int W>
struct Settle {
  template <class Y, class Exact>
  static BLENDIR_INLINE Y to(Exact v) {
    constexpr int bits = 8 * sizeof(Exact);
    if constexpr (SHIFT >= bits) {
      return 0;  // at most half a unit
    } else if constexpr (SHIFT > 0) {
      Exact half = Exact(1) << (SHIFT - 1);
      if constexpr (EVEN) half += ((v >> SHIFT) & 1) - 1;
      v = (v + half) >> SHIFT;
    } else {
      v <<= -SHIFT;
    }
    if constexpr (W < bits) {
      constexpr Exact high = (Exact(1) << (W - 1)) - 1, low = -high - 1;
      v = v > high ? high : v < low ? low : v;
    }
    return Y(v);
  }

  /// The same of a vector, whose numbers stay as wide.
  template <class Exact, class V>
  static BLENDIR_INLINE V of(V v) {
    constexpr int bits = 8 * sizeof(Exact);
    if constexpr (SHIFT >= bits) {
      return V{};
    } else if constexpr (SHIFT > 0) {
      constexpr Exact half = Exact(1) << (SHIFT - 1);
      if constexpr (EVEN) v += ((v >> SHIFT) & 1) - 1;
      v = (v + half) >> SHIFT;
    } else {
      v <<= -SHIFT;
    }
    if constexpr (W < bits) {
      constexpr Exact high = (Exact(1) << (W - 1)) - 1, low = -high - 1;
      v = v > high ? V{} + high : v;
      v = v < low ? V{} + low : v;
    }
    return v;
  }
};

/// Numbers of LANES pixels side by side.
template <class T>
struct Block {
  alignas(64) T v[LANES];
};

/// A vector as wide as the machine's, of numbers in which results are exact; a block is PARTS of them.
template <class Exact>
struct Wide {
  typedef Exact type __attribute__((vector_size(64)));
  static constexpr int COUNT = 64 / sizeof(Exact), PARTS = LANES / COUNT;
};

/// So many numbers of another type.
template <class T, int COUNT>
struct Narrow {
  typedef T type __attribute__((vector_size(COUNT * sizeof(T))));
};

/// How blocks are copied: in vectors, or whole where one holds them.
template <class T>
struct Part {
  static constexpr int COUNT = 64 / sizeof(T) < LANES ? 64 / sizeof(T) : LANES;
  typedef typename Narrow<T, COUNT>::type type;
};

template <class T>
BLENDIR_INLINE void copy_block(const T* x, T* y) {
  for (int i = 0; i < LANES; i += Part<T>::COUNT) put(get<typename Part<T>::type>(x + i), y + i);
}

/// Part i of a block, in exact numbers.
template <class Exact, class X>
BLENDIR_INLINE typename Wide<Exact>::type widened(const X* x, int i) {
  typedef typename Narrow<X, Wide<Exact>::COUNT>::type narrow;
#if defined(__AVX512F__)
  if constexpr (std::is_same<Exact, std::int32_t>::value && std::is_same<X, std::int16_t>::value)
    return (typename Wide<Exact>::type)_mm512_maskz_cvtepi16_epi32(0xffff, (__m256i)get<narrow>(x + i * 16));
#endif
  return __builtin_convertvector(get<narrow>(x + i * Wide<Exact>::COUNT), typename Wide<Exact>::type);
}

/// A block whose part i is part(i), settled.
template <class Exact, class S, class Y, class Parts>
BLENDIR_INLINE Block<Y> settled(Parts part) {
  typedef typename Narrow<Y, Wide<Exact>::COUNT>::type narrow;
  Block<Y> y;
#if defined(__AVX512F__)
  if constexpr (std::is_same<Exact, std::int32_t>::value && std::is_same<Y, std::int16_t>::value) {
    const __m256i low = _mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)S::template of<Exact>(part(0)));
    const __m256i high = _mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)S::template of<Exact>(part(1)));
    put<lanes>((lanes)_mm512_maskz_inserti64x4(0xff, _mm512_zextsi256_si512(low), high, 1), y.v);
    return y;
  }
#endif
  for (int i = 0; i < Wide<Exact>::PARTS; ++i)
    put<narrow>(__builtin_convertvector((S::template of<Exact>(part(i))), narrow), y.v + i * Wide<Exact>::COUNT);
  return y;
}

}  // namespace blendir

#endif  // BLENDIR_CPU_LANES_HPP
