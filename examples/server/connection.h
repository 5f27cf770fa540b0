// SPDX-License-Identifier: Apache-2.0
// Connection: one client's socket, and the requests on it, one after the other.
//
//   kHead -> kBody -> kAnswering -> kHead ...      or, at the end, kLingering -> closed
//
// Owner    Its IoThread's table, and the operations under way.
// Threads  Its IoThread's.
//
// Invariants
//   (1) one write is under way at most; while it is, no stream is read: a client that does not read
//       fills the engine's ring, which parks its sequence
//   (2) while it answers it waits for the socket to become readable: the client has left when there
//       is nothing to read then
//   (3) deadline_ is that of the present state; sweep() closes the connection when it has passed
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>

#include "http_text.h"
#include "io_thread.h"

namespace server {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, IoThread& thread);
  ~Connection();

  void start();
  // There are too many: says so and closes.
  void refuse();
  // The exchange has something to read.
  void stream_ready();
  void sweep(Clock::time_point now);
  void close();

  // Waits for a request, so that it may be closed for another's sake.
  bool is_idle() const { return state_ == State::kHead; }
  Clock::time_point idle_since() const { return since_; }

 private:
  using Error = boost::system::error_code;
  enum class State : uint8_t { kHead, kBody, kAnswering, kLingering, kClosed };
  struct Reader;  // Beast's parser and buffer

  void enter(State state, llmos::Millis timeout);
  void read_head(llmos::Millis timeout);
  void on_head(const Error& error);
  void read_body();
  void on_body(const Error& error);
  void on_bad_read(const Error& error);
  void take_head();

  Answer answer_or_fault();
  void answer();
  void respond(const Response& response);
  void begin_exchange(std::unique_ptr<Generation> generation);
  void begin_task(const std::shared_ptr<EmbedTask>& task);
  void pump();
  void end_exchange();
  void heartbeat(Clock::time_point now);

  void write();
  void wait_to_write();
  void on_written();
  void next_request();
  void linger();
  void discard();
  void watch();
  void on_watched();
  bool client_has_left();

  boost::asio::ip::tcp::socket socket_;
  IoThread& thread_;
  std::unique_ptr<Reader> reader_;
  State state_ = State::kHead;
  Clock::time_point since_{};     // the beginning of the state
  Clock::time_point deadline_{};  // of it
  Clock::time_point last_told_{};

  HttpRequest request_;
  Pass pass_;
  Framing framing_;
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<EmbedTask> task_;
  bool told_head_ = false;  // of a stream
  bool rung_ = false;       // the exchange has more, which a write keeps from being read
  bool whole_ = false;      // what is written ends the answer
  bool watching_ = false;
  bool writing_ = false;  // waits for room in the socket
  std::string out_;
  size_t written_ = 0;
  std::string piece_;
  size_t lingered_ = 0;
};

}  // namespace server
