/// Sums of products. Lanes are pixels, and weights are broadcast; or lanes are outputs, and the input is.
#ifndef BLENDIR_CPU_PRODUCTS_HPP
#define BLENDIR_CPU_PRODUCTS_HPP

#include "tiles.hpp"

namespace blendir {

/// Outputs that share the loads of a column.
constexpr int ROWS = 4;

/// Bits: counts[r] += popcount(column xor broadcast) over T words.
struct Bits {
  typedef std::uint16_t element;
  typedef std::uint32_t broadcast;
  static constexpr int WIDE = 1;

  template <int T, int R, class V>
  static BLENDIR_INLINE void sum(const element* x, const broadcast* w, V (&result)[R][LANES]) {
    constexpr int PART = 4095;  // words whose bits 16 bits can count
    if constexpr (T <= PART && sizeof(V) == sizeof(element)) {
      lanes count[R] = {};
      for (int t = 0; t < T; ++t) {
        const lanes column = load(x + t * LANES);
        for (int r = 0; r < R; ++r) count[r] += popcount(column ^ splat(w[t * R + r]));
      }
      for (int r = 0; r < R; ++r) put<lanes>(count[r], result[r]);
      return;
    }
    V total[R][LANES] = {};
    for (int start = 0; start < T; start += PART) {
      lanes count[R] = {};
      const int end = start + PART < T ? start + PART : T;
      for (int t = start; t < end; ++t) {
        const lanes column = load(x + t * LANES);
        for (int r = 0; r < R; ++r) count[r] += popcount(column ^ splat(w[t * R + r]));
      }
      for (int r = 0; r < R; ++r)
        for (int n = 0; n < LANES; ++n) total[r][n] += V(count[r][n]);
    }
    std::memcpy(result, total, sizeof total);
  }
};

/// Pairs of 16-bit numbers whose sums fit 32 bits: a word holds two taps.
struct Pairs {
  typedef std::int16_t element;
  typedef std::uint32_t broadcast;
  static constexpr int WIDE = 2;

  template <int T, int R>
  static BLENDIR_INLINE void sum(const element* x, const broadcast* w, std::int32_t (&result)[R][LANES]) {
    sums total[R][2] = {};
    for (int t = 0; t < T; ++t) {
      const pairs column[2] = {get<pairs>(x + t * 2 * LANES), get<pairs>(x + t * 2 * LANES + LANES)};
      for (int r = 0; r < R; ++r)
        for (int h = 0; h < 2; ++h)
          total[r][h] = multiply_pairs(total[r][h], column[h], (pairs){} + w[t * R + r]);
    }
    for (int r = 0; r < R; ++r)
      for (int h = 0; h < 2; ++h) put<sums>(total[r][h], result[r] + h * LANES / 2);
  }
};

/// Numbers of any width.
template <class E, class Acc>
struct Numbers {
  typedef E element;
  typedef E broadcast;
  static constexpr int WIDE = 1;

  template <int T, int R>
  static BLENDIR_INLINE void sum(const element* x, const broadcast* w, Acc (&result)[R][LANES]) {
    Acc total[R][LANES] = {};
    for (int t = 0; t < T; ++t)
      for (int r = 0; r < R; ++r)
        for (int n = 0; n < LANES; ++n) total[r][n] += Acc(x[t * LANES + n]) * Acc(w[t * R + r]);
    std::memcpy(result, total, sizeof total);
  }
};

/// Two columns after another become one of pairs, in place; a last single one gets zeros.
template <int T>
BLENDIR_INLINE void zip(std::int16_t* columns) {
  for (int t = 0; t < T; t += 2) {
    lanes both[2];
    by_turns(get<lanes>(columns + t * LANES), t + 1 < T ? get<lanes>(columns + (t + 1) * LANES) : lanes{}, both);
    put(both[0], columns + t * LANES);
    put(both[1], columns + (t + 1) * LANES);
  }
}

/// A convolution whose lanes are pixels: `finish(output, first pixel, class of the block, sums)` takes each block.
/// Columns of PART planes from `start[g]` on are for outputs of group g, of words those bits that are in its
/// `mask`: [GROUPS][PART]. weights: [O / ROWS][T][ROWS].
template <class K, class G, int C, int PART, int O, int GROUPS, class V, class Finish>
BLENDIR_INLINE void pixel_products(const typename K::element* planes, const std::int32_t* start,
                           const typename K::element* mask, const typename K::broadcast* weights, const std::uint16_t* classes,
                           typename K::element* space, Finish finish) {
  constexpr int EACH = O / GROUPS, T = (PART * G::TAPS + K::WIDE - 1) / K::WIDE, STEPS = (EACH + ROWS - 1) / ROWS;
  for (int first = 0, block = 0; first < G::PIXELS; first += LANES, ++block) {
    columns<G, C>(planes, first, space);
    if constexpr (K::WIDE == 2)
      for (int g = 0; g < GROUPS; ++g) zip<PART * G::TAPS>(space + start[g] * G::TAPS * LANES);
    for (int g = 0; g < GROUPS; ++g) {
      typename K::element* part = space + start[g] * G::TAPS * LANES;
      if (mask != nullptr) {
        typename K::element* kept = space + C * G::TAPS * LANES;
        for (int t = 0; t < PART * G::TAPS; ++t)
          for (int n = 0; n < LANES; ++n) kept[t * LANES + n] = part[t * LANES + n] & mask[g * PART + t / G::TAPS];
        part = kept;
      }
      for (int s = 0; s < STEPS; ++s) {
        V result[ROWS][LANES];
        K::template sum<T, ROWS>(part, weights + (g * STEPS + s) * T * ROWS, result);
        for (int r = 0; r < ROWS && s * ROWS + r < EACH; ++r)
          finish(g * EACH + s * ROWS + r, first, classes[block], result[r]);
      }
    }
  }
}

/// The same for few pixels: lanes are outputs. weights: [O / LANES][T][LANES].
template <class K, class G, int C, int O, class V, class Finish>
BLENDIR_INLINE void output_products(const typename K::element* planes, const typename K::element* weights,
                            const std::uint16_t* classes, typename K::element* space, Finish finish) {
  constexpr int T = (C * G::TAPS + K::WIDE - 1) / K::WIDE;
  typename K::broadcast* row = reinterpret_cast<typename K::broadcast*>(space + (T * K::WIDE + LANES - 1) / LANES * LANES);
  for (int pixel = 0; pixel < G::PIXELS; ++pixel) {
    space[T * K::WIDE - 1] = 0;
    window_row<G, C>(planes, pixel, space);
    for (int t = 0; t < T; ++t) {
      if constexpr (K::WIDE == 2)
        row[t] = std::uint16_t(space[2 * t]) | std::uint32_t(std::uint16_t(space[2 * t + 1])) << 16;
      else if constexpr (sizeof(typename K::broadcast) != sizeof(typename K::element))
        row[t] = space[t] * std::uint32_t(0x10001);
      else
        row[t] = space[t];
    }
    for (int o = 0; o < O; o += LANES) {
      V result[1][LANES];
      K::template sum<T, 1>(weights + o * T * K::WIDE, row, result);
      finish(o, pixel, classes[pixel], result[0]);
    }
  }
}

/// Writes a block to the pixels from p on of a plane of P.
template <int P, class T>
BLENDIR_INLINE void store_block(const Block<T>& x, T* plane, int p) {
  if (P % LANES == 0 || p + LANES <= P)
    copy_block(x.v, plane + p);
  else
    std::memcpy(plane + p, x.v, (P - p) * sizeof(T));
}

/// Sums of +-1 from counts of unequal bits: base - 2 count; `then(output, pixel, block)` takes them. base:
/// [classes][O][LANES]. tiles: the weights for matrix tiles, or nullptr.
template <class G, int C, int PART, int O, int GROUPS, class V, class Tiles, class Then>
BLENDIR_INLINE void binary_conv(const std::uint16_t* x, const std::uint16_t* outside, const std::int32_t* start,
                        const std::uint16_t* mask, const std::uint32_t* weights, [[maybe_unused]] Tiles tiles,
                        const V* base, const std::uint16_t* classes, std::uint16_t* padding, std::uint16_t* space,
                        Then then) {
  const auto finish = [=](int o, int p, int c, const V(&count)[LANES]) {
    Block<V> v;
    for (int i = 0; i < Wide<V>::PARTS; ++i) {
      const auto part = widened<V>(base + (c * O + o) * LANES, i) - 2 * widened<V>(count, i);
      put(part, v.v + i * Wide<V>::COUNT);
    }
    then(o, p, v);
  };
  const std::uint16_t* planes = padded<G, C>(x, outside, padding);
#if defined(BLENDIR_TILES)
  if constexpr (std::is_pointer<Tiles>::value)
    if (tiles != nullptr) return tile_counts<G, C, O, V>(planes, *tiles, classes, space, finish);
#endif
  pixel_products<Bits, G, C, PART, O, GROUPS, V>(planes, start, mask, weights, classes, space, finish);
}

/// The same where lanes are outputs. base: [classes][O to a multiple of LANES].
template <class G, int C, int O, class V>
BLENDIR_INLINE void binary_matrix(const std::uint16_t* x, const std::uint16_t* outside, const std::uint16_t* weights,
                          const V* base, const std::uint16_t* classes, std::uint16_t* padding, std::uint16_t* space,
                          V* y) {
  constexpr int FULL = (O + LANES - 1) / LANES * LANES;
  output_products<Bits, G, C, O, V>(padded<G, C>(x, outside, padding), weights, classes, space,
                                    [=](int o, int p, int c, const V(&count)[LANES]) {
                                      for (int n = 0; n < LANES && o + n < O; ++n)
                                        y[(o + n) * G::PIXELS + p] = V(base[c * FULL + o + n] - 2 * count[n]);
                                    });
}

/// Sums of products and a bias, settled, as numbers Y. bias: [classes][O][LANES].
template <class K, class Acc, class Exact, class S, class Y, class G, int C, int PART, int O, int GROUPS, class X,
          class B, class Then>
BLENDIR_INLINE void fixed_conv(const X* x, const typename K::element* outside, const std::int32_t* start,
                       const typename K::broadcast* weights, const B* bias, const std::uint16_t* classes,
                       typename K::element* padding, typename K::element* space, Then then) {
  pixel_products<K, G, C, PART, O, GROUPS, Acc>(
      padded<G, C>(x, outside, padding), start, nullptr, weights, classes, space,
      [=](int o, int p, int c, const Acc(&sum)[LANES]) {
        const Block<Y> v = settled<Exact, S, Y>(
            [&](int i) { return widened<Exact>(sum, i) + widened<Exact>(bias + (c * O + o) * LANES, i); });
        then(o, p, v);
      });
}

/// The same of numbers with more than 16 bits, rounded half up: those above the lower LOW and these are summed apart,
/// and what the lower sum carries joins the upper one. outside: [2][C]; bias: [classes][O][2][LANES] with the half that
/// rounds.
template <int LOW, int SHIFT, int W, class Y, class G, int C, int O, class X, class Then>
inline void wide_conv(const X* x, const std::int16_t* outside, const std::uint32_t* weights, const std::int32_t* bias,
                      const std::uint16_t* classes, std::int16_t* padding, std::int16_t* space, Then then) {
  constexpr int T = (C * G::TAPS + 1) / 2;
  std::int16_t* const low = space + 2 * T * LANES;
  padded<G, C, LOW>(x, outside, padding);
  padded<G, C, 0, (1 << LOW) - 1>(x, outside + C, padding + C * G::PITCH);
  for (int first = 0, block = 0; first < G::PIXELS; first += LANES, ++block) {
    columns<G, C>(padding, first, space);
    columns<G, C>(padding + C * G::PITCH, first, low);
    zip<C * G::TAPS>(space);
    zip<C * G::TAPS>(low);
    for (int s = 0; s < (O + ROWS - 1) / ROWS; ++s) {
      std::int32_t above[ROWS][LANES], below[ROWS][LANES];
      Pairs::sum<T, ROWS>(space, weights + s * T * ROWS, above);
      Pairs::sum<T, ROWS>(low, weights + s * T * ROWS, below);
      for (int r = 0; r < ROWS && s * ROWS + r < O; ++r) {
        const int o = s * ROWS + r;
        const std::int32_t* more = bias + (classes[block] * O + o) * 2 * LANES;
        then(o, first, settled<std::int32_t, Settle<0, false, W>, Y>([&](int i) {
          const sums carry = (widened<std::int32_t>(below[r], i) + widened<std::int32_t>(more + LANES, i)) >> LOW;
          return (widened<std::int32_t>(above[r], i) + widened<std::int32_t>(more, i) + carry) >> (SHIFT - LOW);
        }));
      }
    }
  }
}

/// The same where lanes are outputs. bias: [classes][O to a multiple of LANES].
template <class K, class Acc, class Exact, class S, class G, int C, int O, class X, class B, class Y>
BLENDIR_INLINE void fixed_matrix(const X* x, const typename K::element* outside, const typename K::element* weights,
                         const B* bias, const std::uint16_t* classes, typename K::element* padding,
                         typename K::element* space, Y* y) {
  constexpr int FULL = (O + LANES - 1) / LANES * LANES;
  output_products<K, G, C, O, Acc>(
      padded<G, C>(x, outside, padding), weights, classes, space,
      [=](int o, int p, int c, const Acc(&sum)[LANES]) {
        Y v[LANES];
        for (int n = 0; n < LANES; ++n) v[n] = S::template to<Y>(Exact(sum[n]) + Exact(bias[c * FULL + o + n]));
        for (int n = 0; n < LANES && o + n < O; ++n) y[(o + n) * G::PIXELS + p] = v[n];
      });
}

}  // namespace blendir

#endif  // BLENDIR_CPU_PRODUCTS_HPP
