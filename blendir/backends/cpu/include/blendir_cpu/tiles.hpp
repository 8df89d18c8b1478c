/// Products of bits in matrix tiles (Intel AMX), where the machine has them and the kernel lets the process use them.
#ifndef BLENDIR_CPU_TILES_HPP
#define BLENDIR_CPU_TILES_HPP

#include "windows.hpp"

#if defined(__AMX_INT8__) && defined(__AVX512BW__) && defined(__linux__)
#define BLENDIR_TILES
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace blendir {

/// Rows of a tile, and lanes of 32 bits in each.
constexpr int TILE = 16;
/// Outputs that are computed together: two tiles.
constexpr int TILE_ROWS = 2 * TILE;

#if defined(BLENDIR_TILES)

/// Whether the process may use tiles: it asks the kernel once.
inline bool tiles_allowed() {
  constexpr int request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool allowed = syscall(SYS_arch_prctl, request, tile_data) == 0;
  return allowed;
}

/// Makes all tiles of this thread 16 rows of 64 bytes for as long as it lives.
struct TileState {
  TileState() {
    if (!tiles_allowed()) return;
    struct {
      std::uint8_t palette = 1, start = 0, reserved[14] = {};
      std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t rows[16] = {TILE, TILE, TILE, TILE, TILE, TILE, TILE, TILE};
    } config;
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
  }
  ~TileState() {
    if (tiles_allowed()) _tile_release();
  }
};

/// The weights of O outputs of T words as numbers, and the number of their ones. A tile holds 16 outputs and 4 words.
/// Row 8 p + q of a tile of columns holds bits q and q + 8 of words 2 p and 2 p + 1, with the value 2^(q % 4); so the
/// weight there is 8 times the sign over that.
template <int T, int O>
struct TileWeights {
  static constexpr int DEPTH = (T + 3) / 4, GROUPS = (O + TILE_ROWS - 1) / TILE_ROWS;
  alignas(64) std::int8_t sign[GROUPS][DEPTH][2][TILE][64];
  std::uint32_t ones[GROUPS * TILE_ROWS];

  /// weights: [O / ROWS][T][ROWS], each twice.
  template <int ROWS>
  void fill(const std::uint32_t* weights) {
    for (int o = 0; o < O; ++o)
      for (int t = 0; t < T; ++t) {
        const std::uint32_t word = weights[(o / ROWS * T + t) * ROWS + o % ROWS] & 0xffff;
        ones[o] += 0x10001 * std::uint32_t(__builtin_popcount(word));
        for (int bit = 0; bit < 16; ++bit) {
          const int row = t / 2 % 2 * 8 + bit % 8, byte = t % 2 * 2 + bit / 8, size = 8 >> bit % 4;
          sign[o / TILE_ROWS][t / 4][o / TILE % 2][o % TILE][4 * row + byte] = std::int8_t(word >> bit & 1 ? -size : size);
        }
      }
  }
};

/// The same in new memory, which lives as long as the process; nullptr where tiles are not to be used.
template <int T, int O, int ROWS>
inline const TileWeights<T, O>* tile_weights(const std::uint32_t* weights) {
  if (!tiles_allowed()) return nullptr;
  auto* made = new TileWeights<T, O>();
  made->template fill<ROWS>(weights);
  return made;
}

/// Words 4 DEPTH and on of columns [T][LANES] as a tile for each half of the lanes, as `paired` makes them.
template <int T>
BLENDIR_INLINE void spread_bits(const std::uint16_t* columns, int depth, char* to) {
  const auto rows = [](pairs words, char* row) {
    for (int q = 0; q < 8; ++q) put((q < 4 ? words : words >> 4) & (0x01010101u << q % 4), row + q * 64);
  };
  for (int p = 0; p < 2; ++p) {
    const int t = 4 * depth + 2 * p;
    if (t >= T) break;
    const lanes first = load(columns + t * LANES), second = t + 1 < T ? load(columns + (t + 1) * LANES) : lanes{};
    rows(paired<0>(first, second), to + p * 512);
    rows(paired<1>(first, second), to + 1024 + p * 512);
  }
}

/// Adds the products of a tile of weights, or of two, with two of columns to tiles 0 to 3.
template <bool BOTH>
BLENDIR_INLINE void tile_products(const std::int8_t* weights, const char* columns) {
  __asm__ volatile("" : : "r"(weights), "r"(columns) : "memory");  // what the loads below read is written before them
  _tile_loadd(4, weights, 64);
  _tile_loadd(6, columns, 64);
  _tile_dpbssd(0, 4, 6);
  _tile_loadd(7, columns + 1024, 64);
  _tile_dpbssd(1, 4, 7);
  if constexpr (BOTH) {
    _tile_loadd(5, weights + 1024, 64);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
}

/// Sums of LANES pixels, in halves as `paired` makes them.
typedef std::int32_t TileSums[TILE_ROWS][2][TILE];

/// Writes tiles 0 to 3 and clears them.
template <bool BOTH>
BLENDIR_INLINE void take_tiles(TileSums& sums) {
  _tile_stored(0, sums[0][0], sizeof sums[0]);
  _tile_stored(1, sums[0][1], sizeof sums[0]);
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (BOTH) {
    _tile_stored(2, sums[TILE][0], sizeof sums[0]);
    _tile_stored(3, sums[TILE][1], sizeof sums[0]);
    _tile_zero(2);
    _tile_zero(3);
  }
}

/// Counts of unequal bits of O outputs of all blocks of pixels: `finish(output, first pixel, class of the block, counts)`.
/// Between the products of a group of outputs, lanes of the group before are finished, and columns of the next block
/// take the place of those that are done with: tiles and lanes are computed at the same time.
template <class G, int C, int O, class V, class Finish>
BLENDIR_INLINE void tile_counts(const std::uint16_t* planes, const TileWeights<C * G::TAPS, O>& weights,
                                const std::uint16_t* classes, std::uint16_t* space, Finish finish) {
  typedef typename Narrow<std::int16_t, LANES>::type numbers;
  constexpr int T = C * G::TAPS, DEPTH = TileWeights<T, O>::DEPTH, GROUPS = TileWeights<T, O>::GROUPS;
  constexpr int JOBS = (G::PIXELS + LANES - 1) / LANES * GROUPS, SHARE = (TILE_ROWS + DEPTH - 1) / DEPTH;
  constexpr bool BOTH = O > TILE;
  char* const spread = reinterpret_cast<char*>(space + T * LANES);
  alignas(64) TileSums sums;
  const auto finish_row = [&](int job, int row) {
    const int o = job % GROUPS * TILE_ROWS + row, block = job / GROUPS;
    constexpr int early = T * 16 < 1 << 12 ? 0 : 3;  // 16 bits may not hold 8 times the sum
    const lanes both = narrowed(get<blendir::sums>(sums[row][0]) >> early, get<blendir::sums>(sums[row][1]) >> early);
    alignas(64) V count[LANES];
    put((lanes)((numbers)both >> (3 - early)) + splat(weights.ones[o]), count);
    finish(o, block * LANES, classes[block], count);
  };
  columns<G, C>(planes, 0, space);
  for (int d = 0; d < DEPTH; ++d) spread_bits<T>(space, d, spread + d * 2048);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int job = 0; job <= JOBS; ++job) {
    const bool last = (job + 1) % GROUPS == 0 && job + 1 < JOBS;
    const int rows = job == 0 ? 0 : std::min(TILE_ROWS, O - (job - 1) % GROUPS * TILE_ROWS);
    if (last) columns<G, C>(planes, (job + 1) / GROUPS * LANES, space);
    for (int d = 0; d < DEPTH; ++d) {
      if (job < JOBS) tile_products<BOTH>(weights.sign[job % GROUPS][d][0][0], spread + d * 2048);
      if (last) spread_bits<T>(space, d, spread + d * 2048);
      for (int row = d * SHARE; row < std::min(rows, (d + 1) * SHARE); ++row) finish_row(job - 1, row);
    }
    take_tiles<BOTH>(sums);
  }
}

#else

struct TileState {
  ~TileState() {}
};

template <int T, int O>
struct TileWeights {};

template <int T, int O, int ROWS>
inline const TileWeights<T, O>* tile_weights(const std::uint32_t*) {
  return nullptr;
}

#endif

}  // namespace blendir

#endif  // BLENDIR_CPU_TILES_HPP
