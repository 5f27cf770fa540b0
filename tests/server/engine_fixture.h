// SPDX-License-Identifier: Apache-2.0
// A tiny model with a tokenizer, an engine on it, and a server before that.
#pragma once

#include <gtest/gtest.h>
#include <llmos/engine.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "server/client.h"
#include "server/server.h"
#include "support/temp_dir.h"

namespace server::test {

class EngineFixture : public ::testing::Test {
 protected:
  // Each at most once, in this order.
  void open_engine(llmos::EngineOptions options = {});
  void start_server(ServerOptions options = {}, KeyRing keys = {});

  llmos::Engine& engine() { return *engine_; }
  Server& server() { return *server_; }
  void stop_server() { server_.reset(); }
  uint16_t port() const { return server_->port(); }

  HttpReply get(const std::string& target, const std::string& headers = {});
  HttpReply post(const std::string& target, const std::string& body,
                 const std::string& headers = {});
  // Of a good answer.
  nlohmann::json post_json(const std::string& target, const std::string& body);
  // Within some seconds everything has ended, and every block of keys and values is back.
  void expect_nothing_left();

 private:
  llmos::test::TempDir dir_;
  std::unique_ptr<llmos::Engine> engine_;
  std::unique_ptr<Server> server_;
};

}  // namespace server::test
