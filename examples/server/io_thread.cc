// SPDX-License-Identifier: Apache-2.0
#include "io_thread.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "connection.h"

namespace server {
namespace {

// How exactly timeouts are kept.
constexpr auto kSweepEvery = std::chrono::milliseconds(250);

}  // namespace

IoThread::IoThread(Service& service, const ServerOptions& options, uint32_t connections_max)
    : service_(service), options_(options), connections_max_(connections_max) {}

IoThread::~IoThread() = default;

void IoThread::start() {
  sweep();
  thread_ = std::thread([this] { run(); });
}

// A step of a connection that runs out of memory ends with it; sweep() closes what it leaves.
void IoThread::run() {
  for (bool over = false; !over;) {
    try {
      context_.run();
      over = true;
    } catch (const std::exception&) {
      missed_.store(true);
    }
  }
}

void IoThread::stop() {
  boost::asio::post(context_, [this] { close_all(); });
  if (thread_.joinable()) thread_.join();
}

void IoThread::adopt(boost::asio::ip::tcp::socket socket) {
  auto connection = std::make_shared<Connection>(std::move(socket), *this);
  boost::asio::post(context_, [this, connection] {
    if (stopping_) return;
    service_.meters().accepted.fetch_add(1);
    if (connections_.size() >= connections_max_ && !make_room()) {
      service_.meters().refused.fetch_add(1);
      return connection->refuse();
    }
    service_.meters().connections.fetch_add(1);
    connections_.insert(connection);
    connection->start();
  });
}

// The one that has waited longest for a request makes room, so that connections that never ask
// anything cannot keep others out.
bool IoThread::make_room() {
  std::shared_ptr<Connection> oldest;
  for (const auto& connection : connections_) {
    if (!connection->is_idle()) continue;
    if (!oldest || connection->idle_since() < oldest->idle_since()) oldest = connection;
  }
  if (!oldest) return false;
  service_.meters().evicted.fetch_add(1);
  oldest->close();
  return true;
}

void IoThread::forget(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) > 0) service_.meters().connections.fetch_sub(1);
}

void IoThread::ready(uint64_t request) noexcept {
  try {
    const std::lock_guard lock(bell_mutex_);
    rung_.push_back(request);
    if (posted_) return;
    boost::asio::post(context_, [this] { drain(); });
    posted_ = true;
  } catch (...) {
    missed_.store(true);
  }
}

void IoThread::drain() {
  heard_.clear();
  {
    const std::lock_guard lock(bell_mutex_);
    heard_.swap(rung_);
    posted_ = false;
  }
  for (const uint64_t id : heard_) {
    // Not there: it has ended, and this was its last word.
    const auto found = exchanges_.find(id);
    if (found != exchanges_.end()) advance(std::shared_ptr<Exchange>(found->second));
  }
}

void IoThread::advance(const std::shared_ptr<Exchange>& exchange) {
  if (exchange->listener) return exchange->listener->stream_ready();
  std::string nobody_reads;
  Generation::State state = Generation::State::kMore;
  while (state == Generation::State::kMore) state = exchange->generation->advance(nobody_reads);
  if (state == Generation::State::kEnded) end(exchange);
}

std::shared_ptr<Exchange> IoThread::begin(std::unique_ptr<Generation> generation,
                                          Connection& listener) {
  service_.running().fetch_add(1);
  auto exchange = std::make_shared<Exchange>();
  exchange->generation = std::move(generation);
  exchange->listener = &listener;
  exchange->ids = exchange->generation->stream_ids();
  for (const uint64_t id : exchange->ids) exchanges_[id] = exchange;
  return exchange;
}

void IoThread::abandon(const std::shared_ptr<Exchange>& exchange) {
  service_.meters().disconnected.fetch_add(1);
  exchange->listener = nullptr;
  exchange->generation->cancel();
  advance(exchange);
}

void IoThread::end(const std::shared_ptr<Exchange>& exchange) {
  exchange->listener = nullptr;
  size_t erased = 0;
  for (const uint64_t id : exchange->ids) erased += exchanges_.erase(id);
  if (erased > 0) service_.running().fetch_sub(1);
  end_if_over();
}

void IoThread::sweep() {
  const Clock::time_point now = Clock::now();
  service_.sample(now);
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->sweep(now);
  if (missed_.exchange(false)) {
    const std::unordered_map<uint64_t, std::shared_ptr<Exchange>> running = exchanges_;
    for (const auto& [id, exchange] : running) advance(exchange);
  }
  timer_.expires_after(kSweepEvery);
  timer_.async_wait([this](const boost::system::error_code& failed) {
    if (!failed) sweep();
  });
}

void IoThread::close_all() {
  stopping_ = true;
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->close();
  end_if_over();
}

void IoThread::end_if_over() {
  if (stopping_ && exchanges_.empty()) context_.stop();
}

}  // namespace server
