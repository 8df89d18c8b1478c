/// window: a line buffer that writes the windows of a frame in raster order.
#ifndef BLENDIR_WINDOW_HPP
#define BLENDIR_WINDOW_HPP

#include "stream.hpp"
#include "types.hpp"

namespace blendir {

/// Constants of a window: how pixels are stored in words, and when outputs are written. A slot is
/// the time of one pixel, BI cycles or more. There are idle slots around the pixels of a frame where
/// padding is so wide that windows would else be complete in the same slot or before the first one.
template <typename Cfg>
struct window_plan {
  static const int E = Cfg::E, C = Cfg::C, H = Cfg::H, W = Cfg::W, KH = Cfg::KH, KW = Cfg::KW;
  static const int SH = Cfg::SH, SW = Cfg::SW, PH = Cfg::PH, PW = Cfg::PW;
  static const int DH = Cfg::DH, DW = Cfg::DW;
  static const int OH = Cfg::OH, OW = Cfg::OW, GI = Cfg::GI, GO = Cfg::GO;
  static_assert(E >= 1 && E <= 64 && C % GI == 0, "elements fit a word, groups fill a pixel");
  static_assert(PH >= 0 && PW >= 0 && DH >= 1 && DW >= 1, "negative padding or dilation");
  static_assert(SH >= 1 && SW >= 1 && OH >= 1 && OW >= 1, "empty window");

  static const int BI = C / GI;                     // input beats per pixel
  static const int BO = (KH * KW * C + GO - 1) / GO;  // output beats per position
  static const int BEAT = GI * E;
  // A stored word of D elements (at most 64 bits) holds BEATS_IN beats or a part of one.
  static const int BEATS_IN = BEAT <= 64 ? divisor_up_to(BI, 64 / BEAT) : 1;
  static const int D = BEAT <= 64 ? GI * BEATS_IN : divisor_up_to(GI, 64 / E);
  static const int WORD = D * E;
  static const int WORDS = C / D;                        // words per pixel
  static const int WORDS_IN = BEAT <= 64 ? 1 : GI / D;   // words touched by an input beat
  static const int FRESH = BEATS_IN > 1 ? BEAT : 1;      // bits that a beat shifts into its word
  static const int KEPT = BEATS_IN > 1 ? WORD - BEAT : 1;  // bits of the word that stay
  static const int Q = common_divisor(D, GO);       // elements moved at once
  static const int PIECE = Q * E;
  static const int PIECES = GO / Q;                 // pieces per output beat

  static const int EH = (KH - 1) * DH + 1, EW = (KW - 1) * DW + 1;  // extent of a window
  // Rows and columns of slots; pixels begin at (TOP, LEFT).
  static const int TOP = max_of(0, PH - (EH - 1)), LEFT = max_of(0, PW - (EW - 1));
  static const int ACROSS = (OW - 1) * SW;
  static const int WS = max_of(LEFT + W, OH > 1 ? ACROSS / SH + 1 : 1);
  static const int HS = max_of(TOP + H, (OH - 1) * SH + ACROSS / WS + 1);
  static const bool IDLE = HS > H || WS > W;
  static const int FIRST = (TOP + EH - 1 - PH) * WS + LEFT + EW - 1 - PW;  // slot of the first output
  static const int LAST = FIRST + (OH - 1) * SH * WS + ACROSS;
  static const int LAG = LAST > HS * WS - 1 ? LAST - (HS * WS - 1) : 0;
  static const int ROW_STEP = SH * WS - ACROSS;  // slots between outputs across rows
  static const int FRAME_STEP = HS * WS + FIRST - LAST;  // slots between outputs across frames
  static_assert(FRAME_STEP >= 1 && (OH == 1 || ROW_STEP >= 1), "outputs out of order");
  static const int WAIT = max_of(max_of(FIRST, SW), max_of(ROW_STEP, FRAME_STEP));
  // A run is a slot: its input beats, its output beats.
  static const int READS = in_runs ? BI : 1, WRITES = in_runs ? BO : 1;

  static const int LINE = DH * WS;  // slots between the rows of a window
  static const int LINES = LINE > 1 ? KH - 1 : 0;  // a line of one pixel is the window itself
  static const int LINE_ROWS = LINES > 0 ? LINES : 1;
  static const int LINE_WIDTH = LINES > 0 ? LINE : 1;
};

/// All beats of one output vector: tap (i, j) is the stored pixel in column j*DW, or pad outside the
/// frame.
template <typename Cfg, typename Word>
inline void window_vector(const Word (&taps)[Cfg::KH][window_plan<Cfg>::EW][window_plan<Cfg>::WORDS],
                          const Word (&pad)[window_plan<Cfg>::WORDS],
                          const bool (&row_inside)[Cfg::KH], const bool (&column_inside)[Cfg::KW],
                          bits<Cfg::GO * Cfg::E> (&beats)[window_plan<Cfg>::BO]) {
#pragma HLS inline
  typedef window_plan<Cfg> plan;
  int beat = 0, piece = 0;
  BLENDIR_UNROLL for (int b = 0; b < plan::BO; ++b) {
#pragma HLS unroll
    beats[b] = 0;
  }
  BLENDIR_UNROLL for (int i = 0; i < plan::KH; ++i) {
#pragma HLS unroll
    BLENDIR_UNROLL for (int j = 0; j < plan::KW; ++j) {
#pragma HLS unroll
      const bool inside = row_inside[i] && column_inside[j];
      BLENDIR_UNROLL for (int w = 0; w < plan::WORDS; ++w) {
#pragma HLS unroll
        const Word word = inside ? taps[i][j * plan::DW][w] : pad[w];
        BLENDIR_UNROLL for (int q = 0; q < plan::D / plan::Q; ++q) {
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

/// Vectors of KH*KW*C elements for OH*OW positions: element (kh*KW + kw)*C + c of position (y, x)
/// is in[y*SH - PH + kh*DH][x*SW - PW + kw*DW][c], or pad[c] outside the frame. Pixels are read in
/// beats of GI elements. Vectors are written in beats of GO elements, the last one zero-filled. A
/// slot takes C/GI cycles; a slot with an output takes BO - 1 cycles more (BO = ceil(KH*KW*C/GO)):
/// HS*WS*(C/GI) + OH*OW*(BO - 1) cycles per frame, HS = H and WS = W without idle slots. The last outputs of a frame may be written during
/// the first slots of the next frame. A run ends with LAG slots that read nothing.
template <typename Cfg>
void window(stream<bits<Cfg::GI * Cfg::E>>& in, stream<bits<Cfg::GO * Cfg::E>>& out,
            const bits<Cfg::E> pad[Cfg::C], unsigned frames) {
  typedef window_plan<Cfg> plan;
  const int E = plan::E, KH = plan::KH, KW = plan::KW, EW = plan::EW;
  const int BI = plan::BI, BO = plan::BO, D = plan::D, WORDS = plan::WORDS;
  typedef bits<plan::WORD> word;
  word lines[plan::LINE_ROWS][plan::LINE_WIDTH][WORDS];
#pragma HLS array_partition variable=lines complete dim=1
#pragma HLS array_partition variable=lines complete dim=3
  word taps[KH][EW][WORDS];
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
      for (int j = 0; j < EW; ++j) taps[i][j][w] = unwritten<plan::WORD>();
    }
  }
#endif

  const count_t pixels = count_t(frames) * count_t(product_of(plan::H, plan::W));
  const count_t runs =  // LAG <= FIRST: with no frames nothing is written
      count_t(frames) * count_t(product_of(plan::HS, plan::WS, BI / plan::READS) +
                                product_of(plan::OH, plan::OW, BO / plan::WRITES - 1)) +
      count_t(product_of(plan::LAG, BI / plan::READS));
  count_t unread = pixels;
  counter<BI + BO> phase = 0;            // cycle within the slot
  counter<plan::BEATS_IN> part = 0;      // beat within the word being filled
  counter<WORDS> filling = 0;
  counter<plan::LINE> cell = 0, previous = plan::LINE - 1;  // of the slot and of the one before
  counter<plan::HS> row = 0;  // of the slot
  counter<plan::WS> column = 0;
  counter<plan::WAIT> until = plan::FIRST;  // slots to the next output
  counter<plan::OH> oy = 0;
  counter<plan::OW> ox = 0;
  // Frame row of tap row 0 and frame column of tap column 0.
  num<bits_for(plan::PH + plan::HS + plan::SH + plan::EH) + 2> top = -plan::PH;
  num<bits_for(plan::PW + plan::WS + plan::SW + EW) + 2> left = -plan::PW;
  for (count_t n = 0; n != runs; ++n) {
#pragma HLS pipeline II=1 style=flp
    const bool reading =
        unread != 0 && (!plan::IDLE || (row >= plan::TOP && row < plan::TOP + plan::H &&
                                        column >= plan::LEFT && column < plan::LEFT + plan::W));
    if (phase <= BI - 1 && reading) {
      bits<plan::BEAT> fresh[plan::READS];
      read_run<plan::READS>(in, fresh);
      BLENDIR_UNROLL for (int r = 0; r < plan::READS; ++r) {
#pragma HLS unroll
        if (plan::BEATS_IN > 1 && in_runs) {
          place<plan::FRESH>(pixel[r / plan::BEATS_IN], r % plan::BEATS_IN * plan::FRESH,
                             slice<plan::FRESH>(fresh[r], 0));
        } else if (plan::BEATS_IN > 1) {  // shift the beat in from above
          word shifted = 0;
          place<plan::KEPT>(shifted, 0, slice<plan::KEPT>(pixel[filling], plan::WORD - plan::KEPT));
          place<plan::FRESH>(shifted, plan::WORD - plan::FRESH, slice<plan::FRESH>(fresh[r], 0));
          pixel[filling] = shifted;
        } else {
          for (int w = 0; w < plan::WORDS_IN; ++w) {
#pragma HLS unroll
            pixel[(in_runs ? r * plan::WORDS_IN : int(filling)) + w] =
                slice<plan::WORD>(fresh[r], w * plan::WORD);
          }
        }
        if (!in_runs && advance<plan::BEATS_IN - 1>(part)) {
          advance<WORDS - plan::WORDS_IN, plan::WORDS_IN>(filling);
        }
      }
    }
    const bool arrived = in_runs || phase == BI - 1;
    const bool emitting = until == 0;
    if (arrived) {
      if (reading) unread = unread - 1;
      BLENDIR_UNROLL for (int w = 0; w < WORDS; ++w) {
#pragma HLS unroll
        word fresh[KH];
#pragma HLS array_partition variable=fresh complete dim=1
        fresh[KH - 1] = pixel[w];
        // Each row is read LINE slots after it was written. A cell is written one slot late, from the
        // window, so that no cycle reads a cell and then writes it.
        BLENDIR_UNROLL for (int k = 0; k < KH - 1; ++k) {
#pragma HLS unroll
          const word newest = taps[KH - 1 - k][EW - 1][w];
          fresh[KH - 2 - k] = plan::LINES > 0 ? lines[k][cell][w] : newest;
          if (plan::LINES > 0) lines[k][previous][w] = newest;
        }
        BLENDIR_UNROLL for (int i = 0; i < KH; ++i) {
#pragma HLS unroll
          BLENDIR_UNROLL for (int j = 0; j < EW - 1; ++j) {
#pragma HLS unroll
            taps[i][j][w] = taps[i][j + 1][w];
          }
          taps[i][EW - 1][w] = fresh[i];
        }
      }
      previous = cell;
      advance<plan::LINE - 1>(cell);
      if (advance<plan::WS - 1>(column)) advance<plan::HS - 1>(row);
    }
    if (emitting && (in_runs || phase >= BI - 1)) {
      if (synthesis || arrived) {
        bool row_inside[KH], column_inside[KW];
#pragma HLS array_partition variable=row_inside complete dim=1
#pragma HLS array_partition variable=column_inside complete dim=1
        for (int i = 0; i < KH; ++i) {
#pragma HLS unroll
          row_inside[i] = top >= -i * plan::DH && top < plan::H - i * plan::DH;
        }
        for (int j = 0; j < KW; ++j) {
#pragma HLS unroll
          column_inside[j] = left >= -j * plan::DW && left < plan::W - j * plan::DW;
        }
        window_vector<Cfg, word>(taps, outside, row_inside, column_inside, beats);
      }
      bits<Cfg::GO * Cfg::E> results[plan::WRITES];
      for (int w = 0; w < plan::WRITES; ++w) {
#pragma HLS unroll
        results[w] = beats[in_runs ? w : int(phase) - (BI - 1)];
      }
      write_run<plan::WRITES>(out, results);
    }
    if (in_runs || (emitting ? phase == BI + BO - 2 : arrived)) {
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
