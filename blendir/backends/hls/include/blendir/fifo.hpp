/// FIFO state for C-simulation. At an empty or full FIFO the program ends, or with BLENDIR_BOUNDED
/// another process runs. Include stream.hpp instead.
#ifndef BLENDIR_FIFO_HPP
#define BLENDIR_FIFO_HPP

#include "types.hpp"

#ifndef BLENDIR_TOOL_TYPES

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#ifdef BLENDIR_BOUNDED
#include <ucontext.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>
#endif

namespace blendir {

[[noreturn]] inline void stream_failure(const std::string& name, const char* what) {
  std::fprintf(stderr, "blendir: stream '%s' %s\n", name.c_str(), what);
  std::fflush(stderr);
  std::_Exit(3);
}

/// A FIFO of any type of beat: it holds the beats head..tail. Depth 0 means no limit.
struct fifo_state {
  std::string name;
  std::size_t depth, head, tail;
  bool empty() const { return head == tail; }
  bool full() const { return depth != 0 && tail - head >= depth; }
};

#ifdef BLENDIR_BOUNDED

const bool bounded = true;

/// Runs processes as coroutines of one thread. A process that reads an empty FIFO or writes a full
/// one waits. If all wait, the program names the FIFO at fault and ends with status 3.
class dataflow {
 public:
  /// Adds a process, in the order of the graph.
  void add(const char* name, std::function<void()> body) {
    processes_.push_back(std::unique_ptr<process>(new process));
    process& made = *processes_.back();
    made.name = name;
    made.body = std::move(body);
    made.stack.reset(new char[STACK]);
    getcontext(&made.context);
    made.context.uc_stack.ss_sp = made.stack.get();
    made.context.uc_stack.ss_size = STACK;
    made.context.uc_link = &home_;
    makecontext(&made.context, enter, 0);
  }

  /// Runs all processes to their ends.
  void run() {
    running() = this;
    while (next()) swapcontext(&home_, &processes_[current_]->context);
    running() = nullptr;
    explain();
  }

  /// Called by a process: lets others run until the FIFO has a beat to read, or room to write.
  static void wait(const fifo_state& fifo, bool writes) {
    dataflow& all = *running();
    process& self = *all.processes_[all.current_];
    self.fifo = &fifo;
    self.writes = writes;
    swapcontext(&self.context, all.next() ? &all.processes_[all.current_]->context : &all.home_);
  }

  static dataflow*& running() {
    static dataflow* instance = nullptr;
    return instance;
  }

 private:
  struct process {
    std::string name;
    std::function<void()> body;
    std::unique_ptr<char[]> stack;
    ucontext_t context;
    const fifo_state* fifo = nullptr;  // waited for
    bool writes = false, done = false;
  };

  static void enter() {
    process& self = *running()->processes_[running()->current_];
    self.body();
    self.done = true;
  }

  /// Selects the next process that can continue, downstream first; false if there is none.
  bool next() {
    for (std::size_t tried = 0; tried < processes_.size(); ++tried) {
      current_ = current_ + 1 < processes_.size() ? current_ + 1 : 0;
      process& p = *processes_[current_];
      if (p.done || (p.fifo != nullptr && (p.writes ? p.fifo->full() : p.fifo->empty()))) continue;
      p.fifo = nullptr;
      return true;
    }
    return false;
  }

  /// Ends the program if a process has not finished. The last process that waits to write is at
  /// fault: the reader of its full FIFO waits for a beat of another FIFO.
  void explain() const {
    const process* fault = nullptr;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      const process& p = *processes_[i];
      if (!p.done && (fault == nullptr || p.writes)) fault = &p;
    }
    if (fault == nullptr) return;
    std::fprintf(stderr, "blendir: deadlock: process '%s' waits to %s FIFO '%s', which is %s (depth %zu)\n",
                 fault->name.c_str(), fault->writes ? "write" : "read", fault->fifo->name.c_str(),
                 fault->writes ? "full" : "empty", fault->fifo->depth);
    std::fflush(stderr);
    std::_Exit(3);
  }

  static const std::size_t STACK = std::size_t(64) << 20;  // unused pages take no memory
  std::vector<std::unique_ptr<process> > processes_;
  std::size_t current_ = 0;
  ucontext_t home_;
};

inline void wait_for(const fifo_state& fifo, bool writes) {
  if (dataflow::running() == nullptr) stream_failure(fifo.name, "is read while empty");
  dataflow::wait(fifo, writes);
}

#else

const bool bounded = false;

[[noreturn]] inline void wait_for(const fifo_state& fifo, bool) {
  stream_failure(fifo.name, "is read while empty");
}

#endif

}  // namespace blendir

#endif
#endif  // BLENDIR_FIFO_HPP
