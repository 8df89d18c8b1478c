// Test bench: frames from a file, outputs to a file or compared with the interpreter's.
//   csim [FOLDER]               runs FOLDER/input.bin and compares with FOLDER/golden.bin: in tb, or in
//                               the working directory, to which tools copy the files of a test bench
//   csim INPUT OUTPUT [BATCH]   runs INPUT in batches of BATCH chained frames (default 4, all if bounded)
#include "top.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

const int IN_BYTES = INPUT_BITS / 8;
//@each
const int @BYTES = @BITS / 8;
//@end
typedef std::vector<unsigned char> buffer;
#ifdef BLENDIR_BOUNDED
const std::size_t DEFAULT_BATCH = ~std::size_t(0);
#else
const std::size_t DEFAULT_BATCH = 4;
#endif

buffer read_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    std::fprintf(stderr, "csim: cannot read %s\n", path.c_str());
    std::exit(2);
  }
  buffer data;
  unsigned char block[65536];
  for (std::size_t n; (n = std::fread(block, 1, sizeof block, file)) > 0;) {
    data.insert(data.end(), block, block + n);
  }
  std::fclose(file);
  return data;
}

void write_file(const std::string& path, const buffer& data) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(data.data(), 1, data.size(), file) != data.size() ||
      std::fclose(file) != 0) {
    std::fprintf(stderr, "csim: cannot write %s\n", path.c_str());
    std::exit(2);
  }
}

void run(const buffer& input, buffer& output, std::size_t batch) {
  const std::size_t frame = std::size_t(INPUT_WORDS) * IN_BYTES;
  if (input.size() % frame != 0) {
    std::fprintf(stderr, "csim: the input is not a whole number of frames of %zu bytes\n", frame);
    std::exit(2);
  }
  if (batch == 0) {
    std::fprintf(stderr, "csim: batches should be of a frame or more\n");
    std::exit(2);
  }
  const std::size_t frames = input.size() / frame;
  const unsigned char* next = input.data();
//@several
  buffer parts[@COUNT];  // the outputs, which follow one another
//@end
  for (std::size_t done = 0; done < frames; done += batch) {
    const std::size_t now = frames - done < batch ? frames - done : batch;
    blendir::stream<input_word> in("in");
//@each
    blendir::stream<@WORD> @NAME("@NAME");
//@end
    for (std::size_t i = 0; i < now * INPUT_WORDS; ++i) {
      blendir::bits<INPUT_BITS> data = 0;
      for (int b = 0; b < IN_BYTES; ++b) blendir::put<8>(data, b, *next++);
      in.write(blendir::make_axi_word<INPUT_BITS>(data, false));
    }
    top(in, @NAMES, static_cast<unsigned>(now));
//@each
    for (std::size_t i = 0; i < now * @SIZE; ++i) {
      const @WORD word = @NAME.read();
      const bool last = word.last != 0;
      if (last != (i % @SIZE == @SIZE - 1)) {
        std::fprintf(stderr, "csim: TLAST is wrong at output %zu\n", i);
        std::exit(1);
      }
      for (int b = 0; b < @BYTES; ++b) {
        @BUFFER.push_back(static_cast<unsigned char>(blendir::get_unsigned<8>(word.data, b)));
      }
    }
//@end
  }
//@several
  for (const buffer& part : parts) output.insert(output.end(), part.begin(), part.end());
//@end
}

}  // namespace

int main(int argc, char** argv) {
  const bool compare = argc < 3;
  const std::string folder = argc == 2 ? argv[1] : std::ifstream("tb/input.bin").good() ? "tb" : ".";
  buffer output;
  const buffer input = read_file(compare ? folder + "/input.bin" : argv[1]);
  run(input, output, argc > 3 ? std::strtoul(argv[3], nullptr, 10) : DEFAULT_BATCH);
  if (!compare) {
    write_file(argv[2], output);
    return 0;
  }
  const buffer golden = read_file(folder + "/golden.bin");
  std::size_t wrong = golden.size() != output.size() ? 1 : 0;
  for (std::size_t i = 0; i < output.size() && i < golden.size(); ++i) wrong += output[i] != golden[i];
  const std::size_t images = output.size() / (@FRAME);
  std::uint64_t hash = 14695981039346656037ULL;
  for (std::size_t i = 0; i < output.size(); ++i) hash = (hash ^ output[i]) * 1099511628211ULL;
  std::printf("csim: %zu images, output hash %016llx, %s\n", images,
              static_cast<unsigned long long>(hash), wrong == 0 ? "PASS" : "FAIL");
  return wrong == 0 ? 0 : 1;
}
