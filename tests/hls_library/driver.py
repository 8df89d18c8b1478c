"""
The C++ around the cases: it reads the elements of every input stream from one file and writes every output stream to
another.
"""

DRIVER = r"""
#ifdef SYNTHESIS_VIEW  // the open ap_int.h refuses __SYNTHESIS__, so it comes first
#include <ap_int.h>
#include <hls_stream.h>
#define __SYNTHESIS__
#endif
#include <blendir/blendir.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
using namespace blendir;
static std::FILE* source;
static std::FILE* target;
static unsigned long long take() {
  unsigned long long value = 0;
  if (std::fread(&value, 8, 1, source) != 1) std::exit(9);
  return value;
}
static void give(unsigned long long value) { std::fwrite(&value, 8, 1, target); }
template <int E, int G, typename S>
void feed(S& s, int beats) {
  for (int n = 0; n < beats; ++n) {
    bits<E * G> beat = 0;
    for (int g = 0; g < G; ++g) put<E>(beat, g, take());
    s.write(beat);
  }
}
template <int E, int G, typename S>
void dump(S& s) {
  std::vector<unsigned long long> values;
  while (!s.empty()) {
    const bits<E * G> beat = s.read();
    for (int g = 0; g < G; ++g) {
      values.push_back(static_cast<unsigned long long>(get_unsigned<E>(beat, g)));
    }
  }
  give(values.size());
  for (unsigned long long value : values) give(value);
}
template <typename S>
void drained(S& s) {
  if (!s.empty()) std::exit(8);
}
template <int N>
unsigned long long popcount_faults() {
  unsigned long long faults = 0;
  for (int round = 0; round < 60; ++round) {
    bits<N> x = 0, w = 0;
    int ones = 0, differences = 0;
    for (int i = 0; i < N; ++i) {
      int bit = (std::rand() >> 7) & 1;
      if (round < 2) bit = round;
      if (round == 2) bit = i == 0;
      if (round == 3) bit = i == N - 1;
      if (round == 4) bit = i & 1;
      const int other = (std::rand() >> 7) & 1;
      place<1>(x, i, bit);
      place<1>(w, i, other);
      ones += bit;
      differences += bit != other;
    }
    faults += popcount_groups<N>(x) != ones;
    faults += popcount<N>(x) != ones;
    faults += difference_groups<N>(x, w) != differences;
    faults += count_differences<N>(x, w) != differences;
  }
  return faults;
}
template <int E, int N>
unsigned long long accessor_faults() {
  unsigned long long faults = 0;
  bits<N> x = 0;
  std::vector<int> model(N, 0);
  for (int round = 0; round < 200; ++round) {
    const int i = std::rand() % (N / E);
    unsigned long long value = (static_cast<unsigned long long>(std::rand()) << 33) ^
                               (static_cast<unsigned long long>(std::rand()) << 11) ^ std::rand();
    put<E>(x, i, value);
    for (int k = 0; k < E; ++k) model[i * E + k] = (value >> k) & 1;
    const int j = std::rand() % (N / E);
    unsigned long long expected = 0;
    for (int k = 0; k < E; ++k) {
      expected |= static_cast<unsigned long long>(model[j * E + k]) << k;
    }
    const long long negative = E < 64 && model[j * E + E - 1] ? (~0ULL << (E % 64)) : 0;
    faults += static_cast<unsigned long long>(get_unsigned<E>(x, j)) != expected;
    faults += static_cast<long long>(get_signed<E>(x, j)) !=
              static_cast<long long>(expected | static_cast<unsigned long long>(negative));
  }
  for (int i = 0; i < N; ++i) faults += get_unsigned<1>(x, i) != static_cast<unsigned>(model[i]);
  return faults;
}
unsigned long long stream_faults() {
  stream<bits<20>> s("reused");
  unsigned long long faults = 0, written = 0, read = 0;
  for (int round = 0; round < 3000; ++round) {
    const int more = std::rand() % 4;
    for (int i = 0; i < more; ++i) s.write(bits<20>(written++));
    for (int i = std::rand() % 3; i > 0 && read < written; --i) faults += s.read() != read++;
  }
  while (read < written) faults += s.read() != read++;
  return faults + !s.empty();
}
"""


MAIN = r"""
int main(int, char** argv) {
  source = std::fopen(argv[1], "rb");
  target = std::fopen(argv[2], "wb");
  if (source == nullptr || target == nullptr) return 7;
%s
  std::fclose(target);
  return std::fgetc(source) == EOF ? 0 : 6;
}
"""
