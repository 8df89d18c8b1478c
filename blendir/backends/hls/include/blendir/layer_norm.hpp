/// layer_norm: standardizes the elements of each position by their mean and variance.
#ifndef BLENDIR_LAYER_NORM_HPP
#define BLENDIR_LAYER_NORM_HPP

#include "elementwise.hpp"

namespace blendir {

/// A reciprocal root: 2^-16 * mantissa / 2^pairs.
struct root_t {
  num<18> mantissa;
  num<7> pairs;
};

/// 1 / sqrt(v) for v >= 1 of W bits, with a relative error below 2^-16. The leading 9 bits of the
/// 24-bit radicand select a seed with 11 fractional bits; one Newton step refines it.
template <int W>
inline root_t reciprocal_root(num<W> v, const bits<12> seeds[384]) {
#pragma HLS inline
  typedef num<max_of(W, 25)> wide;
  root_t root;
  root.pairs = 1;
  for (int k = 1; k < (W + 1) / 2; ++k) {
#pragma HLS unroll
    if ((v >> (2 * k)) != 0) root.pairs = k + 1;
  }
  const int up = 24 - 2 * int(root.pairs);
  const num<25> radicand = num<25>(up >= 0 ? wide(wide(v) << (up >= 0 ? up : 0))
                                           : wide(wide(v) >> (up >= 0 ? 0 : -up)));
  const num<13> seed = num<13>(seeds[int(radicand >> 15) - 128]);
  const num<26> square = multiply<13, 13>(seed, seed);
  const num<51> product = multiply<25, 26>(radicand, square);
  const num<27> rest = num<27>(num<51>(shift_left<51, 46>(num<51>(3)) - product) >> 24);
  const num<40> refined = multiply<13, 27>(seed, rest);
  root.mantissa = num<18>(num<40>(refined + (num<40>(1) << 17)) >> 18);
  return root;
}

/// Widths of the sums over the C elements of a position.
template <typename Cfg>
struct norm_plan {
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  static const int SUM = input::width + bits_for(Cfg::C);           // sum, C*x, their difference
  static const int SQUARES = 2 * input::width + bits_for(Cfg::C);   // sum of squares
  static const int SPREAD = Cfg::SB;                                // C*squares - sum^2 + epsilon
};

/// out = saturate_EO(round((gamma*u + beta) / 2^SHIFT)) with u = round(2^16 * (C*x - sum) /
/// sqrt(C*squares - sum^2 + epsilon)). sum and squares are over the C elements of a position. A
/// position is written while the next one is read: P*(C/G) cycles per frame, and C/G more at the
/// end of a run.
template <typename Cfg>
void layer_norm(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G * Cfg::EO>>& out,
                const sint<Cfg::AB> gamma[Cfg::G][beat_plan<Cfg>::groups],
                const sint<Cfg::BB> beta[Cfg::G][beat_plan<Cfg>::groups],
                const sint<Cfg::NB> epsilon[1], const bits<12> seeds[384], unsigned frames) {
  typedef norm_plan<Cfg> plan;
  typedef typename plan::input input;
  const int G = Cfg::G, GROUPS = beat_plan<Cfg>::groups, SUM = plan::SUM;
  const int SQUARES = plan::SQUARES, SPREAD = plan::SPREAD;
  const int SCALED = max_of(SUM + 19, SPREAD / 2 + 2) + 1;
  const int PRODUCT = Cfg::UB + Cfg::AB, TOTAL = max_of(PRODUCT, Cfg::BB) + 1;
#pragma HLS array_partition variable=gamma complete dim=1
#pragma HLS array_partition variable=beta complete dim=1
  // An element is needed again GROUPS cycles later: a delay line, not an addressed memory.
  bits<G * Cfg::E> kept[GROUPS];
#pragma HLS array_partition variable=kept complete dim=1
  for (int c = 0; c < GROUPS; ++c) {
#pragma HLS unroll
    kept[c] = 0;
  }
  counter<GROUPS> cg = 0;
  count_t unread = count_t(frames) * count_t(Cfg::P);
  bool leaving = false;
  num<SUM> sum = 0, total = 0;
  num<SQUARES> squares = 0;
  root_t root;
  root.mantissa = 0;
  root.pairs = 1;
  const count_t cycles = (unread + count_t(1)) * count_t(GROUPS);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<G * Cfg::E> old = kept[GROUPS - 1];
    bits<G * Cfg::E> beat = 0;
    if (unread != 0) beat = in.read();
    for (int c = GROUPS - 1; c > 0; --c) {
#pragma HLS unroll
      kept[c] = kept[c - 1];
    }
    kept[0] = beat;
    bits<G * Cfg::EO> result = 0;
    for (int g = 0; g < G; ++g) {
#pragma HLS unroll
      const num<input::width> x = input::get(beat, g), y = input::get(old, g);
      sum = num<SUM>(sum + x);
      squares = num<SQUARES>(squares + multiply<input::width, input::width>(x, x));
      const num<SUM + 1> centered = num<SUM + 1>(num<SUM + 1>(y) * num<SUM + 1>(Cfg::C) - total);
      const num<SCALED> scaled = num<SCALED>(multiply<SUM + 1, 18>(centered, root.mantissa));
      const num<SCALED> half = num<SCALED>(num<SCALED>(1) << (root.pairs - 1));
      const num<Cfg::UB> u = num<Cfg::UB>(num<SCALED>(scaled + half) >> root.pairs);
      const num<TOTAL> exact =
          num<TOTAL>(num<TOTAL>(multiply<Cfg::UB, Cfg::AB>(u, gamma[g][cg])) + num<TOTAL>(beta[g][cg]));
      put<Cfg::EO>(result, g, narrow<Cfg::EO, Cfg::SHIFT, Cfg::ROUND, TOTAL>(exact));
    }
    if (leaving) out.write(result);
    if (advance<GROUPS - 1>(cg)) {
      const num<SPREAD> spread = num<SPREAD>(num<SPREAD>(squares) * num<SPREAD>(Cfg::C) -
                                             num<SPREAD>(sum) * num<SPREAD>(sum) + num<SPREAD>(epsilon[0]));
      root = reciprocal_root<SPREAD>(spread > 0 ? spread : num<SPREAD>(1), seeds);
      total = sum;
      leaving = unread != 0;
      if (unread != 0) unread = unread - 1;
      sum = 0;
      squares = 0;
    }
  }
}

}  // namespace blendir

#endif  // BLENDIR_LAYER_NORM_HPP
