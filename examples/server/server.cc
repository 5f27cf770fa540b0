// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "io_thread.h"
#include "service.h"

namespace server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using llmos::Code;
using llmos::Result;
using llmos::Status;

constexpr uint32_t kIoThreadsMax = 4;
constexpr uint32_t kConnectionsMax = 1 << 20;
// When the process has no file descriptor left, accepting waits for one to come back.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr auto kIdlePoll = std::chrono::milliseconds(5);

uint32_t io_threads_of(const ServerOptions& options) {
  if (options.io_threads > 0) return options.io_threads;
  return std::clamp(std::thread::hardware_concurrency(), 1u, kIoThreadsMax);
}

Status check_options(const ServerOptions& options) {
  if (options.io_threads > 64) return {Code::kInvalid, "io_threads: expected 0 to 64"};
  if (options.connections_max < 1 || options.connections_max > kConnectionsMax) {
    return {Code::kInvalid, "connections_max: expected 1 to " + std::to_string(kConnectionsMax)};
  }
  if (options.header_bytes_max < 256) {
    return {Code::kInvalid, "header_bytes_max: expected at least 256"};
  }
  return {};
}

}  // namespace

struct Server::Impl {
  Impl(llmos::Engine& engine, const ServerOptions& given, KeyRing keys)
      : options(given), service(engine, options, std::move(keys)) {}

  Status listen();
  void accept();

  const ServerOptions options;
  std::vector<std::unique_ptr<IoThread>> threads;
  // Behind the threads, so that its embedder ends before the contexts that it posts to.
  Service service;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> pause;
  size_t turn = 0;
  uint16_t port = 0;
};

Status Server::Impl::listen() {
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(options.address, error);
  if (error) {
    return {Code::kInvalid, "address: expected an IP address, found " + options.address};
  }
  const tcp::endpoint endpoint(address, options.port);
  acceptor.emplace(threads[0]->context());
  pause.emplace(threads[0]->context());
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return {Code::kDenied, "listen on " + options.address + " port " +
                               std::to_string(options.port) + ": " + error.message()};
  }
  port = acceptor->local_endpoint(error).port();
  return {};
}

void Server::Impl::accept() {
  IoThread& thread = *threads[turn++ % threads.size()];
  acceptor->async_accept(thread.context(), [this, &thread](const boost::system::error_code& error,
                                                           tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor->is_open()) return;
    if (!error) thread.adopt(std::move(socket));
    if (!error || error == asio::error::connection_aborted) return accept();
    pause->expires_after(kAcceptPause);
    pause->async_wait([this](const boost::system::error_code& ended) {
      if (!ended) accept();
    });
  });
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(llmos::Engine& engine, const ServerOptions& options,
                                              KeyRing keys) {
  if (Status status = check_options(options); !status.ok()) return status;
  auto impl = std::make_unique<Impl>(engine, options, std::move(keys));
  const uint32_t count = io_threads_of(options);
  const uint32_t share = (options.connections_max + count - 1) / count;
  for (uint32_t i = 0; i < count; ++i) {
    impl->threads.push_back(std::make_unique<IoThread>(impl->service, impl->options, share));
  }
  if (Status status = impl->listen(); !status.ok()) return status;
  impl->accept();
  for (const auto& thread : impl->threads) thread->start();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() {
  asio::post(impl_->threads[0]->context(), [this] {
    boost::system::error_code ignored;
    impl_->acceptor->close(ignored);
    impl_->pause->cancel();
  });
  // The first last: its acceptor makes sockets for the others.
  for (size_t i = impl_->threads.size(); i-- > 0;) impl_->threads[i]->stop();
}

uint16_t Server::port() const { return impl_->port; }

void Server::begin_drain() { impl_->service.set_draining(); }

bool Server::wait_idle(llmos::Millis timeout) {
  const auto until = Clock::now() + timeout;
  while (impl_->service.running().load() > 0) {
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(kIdlePoll);
  }
  return true;
}

}  // namespace server
