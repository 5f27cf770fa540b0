// SPDX-License-Identifier: Apache-2.0
// Server: one engine behind the OpenAI API, on a few I/O threads.
//
//   KeyRing keys;   // nobody needs a key
//   auto server = server::Server::start(engine, {.port = 8080}, std::move(keys));
//   ...             // SIGTERM
//   (*server)->begin_drain();
//   (*server)->wait_idle(std::chrono::seconds(30));
//
// No thread waits for a stream: the engine tells an I/O thread which streams have something to
// read (llmos::Readiness), and that thread writes it, once per client and step.
#pragma once

#include <llmos/engine.h>
#include <llmos/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "key_ring.h"

namespace server {

struct ServerOptions {
  // Only this machine, unless told otherwise: without keys everybody who reaches the port may use
  // the model.
  std::string address{"127.0.0.1"};
  uint16_t port{8080};    // 0: a free one, which port() tells
  uint32_t io_threads{};  // 0: one per core, at most 4
  uint32_t connections_max{1024};
  // Names and values of a request's headers. Bearer keys and cookies fit, nothing large does.
  uint32_t header_bytes_max{16 << 10};
  // 8 MiB of text are some two million tokens, more than any context.
  uint64_t body_bytes_max{8 << 20};
  // A request's head must be whole so long after the connection or the last answer.
  llmos::Millis header_timeout{10'000};
  llmos::Millis idle_timeout{75'000};
  // Its body so long after its head: 8 MiB at 300 KB/s.
  llmos::Millis body_timeout{30'000};
  // A client that takes nothing for so long is gone.
  llmos::Millis write_timeout{60'000};
  // A stream that has nothing to tell for so long tells that it lives, so that no proxy ends it.
  llmos::Millis heartbeat{15'000};
  // A request ends with an error after so long; 0: never.
  llmos::Millis deadline{600'000};
  std::string model_name{"default"};
};

class Server {
 public:
  // `engine` outlives the server. kInvalid: an option; kDenied: the address cannot be bound.
  static llmos::Result<std::unique_ptr<Server>> start(llmos::Engine& engine,
                                                      const ServerOptions& options, KeyRing keys);
  ~Server();  // closes every connection and cancels what runs for them

  uint16_t port() const;
  // From now on /health/ready says 503 and new work is refused, while what runs goes on.
  // Thread-safe.
  void begin_drain();
  // Whether everything had ended within `timeout`.
  bool wait_idle(llmos::Millis timeout);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
