/// window: sliding window over a raster of pixels.
#ifndef BLENDIR_WINDOW_HPP
#define BLENDIR_WINDOW_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// Constants of a window: how pixels are cut into words and when outputs leave.
template <typename Cfg>
struct window_plan {
  static const int E = Cfg::E, C = Cfg::C, H = Cfg::H, W = Cfg::W, KH = Cfg::KH, KW = Cfg::KW;
  static const int SH = Cfg::SH, SW = Cfg::SW, PH = Cfg::PH, PW = Cfg::PW;
  static const int OH = Cfg::OH, OW = Cfg::OW, GI = Cfg::GI, GO = Cfg::GO;
  static_assert(E >= 1 && E <= 64 && C % GI == 0, "elements fit a word, groups fill a pixel");
  static_assert(2 * PH <= KH - 1 && 2 * PW <= KW - 1 && PH >= 0 && PW >= 0, "padding too wide");
  static_assert(SH >= 1 && SW >= 1 && OH >= 1 && OW >= 1, "empty window");
  static_assert((OH - 1) * SH + KH <= H + 2 * PH, "rows outside the padded frame");
  static_assert((OW - 1) * SW + KW <= W + 2 * PW, "columns outside the padded frame");

  static const int BI = C / GI;                     // input beats per pixel
  static const int BO = (KH * KW * C + GO - 1) / GO;  // output beats per position
  static const int BEAT = GI * E;
  // A stored word of D elements (at most 64 bits) holds BEATS_IN beats or a part of one.
  static const int BEATS_IN = BEAT <= 64 ? divisor_up_to(BI, 64 / BEAT) : 1;
  static const int D = BEAT <= 64 ? GI * BEATS_IN : divisor_up_to(GI, 64 / E);
  static const int WORD = D * E;
  static const int WORDS = C / D;                        // words per pixel
  static const int WORDS_IN = BEAT <= 64 ? 1 : GI / D;   // words touched by an input beat
  static const int FRESH = BEATS_IN > 1 ? BEAT : 1;      // bits a beat shifts into its word
  static const int KEPT = BEATS_IN > 1 ? WORD - BEAT : 1;  // and leaves there
  static const int Q = common_divisor(D, GO);       // elements moved at once
  static const int PIECE = Q * E;
  static const int PIECES = GO / Q;                 // pieces per output beat

  static const int FIRST = (KH - 1 - PH) * W + KW - 1 - PW;  // slot of the first output
  static const int LAST = FIRST + (OH - 1) * SH * W + (OW - 1) * SW;
  static const int LAG = LAST > H * W - 1 ? LAST - (H * W - 1) : 0;
  static const int ROW_STEP = SH * W - (OW - 1) * SW;  // slots between outputs across rows
  static const int FRAME_STEP = H * W + FIRST - LAST;  // and across frames
  static_assert(FRAME_STEP >= 1 && (OH == 1 || ROW_STEP >= 1), "outputs out of order");
  static const int WAIT = max_of(max_of(FIRST, SW), max_of(ROW_STEP, FRAME_STEP));

  static const int LINES = W > 1 ? KH - 1 : 0;  // a line of one pixel is the window itself
  static const int LINE_ROWS = LINES > 0 ? LINES : 1;
  static const int LINE_WIDTH = LINES > 0 ? W : 1;
};

/// All beats of one output vector: tap (i, j) is the stored pixel, or pad outside the frame.
template <typename Cfg, typename Word>
inline void window_vector(const Word (&taps)[Cfg::KH][Cfg::KW][window_plan<Cfg>::WORDS],
                          const Word (&pad)[window_plan<Cfg>::WORDS],
                          const bool (&row_inside)[Cfg::KH], const bool (&column_inside)[Cfg::KW],
                          bits<Cfg::GO * Cfg::E> (&beats)[window_plan<Cfg>::BO]) {
#pragma HLS inline
  typedef window_plan<Cfg> plan;
  int beat = 0, piece = 0;
  for (int b = 0; b < plan::BO; ++b) {
#pragma HLS unroll
    beats[b] = 0;
  }
  for (int i = 0; i < plan::KH; ++i) {
#pragma HLS unroll
    for (int j = 0; j < plan::KW; ++j) {
#pragma HLS unroll
      const bool inside = row_inside[i] && column_inside[j];
      for (int w = 0; w < plan::WORDS; ++w) {
#pragma HLS unroll
        const Word word = inside ? taps[i][j][w] : pad[w];
        for (int q = 0; q < plan::D / plan::Q; ++q) {
#pragma HLS unroll
          put<plan::PIECE>(beats[beat], piece, slice<plan::PIECE>(word, q * plan::PIECE));
          if (++piece == plan::PIECES) {
            piece = 0;
            ++beat;
          }
        }
      }
    }
  }
}

/// Vectors of KH*KW*C elements for OH*OW positions: element (kh*KW + kw)*C + c of position
/// (y, x) is in[y*SH - PH + kh][x*SW - PW + kw][c], or pad[c] outside the frame. Pixels arrive in
/// beats of GI elements and leave in beats of GO, the last one zero-filled.
/// A pixel slot takes C/GI cycles, an output adds ceil(KH*KW*C/GO) - 1:
/// H*W*(C/GI) + OH*OW*(BO - 1) cycles per frame. Outputs of a frame may leave during the first
/// slots of the next one; a run ends with LAG slots that read nothing.
template <typename Cfg>
void window(stream<bits<Cfg::GI * Cfg::E>>& in, stream<bits<Cfg::GO * Cfg::E>>& out,
            const bits<Cfg::E> pad[Cfg::C], unsigned frames) {
  typedef window_plan<Cfg> plan;
  const int E = plan::E, W = plan::W, KH = plan::KH, KW = plan::KW;
  const int BI = plan::BI, BO = plan::BO, D = plan::D, WORDS = plan::WORDS;
  typedef bits<plan::WORD> word;
  word lines[plan::LINE_ROWS][plan::LINE_WIDTH][WORDS];
#pragma HLS array_partition variable=lines complete dim=1
#pragma HLS array_partition variable=lines complete dim=3
  word taps[KH][KW][WORDS];
#pragma HLS array_partition variable=taps complete dim=0
  word pixel[WORDS];
#pragma HLS array_partition variable=pixel complete dim=1
  word outside[WORDS];
#pragma HLS array_partition variable=outside complete dim=1
  bits<Cfg::GO * Cfg::E> beats[BO];
#pragma HLS array_partition variable=beats complete dim=1
  for (int w = 0; w < WORDS; ++w) {
#pragma HLS unroll
    outside[w] = 0;
    for (int d = 0; d < D; ++d) {
#pragma HLS unroll
      put<E>(outside[w], d, pad[w * D + d]);
    }
  }
#ifndef __SYNTHESIS__
  for (int w = 0; w < WORDS; ++w) {
    pixel[w] = unwritten<plan::WORD>();
    for (int k = 0; k < plan::LINE_ROWS; ++k) {
      for (int x = 0; x < plan::LINE_WIDTH; ++x) lines[k][x][w] = unwritten<plan::WORD>();
    }
    for (int i = 0; i < KH; ++i) {
      for (int j = 0; j < KW; ++j) taps[i][j][w] = unwritten<plan::WORD>();
    }
  }
#endif

  const count_t pixels = count_t(frames) * count_t(plan::H * W);
  const count_t cycles =
      count_t(frames) * count_t(plan::H * W * BI + plan::OH * plan::OW * (BO - 1)) +
      count_t(plan::LAG * BI);  // LAG <= FIRST: without frames nothing leaves
  count_t unread = pixels;
  counter<BI + BO> phase = 0;            // cycle within the slot
  counter<plan::BEATS_IN> part = 0;      // beat within the word being filled
  counter<WORDS> filling = 0;
  counter<W> column = 0, previous = W - 1;  // of the arriving pixel and the one before
  counter<plan::WAIT> until = plan::FIRST;  // slots to the next output
  counter<plan::OH> oy = 0;
  counter<plan::OW> ox = 0;
  num<bits_for(plan::H + plan::SH + KH) + 2> top = -plan::PH;    // frame row of tap row 0
  num<bits_for(W + plan::SW + KW) + 2> left = -plan::PW;  // frame column of tap column 0
  for (count_t n = 0; n != cycles; ++n) {
#pragma HLS pipeline II=1 style=flp
    if (phase <= BI - 1 && unread != 0) {
      const bits<plan::BEAT> beat = in.read();
      if (plan::BEATS_IN > 1) {  // shift the beat in from above
        word shifted = 0;
        place<plan::KEPT>(shifted, 0, slice<plan::KEPT>(pixel[filling], plan::WORD - plan::KEPT));
        place<plan::FRESH>(shifted, plan::WORD - plan::FRESH, slice<plan::FRESH>(beat, 0));
        pixel[filling] = shifted;
      } else {
        for (int w = 0; w < plan::WORDS_IN; ++w) {
#pragma HLS unroll
          pixel[filling + w] = slice<plan::WORD>(beat, w * plan::WORD);
        }
      }
      if (advance<plan::BEATS_IN - 1>(part)) {
        advance<WORDS - plan::WORDS_IN, plan::WORDS_IN>(filling);
      }
    }
    const bool arrived = phase == BI - 1;
    const bool emitting = until == 0;
    if (arrived) {
      if (unread != 0) unread = unread - 1;
      for (int w = 0; w < WORDS; ++w) {
#pragma HLS unroll
        word fresh[KH];
#pragma HLS array_partition variable=fresh complete dim=1
        fresh[KH - 1] = pixel[w];
        // Each row is read W pixels after it was written; a cell is written one slot late, from
        // the window, so that no write follows the read of its own cycle.
        for (int k = 0; k < KH - 1; ++k) {
#pragma HLS unroll
          const word newest = taps[KH - 1 - k][KW - 1][w];
          fresh[KH - 2 - k] = W > 1 ? lines[k][column][w] : newest;
          if (W > 1) lines[k][previous][w] = newest;
        }
        for (int i = 0; i < KH; ++i) {
#pragma HLS unroll
          for (int j = 0; j < KW - 1; ++j) {
#pragma HLS unroll
            taps[i][j][w] = taps[i][j + 1][w];
          }
          taps[i][KW - 1][w] = fresh[i];
        }
      }
      previous = column;
      advance<W - 1>(column);
    }
    if (emitting && phase >= BI - 1) {
      if (synthesis || arrived) {
        bool row_inside[KH], column_inside[KW];
#pragma HLS array_partition variable=row_inside complete dim=1
#pragma HLS array_partition variable=column_inside complete dim=1
        for (int i = 0; i < KH; ++i) {
#pragma HLS unroll
          row_inside[i] = top >= -i && top < plan::H - i;
        }
        for (int j = 0; j < KW; ++j) {
#pragma HLS unroll
          column_inside[j] = left >= -j && left < W - j;
        }
        window_vector<Cfg, word>(taps, outside, row_inside, column_inside, beats);
      }
      out.write(beats[phase - (BI - 1)]);
    }
    if (emitting ? phase == BI + BO - 2 : arrived) {
      phase = 0;
      if (!emitting) {
        until = until - 1;
      } else if (!advance<plan::OW - 1>(ox)) {
        until = plan::SW - 1;
        left = left + plan::SW;
      } else {
        left = -plan::PW;
        if (!advance<plan::OH - 1>(oy)) {
          until = plan::ROW_STEP - 1;
          top = top + plan::SH;
        } else {
          until = plan::FRAME_STEP - 1;
          top = -plan::PH;
        }
      }
    } else {
      phase = phase + 1;
    }
  }
}

}  // namespace blendir

#endif  // BLENDIR_WINDOW_HPP
