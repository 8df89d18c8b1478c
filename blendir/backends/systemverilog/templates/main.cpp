// Runs frames through the design, clock by clock, with pauses at its source and sinks.
//
// main INPUT RESULT TIMES FRAMES INTERVAL SOURCE_PAUSE SINK_PAUSE SEED PATIENCE
//
// INPUT: words of frames in whole bytes. RESULT: words of the first output, then those of the next. TIMES: a line per
// output with the cycle in which the last word of each frame leaves, counted from when the first word is offered.
// INTERVAL: cycles over which the words of a frame are offered, 0 for as fast as they are taken. Pauses: 0..1, the
// share of cycles. PATIENCE: cycles without a word after which the program ends with status 3.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "Vtop.h"
#include "outputs.h"
#include "verilated.h"

namespace {

template <typename T>
void load(T& port, const unsigned char* bytes, std::size_t count) {
  port = 0;
  std::memcpy(&port, bytes, count);
}

struct output {
  const char* name;
  std::size_t bytes;       // of a word
  std::uint64_t expected;  // words of all frames
  std::uint64_t frame;     // words of a frame
  std::vector<unsigned char> words;
  std::vector<std::uint64_t> leaving;
  bool ready, wrong_last;
  std::uint64_t count() const { return words.size() / bytes; }
  bool done() const { return count() == expected; }
  void take(const void* data, bool last, std::uint64_t cycle) {
    const unsigned char* from = static_cast<const unsigned char*>(data);
    words.insert(words.end(), from, from + bytes);
    const bool ends = count() % frame == 0;
    if (ends) leaving.push_back(cycle);
    if (ends != last) wrong_last = true;
  }
};

int failure(const std::string& text) {
  std::fprintf(stderr, "error: %s\n", text.c_str());
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  VerilatedContext context;
  context.commandArgs(argc, argv);
  if (argc < 10) return failure("main INPUT RESULT TIMES FRAMES INTERVAL SOURCE_PAUSE SINK_PAUSE SEED PATIENCE");
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<char> input((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::uint64_t frames = std::strtoull(argv[4], nullptr, 10), interval = std::strtoull(argv[5], nullptr, 10);
  const double source_pause = std::atof(argv[6]), sink_pause = std::atof(argv[7]);
  std::mt19937_64 random(std::strtoull(argv[8], nullptr, 10));
  const std::uint64_t patience = std::strtoull(argv[9], nullptr, 10);
  std::uniform_real_distribution<double> draw(0, 1);

  Vtop top(&context, "");
  std::vector<output> outputs;
#define OUTPUT(name, bits, words) \
  outputs.push_back(output{#name, bits / 8, frames * words, words, {}, {}, false, false});
  OUTPUTS
#undef OUTPUT
  const std::uint64_t words = frames * INPUT_WORDS;
  if (input.size() != words * INPUT_BYTES) return failure("the input is not as long as its frames");
  top.frames = static_cast<std::uint32_t>(frames);
  top.in_tvalid = 0;
  top.rst = 1;
  for (int edge = 0; edge < 4; ++edge) {
    top.clk = edge & 1;
    top.eval();
  }
  top.rst = 0;
  std::uint64_t sent = 0, idle = 0;
  bool offered = false, done = false;
  for (std::uint64_t cycle = 0; !done; ++cycle) {
    // A word that is offered stays until it is taken.
    if (!offered && sent < words && cycle >= sent * interval / INPUT_WORDS && draw(random) >= source_pause) {
      load(top.in_tdata, reinterpret_cast<const unsigned char*>(&input[sent * INPUT_BYTES]), INPUT_BYTES);
      offered = true;
    }
    context.time(cycle);
    top.in_tvalid = offered;
    std::size_t index = 0;
#define OUTPUT(name, bits, words) top.name##_tready = outputs[index++].ready = draw(random) >= sink_pause;
    OUTPUTS
#undef OUTPUT
    top.clk = 0;
    top.eval();
    ++idle;
    if (offered && top.in_tready) {
      offered = false;
      ++sent;
      idle = 0;
    }
    index = 0;
#define OUTPUT(name, bits, words)                                             \
  if (top.name##_tvalid && outputs[index].ready && !outputs[index].done()) {   \
    outputs[index].take(&top.name##_tdata, top.name##_tlast != 0, cycle);      \
    idle = 0;                                                                 \
  }                                                                           \
  ++index;
    OUTPUTS
#undef OUTPUT
    top.clk = 1;
    top.eval();
    done = true;
    for (const output& out : outputs) done = done && out.done();
    if (idle > patience) {
      std::string text = "no word for " + std::to_string(idle) + " cycles, after " + std::to_string(sent) + " of " +
                         std::to_string(words) + " words read";
      for (const output& out : outputs) {
        text += ", " + std::to_string(out.count()) + " of " + std::to_string(out.expected) + " written to " + out.name;
      }
      return failure(text);
    }
  }
  top.final();
  std::ofstream result(argv[2], std::ios::binary), times(argv[3]);
  for (const output& out : outputs) {
    if (out.wrong_last) return failure(std::string("TLAST of ") + out.name + " is not with the last word of a frame");
    result.write(reinterpret_cast<const char*>(out.words.data()), static_cast<std::streamsize>(out.words.size()));
    for (std::uint64_t cycle : out.leaving) times << cycle << ' ';
    times << '\n';
  }
  return 0;
}
