/// The boundary of the design: AXI4-Stream words. The tool accepts its own word type only at the
/// ports of the top function. With BLENDIR_INSIDE, another function calls the design, and words are
/// plain.
#ifndef BLENDIR_AXI_HPP
#define BLENDIR_AXI_HPP

#include "stream.hpp"
#include "types.hpp"

#if defined(BLENDIR_TOOL_TYPES) && !defined(BLENDIR_INSIDE) && defined(__has_include)
#if __has_include(<ap_axi_sdata.h>)
#include <ap_axi_sdata.h>
#define BLENDIR_AXI_TYPES 1
#endif
#endif

namespace blendir {

#ifdef BLENDIR_AXI_TYPES

template <int N>
using axi_word = ap_axiu<N, 0, 0, 0>;

template <int N>
inline axi_word<N> make_axi_word(const bits<N>& data, bool last) {
#pragma HLS inline
  axi_word<N> word;
  word.data = data;
  word.keep = -1;
  word.strb = -1;
  word.last = last ? 1 : 0;
  return word;
}

#else

/// TDATA of N bits and TLAST.
template <int N>
struct axi_word {
  bits<N> data;
  bits<1> last;
};

template <int N>
inline axi_word<N> make_axi_word(const bits<N>& data, bool last) {
  axi_word<N> word;
  word.data = data;
  word.last = last ? 1 : 0;
  return word;
}

/// A trace records TDATA.
template <int N>
inline const bits<N>& trace_payload(const axi_word<N>& word) {
  return word.data;
}

#endif

/// Writes the low N bits of each NI-bit word, P beats per frame: P cycles. TLAST is ignored.
template <typename Cfg>
void axi_source(stream<axi_word<Cfg::NI>>& in, stream<bits<Cfg::N>>& out, unsigned frames) {
  static_assert(Cfg::N <= Cfg::NI && Cfg::NI % 8 == 0, "whole bytes holding the payload");
  const count_t cycles = count_t(frames) * count_t(Cfg::P);
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    const axi_word<Cfg::NI> word = in.read();
    out.write(slice<Cfg::N>(word.data, 0));
  }
}

/// Writes one NO-bit word per element, sign- or zero-extended, from P positions of V elements in
/// ceil(V/G) beats of G. TLAST marks the last word of a frame. P*V cycles per frame.
template <typename Cfg>
void axi_sink(stream<bits<Cfg::G * Cfg::E>>& in, stream<axi_word<Cfg::NO>>& out,
              unsigned frames) {
  typedef element<Cfg::E, Cfg::IS_SIGNED != 0> input;
  static_assert(Cfg::NO % 8 == 0 && Cfg::NO <= 64 && Cfg::E <= Cfg::NO, "element too wide");
  bits<Cfg::G * Cfg::E> beat = 0;
  counter<Cfg::V> v = 0;
  counter<Cfg::G> g = 0;
  counter<Cfg::P> position = 0;
  const count_t cycles = count_t(frames) * count_t(product_of(Cfg::P, Cfg::V));
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    if (g == 0) beat = in.read();
    const bool vector_end = v == Cfg::V - 1;
    const bool last = vector_end && position == Cfg::P - 1;
    bits<Cfg::NO> data = 0;
    put<Cfg::NO>(data, 0, input::get(beat, g));
    out.write(make_axi_word<Cfg::NO>(data, last));
    advance<Cfg::G - 1>(g);
    if (advance<Cfg::V - 1>(v)) {
      g = 0;
      advance<Cfg::P - 1>(position);
    }
  }
}

}  // namespace blendir

#endif  // BLENDIR_AXI_HPP
