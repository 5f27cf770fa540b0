// SPDX-License-Identifier: Apache-2.0
// IoThread: one thread that serves a share of the connections.
//
// Threads  adopt(), post(), stop() and ready(): any. All else, and all of its connections: its own.
//
// Invariants
//   (1) an exchange is in the table from its start until all of its streams have ended, whether
//       its client is there or not; so no stream is destroyed while the engine still works on it,
//       and no destructor waits
//   (2) an exchange has a listener exactly while its connection waits for it
//   (3) posted_ is true while a drain() of the bell is under way to the thread
#pragma once

#include <llmos/extend.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "generation.h"
#include "service.h"

namespace server {

class Connection;

// A generation, and the connection that hears of it; null: its client has gone.
struct Exchange {
  std::unique_ptr<Generation> generation;
  std::vector<uint64_t> ids;  // of its streams
  Connection* listener = nullptr;
};

class IoThread : public llmos::Readiness {
 public:
  IoThread(Service& service, const ServerOptions& options, uint32_t connections_max);
  ~IoThread() override;  // after stop()

  void start();
  // Ends the connections, then the thread, when the engine has let go of their streams. Joins.
  void stop();
  boost::asio::io_context& context() { return context_; }
  // Takes over a client's socket, which was made with this context().
  void adopt(boost::asio::ip::tcp::socket socket);

  // The engine's thread: a stream has something to read.
  void ready(uint64_t request) noexcept override;

  // For the connections.
  std::shared_ptr<Exchange> begin(std::unique_ptr<Generation> generation, Connection& listener);
  // Its client has gone: cancels it and lets it end by itself.
  void abandon(const std::shared_ptr<Exchange>& exchange);
  void end(const std::shared_ptr<Exchange>& exchange);
  void forget(const std::shared_ptr<Connection>& connection);
  Service& service() { return service_; }
  const ServerOptions& options() const { return options_; }

 private:
  void run();
  void drain();
  void advance(const std::shared_ptr<Exchange>& exchange);
  void sweep();
  bool make_room();
  void close_all();
  void end_if_over();

  Service& service_;
  const ServerOptions& options_;
  const uint32_t connections_max_;
  boost::asio::io_context context_{1};
  boost::asio::steady_timer timer_{context_};
  std::thread thread_;
  bool stopping_ = false;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::unordered_map<uint64_t, std::shared_ptr<Exchange>> exchanges_;  // by stream
  std::vector<uint64_t> heard_;                                        // drain()'s own

  std::mutex bell_mutex_;
  std::vector<uint64_t> rung_;       // guarded
  bool posted_ = false;              // guarded
  std::atomic<bool> missed_{false};  // no memory to note who rang: look at all
};

}  // namespace server
