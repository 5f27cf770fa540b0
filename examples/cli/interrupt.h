// SPDX-License-Identifier: Apache-2.0
// Ctrl-C as an event that the program asks for, and reading lines beside it.
#pragma once

#include <optional>
#include <string>

namespace cli {

// While one lives, Ctrl-C ends no program. At most one at a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();  // Ctrl-C does what it did before
  // Whether it was pressed since the last call.
  static bool take();
};

enum class LineEnd { kLine, kEnd, kInterrupted };

// Reads a line of standard input without its newline. Bytes behind it wait for the next call.
class LineReader {
 public:
  LineEnd read(std::string& line);

 private:
  std::string buffered_;
};

}  // namespace cli
