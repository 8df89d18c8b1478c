// The design between two buffers in memory, for XRT. Generated, not run on a board.
// A frame is a whole number of 512-bit words: its input words one after another, zero-filled.
#define BLENDIR_INSIDE  // its ports become streams
#include "top.cpp"

namespace {

const int IN_BITS = INPUT_BITS;
//@each
const int @OUTPUT_BITS = @BITS;
//@end
const int GROUP_WORDS = 64;            // input words in IN_BITS / 8 beats
const int GROUP_BEATS = IN_BITS / 8;
const int GROUPS = (INPUT_WORDS + GROUP_WORDS - 1) / GROUP_WORDS;

void read_frames(const blendir::bits<512>* memory, blendir::stream<input_word>& in, unsigned frames) {
  blendir::bits<512> held[GROUP_BEATS];
  for (unsigned group = 0; group < frames * GROUPS; ++group) {
    for (int beat = 0; beat < GROUP_BEATS; ++beat) {
#pragma HLS pipeline II=1
      held[beat] = memory[group * GROUP_BEATS + beat];
    }
    const int left = INPUT_WORDS - static_cast<int>(group % GROUPS) * GROUP_WORDS;
    for (int word = 0; word < GROUP_WORDS && word < left; ++word) {
#pragma HLS pipeline II=1
      blendir::bits<IN_BITS> data = 0;
      for (int byte = 0; byte < IN_BITS / 8; ++byte) {
#pragma HLS unroll
        const int at = word * (IN_BITS / 8) + byte;
        blendir::put<8>(data, byte, blendir::get_unsigned<8>(held[at / 64], at % 64));
      }
      in.write(blendir::make_axi_word<IN_BITS>(data, false));
    }
  }
}

//@each
void write_results@_(blendir::stream<@WORD>& out, blendir::bits<@OUTPUT_BITS>* memory, unsigned frames) {
  for (unsigned n = 0; n < frames * @SIZE; ++n) {
#pragma HLS pipeline II=1 style=flp
    memory[n] = out.read().data;
  }
}

//@end
}  // namespace

extern "C" void top_memory(const blendir::bits<512>* frames_in, @RESULTS,
                           unsigned frames) {
#pragma HLS interface m_axi port=frames_in offset=slave bundle=gmem0
//@each
#pragma HLS interface m_axi port=results@_ offset=slave bundle=gmem@BUNDLE
//@end
#pragma HLS interface s_axilite port=frames
#pragma HLS interface s_axilite port=return
#pragma HLS dataflow
  blendir::stream<input_word> in("memory_in");
#pragma HLS stream variable=in depth=64
//@each
  blendir::stream<@WORD> out@_("memory_out@_");
#pragma HLS stream variable=out@_ depth=16
//@end
  read_frames(frames_in, in, frames);
  top(in, @STREAMS, frames);
//@each
  write_results@_(out@_, results@_, frames);
//@end
}
