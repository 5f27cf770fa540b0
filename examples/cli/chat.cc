// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "command.h"
#include "conversation.h"
#include "interrupt.h"
#include "request_flags.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::Engine;
using llmos::Message;
using llmos::Reply;
using llmos::Result;
using llmos::Status;

constexpr double kTemperature = 0.7;  // conversations want variety; --temperature 0 for none

constexpr const char* kHelp =
    "/stats       what the engine did so far\n"
    "/save FILE   keeps the conversation\n"
    "/load FILE   goes on with a kept one\n"
    "/reset       begins anew\n"
    "/quit        ends (also Ctrl-D); Ctrl-C ends an answer\n";

const Usage& usage() {
  static const Usage usage{
      "llmos chat --model PATH [--system T] [flags]",
      "Talks with a model, through its chat template. /help lists what it understands besides.",
      with_model_flags(with_request_flags({
          {"--model", "PATH", "a GGUF file or a Hugging Face directory"},
          {"--system", "T", "what the model is told before the first message"},
      })),
      {},
      "llmos chat --model model.gguf --system \"You answer in one sentence.\""};
  return usage;
}

Message message(const char* role, std::string content) {
  Message made;
  made.role = role;
  made.content = std::move(content);
  return made;
}

class Chat {
 public:
  Chat(Engine engine, llmos::Request request, std::string system)
      : engine_(std::move(engine)),
        request_(std::move(request)),
        system_(std::move(system)),
        interactive_(isatty(STDIN_FILENO) == 1) {
    reset();
  }

  Status run() {
    const InterruptWatch watch;
    tell("Ctrl-C ends an answer, Ctrl-D the conversation, /help explains.\n");
    std::string line;
    for (;;) {
      tell("> ");
      const LineEnd end = reader_.read(line);
      if (end == LineEnd::kEnd) break;
      if (end == LineEnd::kInterrupted) {
        InterruptWatch::take();
        tell("\n");
        continue;
      }
      if (line == "/quit") return {};
      if (line.empty()) continue;
      if (Status status = line[0] == '/' ? command(line) : answer(line); !status.ok()) {
        return status;
      }
    }
    tell("\n");
    return {};
  }

 private:
  // Only a person needs prompts and hints; in pipes answers stand alone.
  void tell(const std::string& text) const {
    if (interactive_) std::fputs(text.c_str(), stderr);
  }

  void reset() {
    messages_.clear();
    if (!system_.empty()) messages_.push_back(message("system", system_));
  }

  // Its own failures are told and end nothing.
  Status command(const std::string& line) {
    const size_t space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string file = space == std::string::npos ? "" : line.substr(space + 1);
    Status status;
    if (name == "/help") {
      std::fputs(kHelp, stderr);
    } else if (name == "/stats") {
      std::fputs((last_ + engine_lines(engine_.metrics())).c_str(), stderr);
    } else if (name == "/reset") {
      reset();
    } else if (name == "/save") {
      status = save(file);
    } else if (name == "/load") {
      status = load(file);
    } else {
      status = {llmos::Code::kInvalid, name + ": no such command; /help lists them"};
    }
    if (!status.ok()) std::fprintf(stderr, "%s\n", status.to_string().c_str());
    return {};
  }

  Status save(const std::string& path) const {
    std::ofstream file(path, std::ios::binary);
    file << conversation_json(messages_);
    file.close();
    if (file) return {};
    return {llmos::Code::kDenied, "save " + path + ": the file could not be written"};
  }

  Status load(const std::string& path) {
    const Result<std::string> text = read_file(path);
    if (!text.ok()) return text.status();
    Result<std::vector<Message>> messages = parse_conversation(*text);
    if (!messages.ok()) return messages.status();
    messages_ = *std::move(messages);
    return {};
  }

  // An error of one question (too long, no template) is told; only a lost terminal ends the chat.
  Status answer(const std::string& question) {
    messages_.push_back(message("user", question));
    llmos::Request request = request_;
    request.prompt = messages_;
    Result<llmos::Stream> stream = engine_.submit(std::move(request));
    if (!stream.ok()) {
      messages_.pop_back();
      std::fprintf(stderr, "%s\n", stream.status().to_string().c_str());
      return interactive_ ? Status() : stream.status();
    }
    std::string text;
    if (Status status = show(*stream, text); !status.ok()) return status;
    const Result<Reply> reply = stream->wait();
    if (reply.ok()) {
      last_ = speed_line(reply->usage) + '\n';
    } else if (reply.status().code() != llmos::Code::kCancelled) {
      std::fprintf(stderr, "%s\n", reply.status().to_string().c_str());
    }
    messages_.push_back(message("assistant", text));
    return write_stdout("\n");
  }

  Status show(llmos::Stream& stream, std::string& text) {
    constexpr llmos::Millis kLook{50};  // for Ctrl-C, while no token comes
    while (!stream.ended()) {
      const std::optional<llmos::Chunk> chunk = stream.next(kLook);
      if (InterruptWatch::take()) stream.cancel();
      if (!chunk || chunk->text.empty()) continue;
      text += chunk->text;
      if (Status status = write_stdout(chunk->text); !status.ok()) return status;
    }
    return {};
  }

  Engine engine_;
  const llmos::Request request_;  // all but the prompt
  const std::string system_;
  const bool interactive_;
  LineReader reader_;
  std::vector<Message> messages_;
  std::string last_;  // how fast the last answer came
};

Status run(const Arguments& arguments) {
  llmos::Request request = request_options(arguments, kTemperature);
  request.parse_special = false;  // what a person types stays text
  Result<Engine> engine = open_engine(arguments);
  if (!engine.ok()) return engine.status();
  return Chat(*std::move(engine), std::move(request), arguments.text("--system")).run();
}

}  // namespace

const Command kChat{"chat", "talk with a model", usage, run};

}  // namespace cli
