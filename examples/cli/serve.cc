// SPDX-License-Identifier: Apache-2.0
#include <llmos/engine.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "command.h"
#include "server/server.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::Code;
using llmos::Engine;
using llmos::Millis;
using llmos::Result;
using llmos::Status;

const Usage& usage() {
  static const Usage usage{
      "llmos serve --model PATH [flags]",
      "Serves a model over HTTP with the OpenAI API, until SIGTERM or Ctrl-C.",
      {
          {"--model", "PATH", "a GGUF file or a Hugging Face directory"},
          {"--name", "NAME", "the model's name for clients (default: the file's)"},
          {"--address", "IP", "where to listen (default 127.0.0.1: this machine only)"},
          {"--port", "N", "the port (default 8080; 0: a free one)"},
          {"--keys", "FILE", "tenants and their keys, a TOML file (default: no key is needed)"},
          {"--hash-key", nullptr, "read a key from standard input, write its hash for --keys"},
          {"--threads", "N", "threads that compute (default: one per core)"},
          {"--io-threads", "N", nullptr},
          {"--connections", "N", nullptr},
          {"--ctx", "N", "most tokens of prompt and answer (default: the model's, at most 4096)"},
          {"--sequences", "N", "most sequences in one step (default 16)"},
          {"--queue", "N", nullptr},
          {"--kv-bytes", "N", "memory for keys and values (default: 16 quarter contexts)"},
          {"--swap", "DIR", "where sequences go that make room (default: computed again)"},
          {"--swap-bytes", "N", nullptr},
          {"--prefixes", "DIR", "where the prefix cache lies between two runs (default: nowhere)"},
          {"--tenant-share", "X", "of that memory, a tenant may take so much (default 1: all)"},
          {"--policy", "NAME", "mlfq (default), fcfs, sjf, priority, fair, ..."},
          {"--deadline", "S", "a request ends after so many seconds (default 600; 0: never)"},
          {"--drain", "S", "at SIGTERM, what runs may go on so long (default 30)"},
          {"--lame-duck", "S", nullptr},
      },
      {},
      "llmos serve --model model.gguf --port 8080"};
  return usage;
}

struct Waits {
  Millis lame_duck;
  Millis drain;
};

Millis seconds(const Arguments& arguments, const char* flag, double otherwise) {
  constexpr double kLongest = 1e6;
  const double value = arguments.number(flag, otherwise);
  if (!(value >= 0 && value <= kLongest)) {
    throw UsageError{std::string(flag) + ": expected 0 to 1000000 seconds"};
  }
  return Millis(int64_t(value * 1000));
}

llmos::EngineOptions engine_options(const Arguments& arguments) {
  llmos::EngineOptions options;
  options.threads = uint32_t(arguments.natural("--threads", 0));
  options.context = uint32_t(arguments.natural("--ctx", 0));
  options.cache.bytes = arguments.natural("--kv-bytes", 0, UINT64_MAX);
  options.cache.swap_directory = arguments.text("--swap");
  options.cache.swap_bytes = arguments.natural("--swap-bytes", 0, UINT64_MAX);
  options.cache.prefix_directory = arguments.text("--prefixes");
  options.tenants.each.kv_share_max = arguments.number("--tenant-share", 0);
  options.scheduler.policy = arguments.text("--policy");
  options.scheduler.sequences_max = uint32_t(arguments.natural("--sequences", 0));
  options.scheduler.queue_max = uint32_t(arguments.natural("--queue", options.scheduler.queue_max));
  return options;
}

std::string model_name(const Arguments& arguments) {
  std::filesystem::path path(arguments.required("--model"));
  if (!path.has_filename()) path = path.parent_path();
  return arguments.text("--name", path.stem().string());
}

server::ServerOptions server_options(const Arguments& arguments) {
  server::ServerOptions options;
  options.address = arguments.text("--address", options.address);
  options.port = uint16_t(arguments.natural("--port", options.port, UINT16_MAX));
  options.io_threads = uint32_t(arguments.natural("--io-threads", 0));
  options.connections_max = uint32_t(arguments.natural("--connections", options.connections_max));
  options.deadline = seconds(arguments, "--deadline", 600);
  options.model_name = model_name(arguments);
  return options;
}

Status hash_key() {
  Result<std::string> key = read_stdin();
  if (!key.ok()) return key.status();
  while (!key->empty() && (key->back() == '\n' || key->back() == '\r')) key->pop_back();
  if (key->empty()) return {Code::kInvalid, "--hash-key: expected a key on standard input"};
  return write_stdout("sha256:" + server::hex(server::sha256(*key)) + "\n");
}

Result<server::KeyRing> read_keys(const Arguments& arguments) {
  if (!arguments.has("--keys")) return server::KeyRing();
  const std::string path = arguments.text("--keys");
  const Result<std::string> text = read_file(path);
  if (!text.ok()) return text.status();
  return server::KeyRing::parse(*text, path);
}

// SIGTERM and Ctrl-C become words that wait() reads. Made before any other thread, which inherit
// that they are blocked.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  void wait() const {
    int signal = 0;
    sigwait(&set_, &signal);
  }
  // Whether one came.
  bool wait(Millis timeout) const {
    const timespec time{timeout.count() / 1000, timeout.count() % 1000 * 1'000'000};
    return sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_;
};

void say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

// A second signal ends at once.
void serve_until_signal(server::Server& server, const Signals& signals, const Waits& waits) {
  signals.wait();
  say("llmos: ending: what runs may go on, nothing new is taken");
  server.begin_drain();
  if (waits.lame_duck.count() > 0 && signals.wait(waits.lame_duck)) return;
  constexpr Millis kTurn{50};
  for (Millis left = waits.drain; left.count() > 0 && !server.wait_idle(Millis(0)); left -= kTurn) {
    if (signals.wait(kTurn)) return;
  }
}

Status run(const Arguments& arguments) {
  if (arguments.has("--hash-key")) return hash_key();
  const server::ServerOptions options = server_options(arguments);
  llmos::EngineOptions engine_opts = engine_options(arguments);
  const Waits waits{seconds(arguments, "--lame-duck", 0), seconds(arguments, "--drain", 30)};
  Result<server::KeyRing> keys = read_keys(arguments);
  if (!keys.ok()) return keys.status();
  const Signals signals;
  std::signal(SIGPIPE, SIG_IGN);  // clients that leave are an error of a write
  ProgressBar bar("loading");
  engine_opts.progress = &bar;
  Result<Engine> engine = Engine::open(arguments.required("--model"), engine_opts);
  if (!engine.ok()) return engine.status();
  auto server = server::Server::start(*engine, options, *std::move(keys));
  if (!server.ok()) return server.status();
  say("llmos: serving " + options.model_name + " at http://" + options.address + ":" +
      std::to_string((*server)->port()) + "/ (Ctrl-C ends it)");
  serve_until_signal(**server, signals, waits);
  return {};
}

}  // namespace

const Command kServe{"serve", "serve a model over HTTP with the OpenAI API", usage, run};

}  // namespace cli
