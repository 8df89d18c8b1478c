/// Elementwise units: P positions of C elements in beats of G (G divides C), P*(C/G) cycles per
/// frame. Channel cg*G + g is element g of beat cg; tables are [G][C/G].
#ifndef BLENDIR_ELEMENTWISE_HPP
#define BLENDIR_ELEMENTWISE_HPP

#include "numerics.hpp"
#include "stream.hpp"
#include "types.hpp"

namespace blendir {

template <typename Cfg>
struct beat_plan {
  static_assert(Cfg::C % Cfg::G == 0, "the group divides the channels");
  static const int groups = Cfg::C / Cfg::G;
  static const long long beats = product_of(Cfg::P, groups);  // per frame
  static const int run = run_of(groups);
  static const long long runs = beats / run;
};

/// out = saturate_EO(round((a*x + b) / 2^SHIFT)), a and b those of x < k or of x >= k: entries 2*e
/// and 2*e + 1 of a table, so that the comparison is an address bit of its memory. Each of ENTRIES
/// entries e serves HOLD beats, one after another.
template <typename Cfg>
void piecewise_linear(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G * Cfg::EO>>& out,
                      const sint<Cfg::KB> k[Cfg::G][Cfg::ENTRIES],
                      const sint<Cfg::AB> a[Cfg::G][2 * Cfg::ENTRIES],
                      const sint<Cfg::BB> b[Cfg::G][2 * Cfg::ENTRIES], unsigned frames) {
  typedef beat_plan<Cfg> plan;
  static_assert(plan::beats % product_of(Cfg::ENTRIES, Cfg::HOLD) == 0, "entries fill a frame");
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  const int PRODUCT = input::width + Cfg::AB, TOTAL = max_of(PRODUCT, Cfg::BB) + 1;
#pragma HLS array_partition variable=k complete dim=1
#pragma HLS array_partition variable=a complete dim=1
#pragma HLS array_partition variable=b complete dim=1
  // A run is within what an entry serves, or one of entries that serve a beat each.
  const int STEP = Cfg::HOLD == 1 ? run_of(Cfg::ENTRIES) : 1;
  const int STAY = run_of(Cfg::HOLD), RUN = STEP * STAY;
  counter<Cfg::ENTRIES> entry = 0;
  counter<Cfg::HOLD> held = 0;
  const count_t runs = count_t(frames) * count_t(plan::beats / RUN);
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    bits<Cfg::G * Cfg::E> beats[RUN];
    bits<Cfg::G * Cfg::EO> results[RUN];
    read_run<RUN>(in, beats);
    for (int r = 0; r < RUN; ++r) {
#pragma HLS unroll
      const int now = entry + r / STAY;
      bits<Cfg::G * Cfg::EO> result = 0;
      for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
        const num<input::width> x = input::get(beats[r], g);
        const int piece = 2 * now + (x >= k[g][now] ? 1 : 0);
        const num<PRODUCT> product = multiply<Cfg::AB, input::width>(a[g][piece], x);
        const num<TOTAL> total = num<TOTAL>(num<TOTAL>(product) + num<TOTAL>(b[g][piece]));
        put<Cfg::EO>(result, g, narrow<Cfg::EO, Cfg::SHIFT, Cfg::ROUND, TOTAL>(total));
      }
      results[r] = result;
    }
    write_run<RUN>(out, results);
    if (advance<Cfg::HOLD - STAY, STAY>(held)) advance<Cfg::ENTRIES - STEP, STEP>(entry);
  }
}

/// bit = (x >= t) xor inv, t and inv per channel.
template <typename Cfg>
void threshold(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G>>& out,
               const sint<Cfg::TB> t[Cfg::G][beat_plan<Cfg>::groups],
               const bits<1> inv[Cfg::G][beat_plan<Cfg>::groups], unsigned frames) {
  typedef beat_plan<Cfg> plan;
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
#pragma HLS array_partition variable=t complete dim=1
#pragma HLS array_partition variable=inv complete dim=1
  const int RUN = plan::run;
  counter<plan::groups> cg = 0;
  const count_t runs = count_t(frames) * count_t(plan::runs);
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    bits<Cfg::G * Cfg::E> beats[RUN];
    bits<Cfg::G> results[RUN];
    read_run<RUN>(in, beats);
    for (int r = 0; r < RUN; ++r) {
#pragma HLS unroll
      bits<Cfg::G> result = 0;
      for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
        const bits<1> above = input::get(beats[r], g) >= t[g][cg + r];
        put<1>(result, g, bits<1>(above ^ inv[g][cg + r]));
      }
      results[r] = result;
    }
    write_run<RUN>(out, results);
    advance<plan::groups - RUN, RUN>(cg);
  }
}

/// saturate_EO(round((a*2^SA + b*2^SB) / 2^SHIFT)), a of EA and b of EB signed bits.
template <typename Cfg>
inline num<Cfg::EO> aligned_sum(num<Cfg::EA> a, num<Cfg::EB> b) {
#pragma HLS inline
  static_assert(Cfg::SA >= 0 && Cfg::SB >= 0, "alignment shifts are left shifts");
  const int TOTAL = max_of(Cfg::EA + Cfg::SA, Cfg::EB + Cfg::SB) + 1;
  const num<TOTAL> total = num<TOTAL>(shift_left<TOTAL, Cfg::SA>(num<TOTAL>(a)) +
                                      shift_left<TOTAL, Cfg::SB>(num<TOTAL>(b)));
  return narrow<Cfg::EO, Cfg::SHIFT, Cfg::ROUND, TOTAL>(total);
}

/// out = saturate_EO(round((a*2^SA + b*2^SB) / 2^SHIFT)).
template <typename Cfg>
void add(stream<bits<Cfg::G * Cfg::EA>>& a, stream<bits<Cfg::G * Cfg::EB>>& b,
         stream<bits<Cfg::G * Cfg::EO>>& out, unsigned frames) {
  const int RUN = beat_plan<Cfg>::run;
  const count_t runs = count_t(frames) * count_t(beat_plan<Cfg>::runs);
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    bits<Cfg::G * Cfg::EA> left[RUN];
    bits<Cfg::G * Cfg::EB> right[RUN];
    bits<Cfg::G * Cfg::EO> results[RUN];
    read_run<RUN>(a, left);
    read_run<RUN>(b, right);
    for (int r = 0; r < RUN; ++r) {
#pragma HLS unroll
      bits<Cfg::G * Cfg::EO> result = 0;
      for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
        put<Cfg::EO>(result, g, aligned_sum<Cfg>(get_signed<Cfg::EA>(left[r], g),
                                                 get_signed<Cfg::EB>(right[r], g)));
      }
      results[r] = result;
    }
    write_run<RUN>(out, results);
  }
}

/// add and threshold in one: sum as in add, bit = (sum >= t) xor inv.
template <typename Cfg>
void residual(stream<bits<Cfg::G * Cfg::EA>>& a, stream<bits<Cfg::G * Cfg::EB>>& b,
              stream<bits<Cfg::G * Cfg::EO>>& sum, stream<bits<Cfg::G>>& bit,
              const sint<Cfg::TB> t[Cfg::G][beat_plan<Cfg>::groups],
              const bits<1> inv[Cfg::G][beat_plan<Cfg>::groups], unsigned frames) {
  typedef beat_plan<Cfg> plan;
#pragma HLS array_partition variable=t complete dim=1
#pragma HLS array_partition variable=inv complete dim=1
  const int RUN = plan::run;
  counter<plan::groups> cg = 0;
  const count_t runs = count_t(frames) * count_t(plan::runs);
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    bits<Cfg::G * Cfg::EA> left[RUN];
    bits<Cfg::G * Cfg::EB> right[RUN];
    bits<Cfg::G * Cfg::EO> sums[RUN];
    bits<Cfg::G> signs[RUN];
    read_run<RUN>(a, left);
    read_run<RUN>(b, right);
    for (int r = 0; r < RUN; ++r) {
#pragma HLS unroll
      bits<Cfg::G * Cfg::EO> beat = 0;
      bits<Cfg::G> above = 0;
      for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
        const num<Cfg::EO> value = aligned_sum<Cfg>(get_signed<Cfg::EA>(left[r], g),
                                                    get_signed<Cfg::EB>(right[r], g));
        put<Cfg::EO>(beat, g, value);
        const bits<1> reached = value >= t[g][cg + r];
        put<1>(above, g, bits<1>(reached ^ inv[g][cg + r]));
      }
      sums[r] = beat;
      signs[r] = above;
    }
    write_run<RUN>(sum, sums);
    write_run<RUN>(bit, signs);
    advance<plan::groups - RUN, RUN>(cg);
  }
}

/// out = saturate_EO(round(x / 2^SHIFT)); a negative SHIFT is an exact left shift.
template <typename Cfg>
void requantize(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G * Cfg::EO>>& out,
                unsigned frames) {
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  const count_t cycles = count_t(frames) * count_t(beat_plan<Cfg>::beats);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::G * Cfg::E> beat = in.read();
    bits<Cfg::G * Cfg::EO> result = 0;
    for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
      put<Cfg::EO>(result, g,
                   narrow<Cfg::EO, Cfg::SHIFT, Cfg::ROUND, input::width>(input::get(beat, g)));
    }
    out.write(result);
  }
}

/// out = min(max(x, LO), HI), signed, E bits in and out.
template <typename Cfg>
void clamp(stream<bits<Cfg::G * Cfg::E>>& in, stream<bits<Cfg::G * Cfg::E>>& out,
           unsigned frames) {
  typedef num<Cfg::E> value_t;
  static_assert(Cfg::LO <= Cfg::HI, "empty range");
  static_assert(bits_for(Cfg::HI < 0 ? -(Cfg::HI + 1LL) : Cfg::HI) < Cfg::E || Cfg::HI == 0 ||
                Cfg::HI == -1, "HI outside the format");
  static_assert(bits_for(Cfg::LO < 0 ? -(Cfg::LO + 1LL) : Cfg::LO) < Cfg::E || Cfg::LO == 0 ||
                Cfg::LO == -1, "LO outside the format");
  const count_t cycles = count_t(frames) * count_t(beat_plan<Cfg>::beats);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::G * Cfg::E> beat = in.read();
    bits<Cfg::G * Cfg::E> result = 0;
    for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
      value_t x = get_signed<Cfg::E>(beat, g);
      if (x < value_t(Cfg::LO)) x = value_t(Cfg::LO);
      if (x > value_t(Cfg::HI)) x = value_t(Cfg::HI);
      put<Cfg::E>(result, g, x);
    }
    out.write(result);
  }
}

/// Bit 1 becomes +1 and bit 0 becomes -1, as 2-bit two's complement.
template <typename Cfg>
void bits_to_value(stream<bits<Cfg::G>>& in, stream<bits<2 * Cfg::G>>& out, unsigned frames) {
  const count_t cycles = count_t(frames) * count_t(beat_plan<Cfg>::beats);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bits<Cfg::G> beat = in.read();
    bits<2 * Cfg::G> result = 0;
    for (int g = 0; g < Cfg::G; ++g) {
#pragma HLS unroll
      put<1>(result, 2 * g, 1);
      put<1>(result, 2 * g + 1, bits<1>(get_unsigned<1>(beat, g) == 0));
    }
    out.write(result);
  }
}

}  // namespace blendir

#endif  // BLENDIR_ELEMENTWISE_HPP
