/// stream<T>: a FIFO with blocking reads. In C-simulation it is unbounded, and a read of an empty
/// stream ends the program with status 3. With BLENDIR_TRACE (a directory), <directory>/<name>.bin
/// records every beat in ceil(N/8) little-endian bytes, at the latest when the stream ends. With
/// BLENDIR_BOUNDED (machine words only), a stream has the given depth, and processes wait.
#ifndef BLENDIR_STREAM_HPP
#define BLENDIR_STREAM_HPP

#include "fifo.hpp"
#include "types.hpp"

#ifdef BLENDIR_AP_TYPES
#include <hls_stream.h>
#endif

#ifndef BLENDIR_TOOL_TYPES
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>
#ifdef BLENDIR_TRACE
#include <set>
#include <type_traits>
#endif
#ifdef __GNUC__
#define BLENDIR_INLINE __attribute__((always_inline)) inline
#else
#define BLENDIR_INLINE inline
#endif
#endif

namespace blendir {

#ifdef BLENDIR_TOOL_TYPES

template <typename T>
using stream = hls::stream<T>;

#else

/// The payload that a trace records; types with side channels overload this function.
template <typename T>
inline const T& trace_payload(const T& value) {
  return value;
}

#ifdef BLENDIR_TRACE
/// Appends beats to the file of a stream. The first stream with a name empties its file.
class stream_trace {
 public:
  explicit stream_trace(const std::string& name) {
    static std::set<std::string> seen;
    const std::string path = std::string(BLENDIR_TRACE) + "/" + name + ".bin";
    file_ = std::fopen(path.c_str(), seen.insert(name).second ? "wb" : "ab");
    if (file_ == nullptr) stream_failure(name, "cannot open its trace file");
  }
  ~stream_trace() { std::fclose(file_); }
  stream_trace(const stream_trace&) = delete;
  stream_trace& operator=(const stream_trace&) = delete;
  template <typename T>
  void record(const T* beats, std::size_t count) {
    typedef typename std::decay<decltype(trace_payload(*beats))>::type payload;
    const int BYTES = (payload::width + 7) / 8;
    bytes_.resize(count * BYTES);
    unsigned char* next = bytes_.data();
    for (std::size_t i = 0; i < count; ++i, next += BYTES) {
      put_bytes<payload::width>(next, trace_payload(beats[i]));
    }
    std::fwrite(bytes_.data(), 1, bytes_.size(), file_);
  }

 private:
  template <int N, typename T>
  static void put_bytes(unsigned char* to, const T& value) {
    for (int i = 0; i < N / 8; ++i) to[i] = static_cast<unsigned char>(get_unsigned<8>(value, i));
    if (N % 8 != 0) {
      to[N / 8] = static_cast<unsigned char>(slice<(N % 8 != 0 ? N % 8 : 1)>(value, N / 8 * 8));
    }
  }
  std::FILE* file_;
  std::vector<unsigned char> bytes_;
};
#else
class stream_trace {
 public:
  explicit stream_trace(const std::string&) {}
  template <typename T>
  void record(const T*, std::size_t) {}
};
#endif

#ifdef BLENDIR_AP_TYPES
#ifdef BLENDIR_BOUNDED
#error "BLENDIR_BOUNDED needs machine words: leave out BLENDIR_AP"
#endif

template <typename T>
class stream : public hls::stream<T> {
 public:
  explicit stream(const char* name) : hls::stream<T>(name), name_(name), trace_(name_) {}
  T read() {
    if (this->empty()) stream_failure(name_, "is read while empty");
    return hls::stream<T>::read();
  }
  void read(T& value) { value = read(); }
  void write(const T& value) {
    trace_.record(&value, 1);
    hls::stream<T>::write(value);
  }

 private:
  std::string name_;
  stream_trace trace_;
};

#else

/// Memory of destroyed streams, which new streams reuse: later frames allocate nothing.
template <typename T>
inline std::vector<std::vector<T> >& spare_cells() {
  static thread_local std::vector<std::vector<T> > spare;
  return spare;
}

template <typename T>
class stream {
 public:
  explicit stream(const char* name, std::size_t depth = 0) : trace_(name) {
    state_ = fifo_state{name, depth, 0, 0};
    recorded_ = 0;
    std::vector<std::vector<T> >& spare = spare_cells<T>();
    if (spare.empty()) {
      cells_.resize(64);
    } else {
      cells_.swap(spare.back());
      spare.pop_back();
    }
    room_ = cells_.size();
    data_ = cells_.data();
  }
  ~stream() {
    record();
    spare_cells<T>().push_back(std::vector<T>());
    spare_cells<T>().back().swap(cells_);
  }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  BLENDIR_INLINE T read() {
    if (state_.empty()) wait_for(state_, false);
    return data_[state_.head++];
  }
  void read(T& value) { value = read(); }
  BLENDIR_INLINE void write(const T& value) {
    if (bounded && state_.full()) wait_for(state_, true);
    if (state_.tail == room_) make_room();
    data_[state_.tail++] = value;
  }
  /// RUN beats at once, without bounds.
  template <int RUN>
  BLENDIR_INLINE void read_run(T (&beats)[RUN]) {
    if (state_.tail - state_.head < RUN) wait_for(state_, false);
    for (int i = 0; i < RUN; ++i) beats[i] = data_[state_.head + i];
    state_.head += RUN;
  }
  template <int RUN>
  BLENDIR_INLINE void write_run(const T (&beats)[RUN]) {
    while (room_ - state_.tail < RUN) make_room();
    for (int i = 0; i < RUN; ++i) data_[state_.tail + i] = beats[i];
    state_.tail += RUN;
  }
  /// For test benches only; processes do not call it.
  bool empty() const { return state_.empty(); }
  std::size_t size() const { return state_.tail - state_.head; }

 private:
  /// Reuses the cells that were read if they are half of all or more, else doubles the memory.
  void make_room() {
    const std::size_t head = state_.head;
    record();
    if (2 * head >= room_) {
      for (std::size_t i = head; i < state_.tail; ++i) data_[i - head] = data_[i];
      state_.tail -= head;
      state_.head = 0;
      recorded_ = state_.tail;
    } else {
      cells_.resize(2 * room_);
      room_ = cells_.size();
      data_ = cells_.data();
    }
  }
  void record() {
    trace_.record(data_ + recorded_, state_.tail - recorded_);
    recorded_ = state_.tail;
  }
  fifo_state state_;
  stream_trace trace_;
  std::size_t recorded_;  // beats before it are in the trace
  std::vector<T> cells_;
  std::size_t room_;
  T* data_;
};

#endif
#endif

/// Processes compute runs of cycles, so that g++ sees inner loops with constant bounds: of one
/// cycle in hardware, with bounded FIFOs and on the tool's types, and of up to 64 otherwise. The
/// order of the beats of a stream is the same.
#if defined(BLENDIR_AP_TYPES) || defined(BLENDIR_BOUNDED)
const bool in_runs = false;

template <int RUN, typename T>
inline void read_run(stream<T>& in, T (&beats)[RUN]) {
#pragma HLS inline
  static_assert(RUN == 1, "one beat per cycle");
  beats[0] = in.read();
}

template <int RUN, typename T>
inline void write_run(stream<T>& out, const T (&beats)[RUN]) {
#pragma HLS inline
  static_assert(RUN == 1, "one beat per cycle");
  out.write(beats[0]);
}
#else
#define BLENDIR_RUNS 1
const bool in_runs = true;

template <int RUN, typename T>
BLENDIR_INLINE void read_run(stream<T>& in, T (&beats)[RUN]) {
  in.read_run(beats);
}

template <int RUN, typename T>
BLENDIR_INLINE void write_run(stream<T>& out, const T (&beats)[RUN]) {
  out.write_run(beats);
}
#endif

#if defined(BLENDIR_RUNS) && defined(__GNUC__) && !defined(__clang__)
#define BLENDIR_UNROLL _Pragma("GCC unroll 64")
#else
#define BLENDIR_UNROLL
#endif

/// How many of n cycles make a run.
constexpr int run_of(int n) { return in_runs ? divisor_up_to(n, 64) : 1; }

}  // namespace blendir

#endif  // BLENDIR_STREAM_HPP
