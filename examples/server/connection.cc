// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

namespace server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

// More than one read of a body takes at once; the head's own bound is the parser's.
constexpr size_t kBufferBytesMax = 128 << 10;
// A client that still sends is read for a moment after its answer: closing at once would reset the
// connection, and the answer with it.
constexpr llmos::Millis kLingerTime{2000};
constexpr size_t kLingerBytesMax = 1 << 20;

ApiError wrong_read(int status, const char* message) {
  ApiError error;
  error.http_status = status;
  error.message = message;
  return error;
}

std::string text_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

struct Connection::Reader {
  boost::beast::flat_buffer buffer{kBufferBytesMax};
  std::optional<http::request_parser<http::string_body>> parser;
};

Connection::Connection(asio::ip::tcp::socket socket, IoThread& thread)
    : socket_(std::move(socket)), thread_(thread), reader_(std::make_unique<Reader>()) {}

Connection::~Connection() = default;

void Connection::enter(State state, llmos::Millis timeout) {
  state_ = state;
  since_ = Clock::now();
  deadline_ = since_ + timeout;
}

void Connection::start() {
  Error ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  read_head(thread_.options().header_timeout);
}

void Connection::refuse() {
  ApiError error = wrong_read(503, "too many connections");
  error.retry_after_s = 1;
  const std::string text = response_text(error_response(error), {.keep_alive = false});
  Error ignored;
  socket_.non_blocking(true, ignored);
  socket_.write_some(asio::buffer(text), ignored);
  socket_.close(ignored);
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  Error ignored;
  socket_.close(ignored);
  if (exchange_) thread_.abandon(std::exchange(exchange_, nullptr));
  if (task_) {
    thread_.service().meters().disconnected.fetch_add(1);
    std::exchange(task_, nullptr)->cancelled.store(true);
  }
  thread_.forget(shared_from_this());
}

void Connection::sweep(Clock::time_point now) {
  if (state_ == State::kAnswering && !writing_) return heartbeat(now);
  if (now < deadline_) return;
  thread_.service().meters().timed_out.fetch_add(1);
  close();
}

// Reading.

void Connection::read_head(llmos::Millis timeout) {
  enter(State::kHead, timeout);
  auto& parser = reader_->parser.emplace();
  parser.header_limit(thread_.options().header_bytes_max);
  parser.body_limit(thread_.options().body_bytes_max);
  http::async_read_header(
      socket_, reader_->buffer, parser,
      [self = shared_from_this()](const Error& error, size_t) { self->on_head(error); });
}

void Connection::on_head(const Error& error) {
  if (state_ == State::kClosed) return;
  if (error) return on_bad_read(error);
  take_head();
  OrError<Pass> pass = thread_.service().admit(request_);
  if (const auto* refusal = std::get_if<ApiError>(&pass)) {
    // The body is not taken, so where the next request begins is not known.
    framing_.keep_alive = framing_.keep_alive && reader_->parser->is_done();
    Response response = error_response(*refusal);
    if (refusal->http_status == 405) response.allow = refusal->param;
    return respond(response);
  }
  pass_ = std::get<Pass>(std::move(pass));
  read_body();
}

void Connection::take_head() {
  const auto& head = reader_->parser->get();
  request_ = {};
  pass_ = {};
  request_.method = text_of(head.method_string());
  request_.target = text_of(head.target());
  request_.authorization = text_of(head[http::field::authorization]);
  request_.content_type = text_of(head[http::field::content_type]);
  request_.origin = text_of(head[http::field::origin]);
  request_.host = text_of(head[http::field::host]);
  framing_ = {};
  framing_.chunked = head.version() >= 11;
  framing_.keep_alive = head.keep_alive() && framing_.chunked && !thread_.service().draining();
  framing_.head = head.method() == http::verb::head;
}

void Connection::read_body() {
  enter(State::kBody, thread_.options().body_timeout);
  auto& parser = *reader_->parser;
  if (parser.is_done()) return on_body({});
  if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    Error failed;
    socket_.write_some(asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25), failed);
    if (failed) return close();
  }
  http::async_read(
      socket_, reader_->buffer, parser,
      [self = shared_from_this()](const Error& error, size_t) { self->on_body(error); });
}

void Connection::on_body(const Error& error) {
  if (state_ == State::kClosed) return;
  if (error) return on_bad_read(error);
  request_.body = std::move(reader_->parser->get().body());
  answer();
}

void Connection::on_bad_read(const Error& error) {
  framing_.keep_alive = false;
  framing_.head = false;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return respond(error_response(wrong_read(431, "the header is too large")));
  }
  if (error == http::error::body_limit) {
    return respond(error_response(wrong_read(413, "the body is too large")));
  }
  const bool is_garbage =
      error.category() == http::make_error_code(http::error::bad_method).category();
  if (is_garbage && error != http::error::end_of_stream && error != http::error::partial_message) {
    return respond(error_response(wrong_read(400, "expected an HTTP request")));
  }
  close();
}

// Answering.

// Out of memory is this client's fault or nobody's: the others go on.
Answer Connection::answer_or_fault() try {
  return thread_.service().answer(request_, pass_, thread_);
} catch (const std::exception& fault) {
  return error_response(wrong_read(500, fault.what()));
}

void Connection::answer() {
  enter(State::kAnswering, thread_.options().write_timeout);
  Answer answer = answer_or_fault();
  request_.body = {};
  if (auto* response = std::get_if<Response>(&answer)) return respond(*response);
  if (auto* task = std::get_if<std::shared_ptr<EmbedTask>>(&answer)) return begin_task(*task);
  begin_exchange(std::get<std::unique_ptr<Generation>>(std::move(answer)));
}

void Connection::respond(const Response& response) {
  enter(State::kAnswering, thread_.options().write_timeout);
  thread_.service().meters().count(pass_.route.call, response.status);
  if (response.closes || thread_.service().draining()) framing_.keep_alive = false;
  out_ += response_text(response, framing_);
  whole_ = true;
  write();
}

void Connection::begin_exchange(std::unique_ptr<Generation> generation) {
  exchange_ = thread_.begin(std::move(generation), *this);
  told_head_ = false;
  rung_ = false;
  last_told_ = since_;
  watch();
  pump();
}

void Connection::begin_task(const std::shared_ptr<EmbedTask>& task) {
  task_ = task;
  Service& service = thread_.service();
  service.running().fetch_add(1);
  // Whoever is still there when it is done; the context lives as long as the embedder's threads.
  task->done = [weak = weak_from_this(), &context = thread_.context(), &service,
                key = task.get()](Response response) {
    service.running().fetch_sub(1);
    asio::post(context, [weak, key, response = std::move(response)] {
      const auto self = weak.lock();
      if (!self || self->task_.get() != key) return;
      self->task_.reset();
      self->respond(response);
    });
  };
  watch();
  if (service.embed(task)) return;
  service.running().fetch_sub(1);
  task_.reset();
  ApiError error = wrong_read(503, "too many texts wait for their vectors");
  error.retry_after_s = 1;
  respond(error_response(error));
}

void Connection::stream_ready() {
  if (writing_) {
    rung_ = true;
    return;
  }
  pump();
}

void Connection::pump() {
  rung_ = false;
  piece_.clear();
  Generation& generation = *exchange_->generation;
  const Generation::State state = generation.advance(piece_);
  const bool is_over = state == Generation::State::kEnded;
  rung_ = state == Generation::State::kMore;
  const bool streams = generation.streams();
  if (is_over && generation.failure() && piece_.empty()) {
    const ApiError failure = *generation.failure();
    if (!told_head_) {
      end_exchange();
      return respond(error_response(failure));
    }
    ReplyText::append_error(piece_, error_json(failure));  // behind a heartbeat
  }
  if (is_over && !streams) {
    end_exchange();
    return respond(json_response(std::move(piece_)));
  }
  if (streams && !piece_.empty()) {
    if (!std::exchange(told_head_, true)) out_ += stream_head(framing_);
    append_piece(out_, piece_, framing_);
  }
  if (is_over) {
    append_end(out_, framing_);
    end_exchange();
    thread_.service().meters().count(pass_.route.call, 200);
    whole_ = true;
  }
  if (out_.empty()) return;
  last_told_ = Clock::now();
  write();
}

void Connection::end_exchange() { thread_.end(std::exchange(exchange_, nullptr)); }

void Connection::heartbeat(Clock::time_point now) {
  if (!exchange_ || !exchange_->generation->streams()) return;
  if (now - last_told_ < thread_.options().heartbeat) return;
  last_told_ = now;
  if (!std::exchange(told_head_, true)) out_ += stream_head(framing_);
  append_piece(out_, ": waiting\n\n", framing_);
  write();
}

// Writing.

void Connection::write() {
  while (written_ < out_.size()) {
    Error error;
    written_ +=
        socket_.write_some(asio::buffer(out_.data() + written_, out_.size() - written_), error);
    if (error == asio::error::would_block) return wait_to_write();
    if (error) return close();
  }
  writing_ = false;
  out_.clear();
  written_ = 0;
  on_written();
}

void Connection::wait_to_write() {
  writing_ = true;
  enter(state_, thread_.options().write_timeout);
  socket_.async_wait(asio::socket_base::wait_write,
                     [self = shared_from_this()](const Error& failed) {
                       if (self->state_ == State::kClosed) return;
                       failed ? self->close() : self->write();
                     });
}

void Connection::on_written() {
  if (std::exchange(whole_, false)) return next_request();
  if (rung_ && exchange_) {
    // By the queue: a long answer must not keep the other clients of this thread waiting.
    asio::post(thread_.context(), [self = shared_from_this()] {
      if (self->exchange_ && !self->writing_) self->pump();
    });
  }
}

void Connection::next_request() {
  if (!framing_.keep_alive || thread_.service().draining()) return linger();
  enter(State::kHead, thread_.options().idle_timeout);
  if (watching_) {
    Error ignored;
    socket_.cancel(ignored);  // on_watched() goes on
    return;
  }
  read_head(thread_.options().idle_timeout);
}

void Connection::linger() {
  enter(State::kLingering, kLingerTime);
  Error ignored;
  socket_.cancel(ignored);
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  discard();
}

void Connection::discard() {
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this()](const Error& failed) {
                       if (self->state_ == State::kClosed) return;
                       char discarded[4096];
                       Error error = failed;
                       while (!error && self->lingered_ < kLingerBytesMax) {
                         self->lingered_ += self->socket_.read_some(asio::buffer(discarded), error);
                       }
                       if (error != asio::error::would_block) return self->close();
                       self->discard();
                     });
}

// Watching for a client that leaves.

void Connection::watch() {
  if (watching_) return;
  watching_ = true;
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this()](const Error&) { self->on_watched(); });
}

void Connection::on_watched() {
  watching_ = false;
  if (state_ == State::kClosed) return;
  if (state_ == State::kHead) return read_head(thread_.options().idle_timeout);
  // Further requests that came early: they wait, and leaving is noticed by the next write.
  if (state_ == State::kAnswering && client_has_left()) close();
}

bool Connection::client_has_left() {
  char byte = 0;
  Error error;
  const size_t count =
      socket_.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, error);
  return count == 0 && error != asio::error::would_block;
}

}  // namespace server
