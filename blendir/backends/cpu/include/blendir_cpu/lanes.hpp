/// Vectors of 32 lanes of 16 bits, counts of their bits, and the one rounding and saturation.
#ifndef BLENDIR_CPU_LANES_HPP
#define BLENDIR_CPU_LANES_HPP

#include <algorithm>
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

typedef std::int32_t sums __attribute__((vector_size(64)));

/// Half of the pairs (a, b) of lanes. Which lanes are in which half is the machine's choice; `narrowed` undoes it.
template <int HALF>
BLENDIR_INLINE pairs paired(lanes a, lanes b) {
#if defined(__AVX512BW__)
  const __m512i x = (__m512i)a, y = (__m512i)b;
  return (pairs)(HALF ? _mm512_unpackhi_epi16(x, y) : _mm512_unpacklo_epi16(x, y));
#else
  typedef std::uint16_t half __attribute__((vector_size(32)));
  half x, y;
  std::memcpy(&x, (const char*)&a + 32 * HALF, 32);
  std::memcpy(&y, (const char*)&b + 32 * HALF, 32);
  return __builtin_convertvector(x, pairs) | __builtin_convertvector(y, pairs) << 16;
#endif
}

/// Two vectors of sums in the order of `paired` as lanes, saturated to 16 bits.
BLENDIR_INLINE lanes narrowed(sums low, sums high) {
#if defined(__AVX512BW__)
  return (lanes)_mm512_packs_epi32((__m512i)low, (__m512i)high);
#else
  typedef std::int16_t half __attribute__((vector_size(32)));
  lanes y;
  for (int h = 0; h < 2; ++h) {
    sums v = h ? high : low;
    v = v > 32767 ? sums{} + 32767 : v;
    v = v < -32768 ? sums{} - 32768 : v;
    const half part = __builtin_convertvector(v, half);
    std::memcpy((char*)&y + 32 * h, &part, 32);
  }
  return y;
#endif
}

/// Lanes of a and b by turns, in their order: to[0] and to[1].
BLENDIR_INLINE void by_turns(lanes a, lanes b, lanes* to) {
#if defined(__AVX512BW__)
  lanes low, high;
  for (int n = 0; n < 32; ++n) {
    low[n] = std::uint16_t(n / 2 + n % 2 * 32);
    high[n] = std::uint16_t(n / 2 + n % 2 * 32 + 16);
  }
  to[0] = (lanes)_mm512_permutex2var_epi16((__m512i)a, (__m512i)low, (__m512i)b);
  to[1] = (lanes)_mm512_permutex2var_epi16((__m512i)a, (__m512i)high, (__m512i)b);
#else
  std::uint16_t both[64];
  for (int n = 0; n < 32; ++n) {
    both[2 * n] = a[n];
    both[2 * n + 1] = b[n];
  }
  std::memcpy(to, both, sizeof both);
#endif
}

/// acc + the products of 16 pairs of 16-bit numbers.
BLENDIR_INLINE sums multiply_pairs(sums acc, pairs x, pairs w) {
#if defined(__AVX512VNNI__)
  return (sums)_mm512_dpwssd_epi32((__m512i)acc, (__m512i)x, (__m512i)w);
#elif defined(__AVX512BW__)
  return acc + (sums)_mm512_madd_epi16((__m512i)x, (__m512i)w);
#elif defined(__AVX2__)
  __m256i a[2], b[2];
  std::memcpy(a, &x, sizeof x);
  std::memcpy(b, &w, sizeof w);
  for (int i = 0; i < 2; ++i) a[i] = _mm256_madd_epi16(a[i], b[i]);
  sums product;
  std::memcpy(&product, a, sizeof a);
  return acc + product;
#else
  const sums xs = (sums)x, ws = (sums)w;
  return acc + ((sums)(x << 16) >> 16) * ((sums)(w << 16) >> 16) + (xs >> 16) * (ws >> 16);
#endif
}

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

  static constexpr int WIDTH = W;

  /// The same of a vector, whose numbers stay as wide, before they are saturated.
  template <class Exact, class V>
  static BLENDIR_INLINE V rounded(V v) {
    constexpr int bits = 8 * sizeof(Exact);
    if constexpr (SHIFT >= bits) {
      return V{};
    } else if constexpr (SHIFT > 0) {
      constexpr Exact half = Exact(1) << (SHIFT - 1);
      if constexpr (EVEN) v += ((v >> SHIFT) & 1) - 1;
      return (v + half) >> SHIFT;
    } else {
      return v << -SHIFT;
    }
  }

  template <class Exact, class V>
  static BLENDIR_INLINE V of(V v) {
    v = rounded<Exact>(v);
    if constexpr (W < 8 * sizeof(Exact)) {
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

/// Numbers of 16 bits, saturated to W.
template <int W>
BLENDIR_INLINE Block<std::int16_t> saturated(lanes v) {
  typedef typename Narrow<std::int16_t, LANES>::type numbers;
  numbers y = (numbers)v;
  if constexpr (W < 16) {
    const numbers high = numbers{} + std::int16_t((1 << (W - 1)) - 1), low = ~high;
    y = y > high ? high : y;
    y = y < low ? low : y;
  }
  Block<std::int16_t> block;
  put(y, block.v);
  return block;
}

/// A block whose part i is part(i), settled.
template <class Exact, class S, class Y, class Parts>
BLENDIR_INLINE Block<Y> settled(Parts part) {
  typedef typename Narrow<Y, Wide<Exact>::COUNT>::type narrow;
  Block<Y> y;
#if defined(__AVX512BW__)
  if constexpr (std::is_same<Exact, std::int32_t>::value && std::is_same<Y, std::int16_t>::value) {
    const __m512i both = (__m512i)narrowed(S::template rounded<Exact>(part(0)), S::template rounded<Exact>(part(1)));
    return saturated<S::WIDTH>((lanes)_mm512_maskz_permutexvar_epi64(0xff, _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), both));
  }
#endif
  for (int i = 0; i < Wide<Exact>::PARTS; ++i)
    put<narrow>(__builtin_convertvector((S::template of<Exact>(part(i))), narrow), y.v + i * Wide<Exact>::COUNT);
  return y;
}

}  // namespace blendir

#endif  // BLENDIR_CPU_LANES_HPP
