// SPDX-License-Identifier: Apache-2.0
// The tool from outside: what a script sees of `llmos`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/json.h"
#include "e2e/tool.h"
#include "support/temp_dir.h"
#include "support/text_model.h"

namespace llmos {
namespace {

using test::run_tool;
using test::TempDir;
using test::ToolResult;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kModels = std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/";
const std::string kModel = kModels + "llama2/model.gguf";
const std::string kData = std::string(LLMOS_SOURCE_DIR) + "/../shared/data/";

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Json json(const std::string& text) { return parse_json(text).value(); }

std::string id_list(const Json& ids) {
  std::string text;
  for (const Json& id : ids.items()) {
    text += (text.empty() ? "" : ",") + std::to_string(id.if_int64().value());
  }
  return text;
}

ToolResult good(const std::vector<std::string>& arguments, const std::string& input = {}) {
  ToolResult result = run_tool(arguments, input);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result;
}

// One line on standard error, nothing on standard output.
void expect_refused(const std::vector<std::string>& arguments, int code, const std::string& says) {
  const ToolResult result = run_tool(arguments);
  EXPECT_EQ(result.exit_code, code) << result.out << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("llmos: "));
  EXPECT_THAT(result.err, HasSubstr(says));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST(Cli, ExplainsItself) {
  EXPECT_THAT(good({"--help"}).out, HasSubstr("quantize"));
  for (const char* command : {"run", "chat", "bench", "top", "tokenize", "inspect", "quantize",
                              "score", "template", "completion", "serve"}) {
    const std::string help = good({command, "--help"}).out;
    EXPECT_THAT(help, HasSubstr("example: ")) << command;
    EXPECT_LE(std::count(help.begin(), help.end(), '\n'), 24) << command << ": a screen";
  }
  EXPECT_EQ(run_tool({}).exit_code, 2);
}

TEST(Cli, RefusesWrongCommandLines) {
  expect_refused({"sing"}, 2, "unknown command");
  expect_refused({"run", "--modle", "x"}, 2, "unknown flag --modle");
  expect_refused({"run", "--prompt", "x"}, 2, "--model is required");
  expect_refused({"run", "--model", kModel}, 2, "expected one of --prompt");
  expect_refused({"run", "--model", kModel, "--prompt-ids", "1,x"}, 2, "--prompt-ids");
  expect_refused({"run", "--model", kModel, "--prompt", "x", "--max-tokens", "-1"}, 2,
                 "max-tokens");
  expect_refused({"quantize", kModel}, 2, "IN OUT");
  expect_refused({"score", "--model", kModel}, 2, "expected one of --ids");
}

TEST(Cli, RefusesWhatIsNoModel) {
  const TempDir dir;
  expect_refused({"run", "--model", dir / "missing.gguf", "--prompt", "x"}, 1, "missing.gguf");
  expect_refused({"inspect", dir.write("text.gguf", "Hello")}, 1, "text.gguf");
  expect_refused({"inspect", dir.path()}, 1, "config.json");
  expect_refused({"quantize", kModel, dir / "out.gguf", "--type", "q9"}, 1, "q9");
  EXPECT_FALSE(std::filesystem::exists(dir / "out.gguf"));
}

TEST(Cli, RunsGreedilyAsTheReference) {
  const Json golden = json(content(kModels + "llama2/golden.json"));
  for (const Json& one : golden.find("cases")->items()) {
    const std::string expected = id_list(*one.find("greedy_ids"));
    const std::string count = std::to_string(one.find("greedy_ids")->items().size());
    const ToolResult result =
        good({"run", "--model", kModel, "--prompt-ids", id_list(*one.find("prompt_ids")),
              "--max-tokens", count, "--print-ids"});
    EXPECT_THAT(expected + "\n", StartsWith(result.out.substr(0, result.out.size() - 1)));
    EXPECT_THAT(result.out, EndsWith("\n"));
  }
}

TEST(Cli, RanksGiveTheTokensOfOne) {
  const std::vector<std::string> arguments{"run",          "--model",      kModel, "--prompt-ids",
                                           "1,24,92,5,26", "--max-tokens", "12",   "--print-ids"};
  std::vector<std::string> divided = arguments;
  divided.insert(divided.end(), {"--ranks", "2"});
  EXPECT_EQ(good(divided).out, good(arguments).out);
  divided.back() = "4";
  expect_refused(divided, 1, "this model can have 1, 2, 3");
}

TEST(Cli, RunPrintsJson) {
  const Json reply = json(good({"run", "--model", kModel, "--prompt-ids", "1,24,92,5,26",
                                "--max-tokens", "3", "--json"})
                              .out);
  EXPECT_EQ(id_list(*reply.find("ids")), "31,15,48");
  EXPECT_EQ(id_list(*reply.find("prompt_ids")), "1,24,92,5,26");
  EXPECT_EQ(*reply.find("finish"), Json("length"));
  ASSERT_NE(reply.find("text"), nullptr);
  const ToolResult text =
      good({"run", "--model", kModel, "--prompt-ids", "1,24,92,5,26", "--max-tokens", "3"});
  EXPECT_EQ(*reply.find("text"), Json(text.out));
}

TEST(Cli, DrawsTheSameForTheSameSeed) {
  const auto drawn = [](const char* seed) {
    return good({"run", "--model", kModel, "--prompt-ids", "1,5", "--max-tokens", "12",
                 "--temperature", "1.5", "--top-k", "50", "--top-p", "0.95", "--seed", seed,
                 "--print-ids"})
        .out;
  };
  EXPECT_EQ(drawn("1"), drawn("1"));
  EXPECT_NE(drawn("1"), drawn("2"));
}

TEST(Cli, RunGivesSeveralAnswers) {
  const std::vector<std::string> words = {
      "run",    "--model", kModel,   "--prompt-ids",  "1,5", "--max-tokens", "6", "--n", "3",
      "--seed", "4",       "--json", "--temperature", "1"};
  const Json reply = json(good(words).out);
  ASSERT_EQ(reply.find("others")->items().size(), 2u);
  EXPECT_NE(id_list(*reply.find("ids")), id_list(*reply.find("others")->items()[0].find("ids")));
  EXPECT_EQ(*reply.find("usage")->find("output_tokens"), Json(18));
}

TEST(Cli, RunTellsWhatTheEngineDid) {
  const ToolResult result =
      run_tool({"run", "--model", kModel, "--prompt-ids", "1,5", "--max-tokens", "6", "--stats"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("2 tokens of prompt (0 cached), 6 of answer"));
  EXPECT_THAT(result.err, HasSubstr("KV blocks in use"));
}

// In pipes answers stand alone, one for each line; commands write to standard error.
TEST(Cli, ChatsAndKeepsTheConversation) {
  const TempDir dir;
  const std::string model = dir / "text.gguf";
  ASSERT_TRUE(test::write_text_model(kModel, model).ok());
  const std::vector<std::string> words = {
      "chat", "--model", model, "--temperature", "0", "--system", "be brief", "--max-tokens", "5"};
  const std::string kept = dir / "kept.json";
  const ToolResult first = run_tool(words, "hello\n/save " + kept + "\n/stats\nagain\n");
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("KV blocks in use"));
  const Json messages = json(content(kept));
  ASSERT_EQ(messages.items().size(), 3u);
  EXPECT_EQ(*messages.items()[0].find("content"), Json("be brief"));
  EXPECT_EQ(*messages.items()[1].find("role"), Json("user"));
  const std::string answer = *messages.items()[2].find("content")->if_string();
  EXPECT_THAT(first.out, StartsWith(answer + "\n"));
  // What was loaded gives the same second answer.
  const ToolResult second = run_tool(words, "/load " + kept + "\nagain\n/quit\n");
  EXPECT_EQ(answer + "\n" + second.out, first.out);
}

TEST(Cli, ChatTellsWhatItDoesNotKnow) {
  const TempDir dir;
  const std::string model = dir / "text.gguf";
  ASSERT_TRUE(test::write_text_model(kModel, model).ok());
  const std::string bad = dir.write("bad.json", "[{\"role\": 1}]");
  const ToolResult result =
      run_tool({"chat", "--model", model},
               "/dance\n/load " + (dir / "none.json") + "\n/load " + bad + "\n/help\n");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("/dance: no such command"));
  EXPECT_THAT(result.err, HasSubstr("none.json"));
  EXPECT_THAT(result.err, HasSubstr("message 1"));
  EXPECT_THAT(result.err, HasSubstr("/reset"));
}

TEST(Cli, MeasuresAModel) {
  const TempDir dir;
  const std::string peers = dir.write(
      "peers.json",
      R"({"results": [{"name": "other", "phase": "decode", "batch": 4, "tokens_per_s": 1}]})");
  const std::string table = good({"bench", "--model", kModel, "--prompt-tokens", "8",
                                  "--gen-tokens", "4", "--repeat", "1", "--peers", peers})
                                .out;
  EXPECT_THAT(table, HasSubstr("prefill     16"));
  EXPECT_THAT(table, HasSubstr("other 1.0 (x"));
  const Json served =
      json(good({"bench", "--model", kModel, "--preset", "serve", "--clients", "2", "--seconds",
                 "0.2", "--prompt-tokens", "8", "--gen-tokens", "4", "--json"})
               .out);
  const Json& row = served.find("results")->items()[0];
  EXPECT_EQ(*row.find("batch"), Json(2));
  EXPECT_GT(row.find("tokens_per_s")->if_double().value(), 0);
  expect_refused({"bench", "--model", kModel, "--preset", "x"}, 2, "--preset");
}

// A server of one answer.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] {
      const int client = ::accept(listener_, nullptr, nullptr);
      char bytes[4096];
      const ssize_t count = ::recv(client, bytes, sizeof bytes, 0);
      heard_.assign(bytes, size_t(std::max<ssize_t>(count, 0)));
      ::send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      ::close(client);
    });
  }
  ~OneAnswer() {
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  // After the answer.
  const std::string& heard() {
    if (thread_.joinable()) thread_.join();
    thread_ = std::jthread([] {});
    return heard_;
  }

 private:
  const std::string answer_;
  std::string heard_;
  int listener_ = -1;
  int port_ = 0;
  std::jthread thread_;
};

TEST(Cli, ShowsARunningServer) {
  const std::string stats =
      R"({"model": "tale\u001b[2J", "ready": true, "uptime_s": 61, "levels": [0, 0, 7],)"
      R"("kv": {"blocks": 10, "used": 5, "cached": 2, "free": 3, "waste": 0.25},)"
      R"("requests": {"running": 3}, "history": [1, 2, 4], "tenants": [{"name": "zoo"}]})";
  OneAnswer server("HTTP/1.1 200 OK\r\n\r\n" + stats);
  const std::string text = good({"top", "--once", "--server", server.url(), "--key", "secret"}).out;
  EXPECT_THAT(server.heard(), StartsWith("GET /stats HTTP/1.0\r\n"));
  EXPECT_THAT(server.heard(), HasSubstr("Authorization: Bearer secret\r\n"));
  EXPECT_THAT(text, HasSubstr("tale[2J   ready   up 0:01:01"));
  EXPECT_THAT(text, HasSubstr("3 running"));
  EXPECT_THAT(text, HasSubstr("level   2       7"));
  EXPECT_THAT(text, HasSubstr("# 5 used   + 2 cached   . 3 free   waste 25.0 %"));
  EXPECT_THAT(text, HasSubstr("zoo"));
  OneAnswer again("HTTP/1.1 200 OK\r\n\r\n" + stats);
  EXPECT_EQ(good({"top", "--once", "--json", "--server", again.url()}).out, stats + "\n");
}

TEST(Cli, TopTellsWhyThereIsNothing) {
  expect_refused({"top", "--once", "--server", "http://127.0.0.1:1"}, 1, "nobody listens");
  expect_refused({"top", "--once", "--server", "http://"}, 1, "expected a server");
  expect_refused({"top"}, 2, "--once");
  expect_refused({"top", "--json"}, 2, "--once");
  OneAnswer denies("HTTP/1.1 401 Unauthorized\r\n\r\n");
  expect_refused({"top", "--once", "--server", denies.url()}, 1, "--key");
  OneAnswer other("HTTP/1.1 200 OK\r\n\r\n<html>");
  expect_refused({"top", "--once", "--server", other.url()}, 1, "no llmos server");
}

TEST(Cli, CompletesInBash) {
  const TempDir dir;
  const std::string script = dir.write("completion.bash", good({"completion"}).out);
  const std::string command =
      "bash -c 'source " + script +
      "; COMP_WORDS=(llmos inspect --js) COMP_CWORD=2; _llmos; echo \"${COMPREPLY[*]}\"' > " +
      (dir / "out");
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(content(dir / "out"), "--json\n");
}

TEST(Cli, TokenizesBytesAsTheyAre) {
  const std::string ids = good({"tokenize", "--model", kModel, "--no-special"}, "Hello, you").out;
  EXPECT_THAT(ids, EndsWith("\n"));
  EXPECT_EQ(good({"tokenize", "--model", kModel, "--decode"}, ids).out, "Hello, you");
  EXPECT_EQ(good({"tokenize", "--model", kModel, "--no-special"}, "").out, "\n");
  const Json both = json(good({"tokenize", "--model", kModel, "--json"}, "Hi").out);
  EXPECT_EQ(both.find("ids")->items().size(), both.find("tokens")->items().size());
}

// A vocabulary whose texts begin with <|endoftext|> (0) and end with [SEP] (806); ids by HF.
const std::string kTokenizer =
    std::string(LLMOS_SOURCE_DIR) + "/tests/golden/tokenizers/json-bpe-added.json";

TEST(Cli, TokenizeAddsAndRecognisesSpecialTokens) {
  const auto ids = [](const std::string& text) {
    return good({"tokenize", "--model", kTokenizer}, text).out;
  };
  EXPECT_EQ(ids("the fox<mask>!"), "0,84,293,720,805,1,806\n");
  EXPECT_EQ(ids("<|endoftext|>"), "0,0,806\n");
  EXPECT_EQ(ids(""), "0,806\n");
}

TEST(Cli, TokenizeWithoutSpecialTokensDoesNeither) {
  const auto ids = [](const std::string& text) {
    return good({"tokenize", "--model", kTokenizer, "--no-special"}, text).out;
  };
  EXPECT_EQ(ids("the fox"), "84,293,720\n");
  EXPECT_EQ(ids(""), "\n");
  const std::string mask = ids("<mask>");
  EXPECT_THAT(mask, Not(HasSubstr("805")));
  EXPECT_EQ(good({"tokenize", "--model", kTokenizer, "--decode"}, mask).out, "<mask>");
}

TEST(Cli, TokenizeTakesTheBytesOfStdinExactly) {
  using namespace std::string_literals;
  const auto ids = [](const std::string& text) {
    return good({"tokenize", "--model", kTokenizer, "--no-special"}, text).out;
  };
  EXPECT_EQ(ids("\r\n\0\u00E9"s), "202,199,189,294\n");
  EXPECT_EQ(ids("the"), "84,293\n");
  EXPECT_EQ(ids("the\n"), "84,293,199\n");
  for (const std::string& text : {"a\0b\n"s, "\r\n \t\n\n"s, " x "s, "\u00E9\U0001F600"s}) {
    EXPECT_EQ(good({"tokenize", "--model", kTokenizer, "--decode"}, ids(text)).out, text);
  }
  // Bytes that are no UTF-8 have ids of their own; as text they are U+FFFD.
  EXPECT_NE(ids("\xFF"), ids("\xFE"));
  EXPECT_EQ(good({"tokenize", "--model", kTokenizer, "--decode"}, ids("a\xFF")).out, "a\uFFFD");
}

TEST(Cli, TokenizeDecodesWhatItIsGiven) {
  const auto text = [](const std::string& ids, const std::vector<std::string>& flags) {
    std::vector<std::string> arguments{"tokenize", "--model", kTokenizer, "--decode"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return good(arguments, ids).out;
  };
  EXPECT_EQ(text("0,84,293,806\n", {}), "the");
  EXPECT_EQ(text("0,84,293,806\n", {"--keep-special"}), "<|endoftext|>the[SEP]");
  EXPECT_EQ(text("\n", {}), "");
  EXPECT_EQ(json(text("84,293", {"--json"})), json(R"({"text":"the"})"));
  const ToolResult outside = run_tool({"tokenize", "--model", kTokenizer, "--decode"}, "84,100000");
  EXPECT_EQ(outside.exit_code, 1);
  EXPECT_THAT(outside.err, HasSubstr("100000"));
}

TEST(Cli, InspectsWithoutLoading) {
  const Json info = json(good({"inspect", kModel, "--json"}).out);
  EXPECT_EQ(*info.find("architecture"), Json("llama"));
  EXPECT_EQ(*info.find("format"), Json("gguf"));
  EXPECT_EQ(*info.find("runnable"), Json(true));
  EXPECT_EQ(*info.find("vocabulary"), Json(128));
  EXPECT_FALSE(info.find("types")->items().empty());
  EXPECT_FALSE(info.find("tensors")->items().empty());
  EXPECT_GT(info.find("plan")->find("total")->if_int64().value_or(0), 0);
  EXPECT_THAT(good({"inspect", kModels + "llama2/hf"}).out, HasSubstr("safetensors"));
}

TEST(Cli, QuantizesAndRunsTheResult) {
  const TempDir dir;
  const Json report = json(good({"quantize", kModels + "gemma2/model.gguf", dir / "small.gguf",
                                 "--type", "q8_0", "--json"})
                               .out);
  EXPECT_LT(report.find("bytes_out")->if_int64().value_or(0),
            report.find("bytes_in")->if_int64().value_or(0));
  const std::string ids = good({"run", "--model", dir / "small.gguf", "--prompt-ids", "1,24",
                                "--max-tokens", "4", "--print-ids"})
                              .out;
  EXPECT_EQ(std::count(ids.begin(), ids.end(), ','), 3);
}

TEST(Cli, ScoresEveryPosition) {
  const Json scores =
      json(good({"score", "--model", kModel, "--ids", "1,24,92,5", "--top", "128", "--json"}).out);
  const auto positions = scores.find("positions")->items();
  ASSERT_EQ(positions.size(), 4u);
  EXPECT_TRUE(positions[0].find("logprob")->is_null());
  EXPECT_TRUE(positions[0].find("top")->items().empty());
  for (const Json& position : positions.subspan(1)) {
    double sum = 0;
    bool found = false;
    for (const Json& top : position.find("top")->items()) {
      sum += std::exp(top.find("logprob")->if_double().value());
      found |= *top.find("id") == *position.find("id") &&
               *top.find("logprob") == *position.find("logprob");
    }
    EXPECT_NEAR(sum, 1, 1e-6);
    EXPECT_TRUE(found);
  }
}

TEST(Cli, MeasuresPerplexity) {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "Some words to be scored. ";
  const Json result = json(good({"score", "--model", kModel, "--perplexity",
                                 dir.write("text", text), "--ctx", "32", "--json"})
                               .out);
  const double nll = result.find("mean_nll")->if_double().value();
  EXPECT_NEAR(result.find("perplexity")->if_double().value(), std::exp(nll), 1e-6 * std::exp(nll));
  const int64_t chunks = result.find("tokens")->if_int64().value() / 32;
  EXPECT_EQ(result.find("scored")->if_int64(), chunks * 15);
}

TEST(Cli, RendersTemplates) {
  const TempDir dir;
  const std::string messages =
      dir.write("chat.json", R"([{"role": "user", "content": "Grüße \"x\""}])");
  const std::string source =
      dir.write("chat.jinja",
                "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
                "{% if add_generation_prompt %}<assistant>{% endif %}");
  EXPECT_EQ(good({"template", "--model", source, "--messages", messages}).out,
            "<user>Grüße \"x\"\n<assistant>");
  EXPECT_EQ(
      good({"template", "--model", source, "--messages", messages, "--no-generation-prompt"}).out,
      "<user>Grüße \"x\"\n");
  const std::string raises = dir.write("raise.jinja", "{{ raise_exception('no\nuser') }}");
  expect_refused({"template", "--model", raises, "--messages", messages}, 1, "no user");
}

class RealWeights : public ::testing::TestWithParam<const char*> {};

TEST_P(RealWeights, ReproduceTheirTexts) {
  const std::string model = kData + "models/" + GetParam();
  const std::string folder = model.substr(0, model.rfind('/') + 1);
  if (!std::filesystem::exists(model)) GTEST_SKIP() << "no " << model;
  const Json golden = json(content(folder + "golden.json"));
  for (const Json& one : golden.find("cases")->items()) {
    const std::string prompt = *one.find("prompt")->if_string();
    const std::string count = std::to_string(one.find("greedy_ids")->items().size());
    const ToolResult result =
        good({"run", "--model", model, "--prompt", prompt, "--max-tokens", count, "--print-ids"});
    EXPECT_EQ(result.out, id_list(*one.find("greedy_ids")) + "\n") << prompt;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RealWeights,
                         ::testing::Values("stories260K/stories260K-f32.gguf",
                                           "babyllama-tok105/babyllama105-f32.gguf"));

}  // namespace
}  // namespace llmos
