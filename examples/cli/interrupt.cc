// SPDX-License-Identifier: Apache-2.0
#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace cli {
namespace {

// A signal can reach nothing else.
volatile sig_atomic_t pressed = 0;
struct sigaction before;

}  // namespace

InterruptWatch::InterruptWatch() {
  pressed = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { pressed = 1; };
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // without SA_RESTART: a read that waits must hear it
  sigaction(SIGINT, &action, &before);
}

InterruptWatch::~InterruptWatch() { sigaction(SIGINT, &before, nullptr); }

bool InterruptWatch::take() {
  const bool was = pressed != 0;
  pressed = 0;
  return was;
}

LineEnd LineReader::read(std::string& line) {
  for (;;) {
    if (const size_t newline = buffered_.find('\n'); newline != std::string::npos) {
      line = buffered_.substr(0, newline);
      buffered_.erase(0, newline + 1);
      return LineEnd::kLine;
    }
    char bytes[4096];
    const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (count > 0) {
      buffered_.append(bytes, size_t(count));
    } else if (count < 0 && errno == EINTR) {
      return LineEnd::kInterrupted;
    } else {  // a last line may lack its newline
      line = std::exchange(buffered_, {});
      return line.empty() ? LineEnd::kEnd : LineEnd::kLine;
    }
  }
}

}  // namespace cli
