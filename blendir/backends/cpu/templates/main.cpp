// Runs the network on the frames of an .npy file: network X.npy Y.npy [Y1.npy ...], an output file for each output.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "network.h"

namespace {

[[noreturn]] void fail(const std::string& reason) {
  std::fprintf(stderr, "error: %s\n", reason.c_str());
  std::exit(2);
}

struct Array {
  std::vector<std::size_t> shape;
  std::string type;
  std::vector<char> data;
};

// The text behind a key of the header, which is a Python dictionary.
std::string behind(const std::string& header, const std::string& key, const std::string& name) {
  const std::size_t at = header.find("'" + key + "':");
  if (at == std::string::npos) fail(name + ": not an .npy file");
  return header.substr(header.find_first_not_of(' ', at + key.size() + 3));
}

Array read_npy(const std::string& name) {
  std::FILE* file = std::fopen(name.c_str(), "rb");
  if (!file) fail(name + ": cannot be read");
  unsigned char start[12];
  if (std::fread(start, 1, 10, file) != 10 || std::memcmp(start, "\x93NUMPY", 6)) fail(name + ": not an .npy file");
  std::size_t length = start[8] + 256 * start[9];
  if (start[6] > 1) {
    if (std::fread(start + 10, 1, 2, file) != 2) fail(name + ": truncated");
    length += (std::size_t(start[10]) << 16) + (std::size_t(start[11]) << 24);
  }
  std::string header(length, ' ');
  if (std::fread(&header[0], 1, length, file) != length) fail(name + ": truncated");
  Array array;
  if (behind(header, "fortran_order", name).compare(0, 5, "False")) fail(name + ": should be in C order");
  array.type = behind(header, "descr", name).substr(1, 3);
  std::size_t bytes = std::size_t(std::atoi(array.type.c_str() + 2));
  const std::string shape = behind(header, "shape", name);
  for (const char* p = shape.c_str() + 1; *p && *p != ')';) {
    char* end;
    const unsigned long long size = std::strtoull(p, &end, 10);
    if (end == p) break;
    array.shape.push_back(std::size_t(size));
    bytes *= std::size_t(size);
    for (p = end; *p == ',' || *p == ' ';) ++p;
  }
  array.data.resize(bytes);
  if (std::fread(array.data.data(), 1, bytes, file) != bytes) fail(name + ": truncated");
  std::fclose(file);
  return array;
}

double element(const Array& x, std::size_t i) {
  switch (x.type[1] * 256 + x.type[2]) {
#define BLENDIR_READ(code, size, type)      \
  case code * 256 + size: {                 \
    type v;                                 \
    std::memcpy(&v, &x.data[i * sizeof v], sizeof v); \
    return double(v);                       \
  }
    BLENDIR_READ('f', '8', double)
    BLENDIR_READ('f', '4', float)
    BLENDIR_READ('u', '1', std::uint8_t)
    BLENDIR_READ('i', '1', std::int8_t)
    BLENDIR_READ('i', '2', std::int16_t)
    BLENDIR_READ('i', '4', std::int32_t)
    BLENDIR_READ('i', '8', std::int64_t)
#undef BLENDIR_READ
    default:
      fail("elements of type " + x.type + " are not read; floats and integers are");
  }
}

// Frames as integers of the input: rounded once, half to even, and saturated; pixels must be such integers.
std::vector<network_input> encode(const Array& x) {
  std::vector<network_input> result(x.shape[0] * NETWORK_INPUT_ELEMENTS);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double v = element(x, i), scaled = std::nearbyint(std::ldexp(v, NETWORK_INPUT_FRAC));
    const double low = NETWORK_INPUT_LOW, high = NETWORK_INPUT_HIGH;
    if (!std::isfinite(v)) fail("the input has values that are not finite");
    if (NETWORK_INPUT_PIXELS && (v != scaled || v < low || v > high)) fail("the network takes pixels: whole numbers");
    result[i] = scaled >= high   ? network_input(NETWORK_INPUT_HIGH)
                : scaled <= low ? network_input(NETWORK_INPUT_LOW)
                                : network_input(scaled);
  }
  return result;
}

template <class T>
void write_npy(const std::string& name, const std::vector<T>& y, std::size_t frames, const char* shape, int frac) {
  std::FILE* file = std::fopen(name.c_str(), "wb");
  if (!file) fail(name + ": cannot be written");
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::to_string(frames) + ", " + shape +
                       "), }";
  header.resize((header.size() + 1 + 10 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  const unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<unsigned char>(header.size() % 256),
                                   static_cast<unsigned char>(header.size() / 256)};
  bool fine = std::fwrite(start, 1, 10, file) == 10 && std::fwrite(header.data(), 1, header.size(), file) == header.size();
  for (const T v : y) {
    const double value = std::ldexp(double(v), -frac);
    fine = fine && std::fwrite(&value, sizeof value, 1, file) == 1;
  }
  if (std::fclose(file) || !fine) fail(name + ": cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 + @COUNT) fail("usage: network X.npy @NAMES");
  if (!network_check()) fail("weights.bin is not that of network.cpp; compile the design again");
  const Array x = read_npy(argv[1]);
  std::size_t elements = 1;
  for (std::size_t d = 1; d < x.shape.size(); ++d) elements *= x.shape[d];
  if (x.shape.empty() || elements != NETWORK_INPUT_ELEMENTS) fail("frames should have shape " NETWORK_INPUT_SHAPE);
  const std::size_t frames = x.shape[0];
  const std::vector<network_input> input = encode(x);
  void* arena = std::aligned_alloc(64, NETWORK_ARENA_BYTES);
  if (!arena) fail("no memory for the arena");
@BUFFERS
  network_run(input.data(), @POINTERS, frames, arena);
@WRITES
  std::free(arena);
  return 0;
}
