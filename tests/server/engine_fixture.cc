// SPDX-License-Identifier: Apache-2.0
#include "server/engine_fixture.h"

#include <thread>

#include "support/text_model.h"

namespace server::test {

void EngineFixture::open_engine(llmos::EngineOptions options) {
  const std::string path = dir_ / "tiny.gguf";
  const llmos::Status written = llmos::test::write_text_model(
      std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/llama2/model.gguf", path);
  ASSERT_TRUE(written.ok()) << written.to_string();
  if (options.threads == 0) options.threads = 1;
  auto engine = llmos::Engine::open(path, options);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  engine_ = std::make_unique<llmos::Engine>(*std::move(engine));
}

void EngineFixture::start_server(ServerOptions options, KeyRing keys) {
  if (!engine_) open_engine();
  options.port = 0;
  if (options.io_threads == 0) options.io_threads = 2;
  if (options.model_name == "default") options.model_name = "tiny";
  auto server = Server::start(*engine_, options, std::move(keys));
  ASSERT_TRUE(server.ok()) << server.status().to_string();
  server_ = *std::move(server);
}

HttpReply EngineFixture::get(const std::string& target, const std::string& headers) {
  return Client(port()).ask("GET", target, {}, headers);
}

HttpReply EngineFixture::post(const std::string& target, const std::string& body,
                              const std::string& headers) {
  return Client(port()).ask("POST", target, body, headers);
}

nlohmann::json EngineFixture::post_json(const std::string& target, const std::string& body) {
  const HttpReply reply = post(target, body);
  EXPECT_EQ(reply.status, 200) << reply.body;
  return nlohmann::json::parse(reply.body, nullptr, false);
}

void EngineFixture::expect_nothing_left() {
  llmos::Metrics m;
  for (int i = 0; i < 1000; ++i) {
    // The gauges tell how the last step left things: one more brings them up to date.
    EXPECT_TRUE(engine_->generate({.prompt = "a", .tokens_max = 1}).ok());
    m = engine_->metrics();
    if (m.waiting + m.running + m.swapped + m.parked == 0 &&
        m.kv_blocks_free + m.kv_blocks_cached == m.kv_blocks) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ADD_FAILURE() << m.waiting << " waiting, " << m.running << " running, " << m.parked
                << " parked; of " << m.kv_blocks << " blocks " << m.kv_blocks_free << " free and "
                << m.kv_blocks_cached << " cached";
}

}  // namespace server::test
