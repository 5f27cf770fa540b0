// SPDX-License-Identifier: Apache-2.0
// Generation: one HTTP request for text while the engine works on it, and the bytes of its answer.
// It knows nothing of sockets.
//
// Owner    Who answers the client. It is destroyed once ended() is true, or else its destructor
//          waits for the engine: up to a step.
// Threads  One, the same for all calls. The engine tells `bell` when to call advance() again.
#pragma once

#include <llmos/engine.h>

#include <memory>
#include <string>
#include <vector>

#include "api_request.h"
#include "reply_text.h"
#include "tenant.h"

namespace server {

// What the server adds to a request.
struct GenerationContext {
  std::string model{};
  llmos::Millis deadline{};  // 0: none
  llmos::Readiness* bell = nullptr;
};

class Generation {
 public:
  // Why the engine refuses, if it does.
  static OrError<std::unique_ptr<Generation>> start(llmos::Engine& engine, GenerateRequest request,
                                                    Admission admission,
                                                    const GenerationContext& context);

  bool streams() const { return streams_; }
  // The ids by which the bell names it.
  std::vector<uint64_t> stream_ids() const;

  enum class State : uint8_t {
    kWaiting,  // for the bell
    kMore,     // call again: a piece has a bound
    kEnded,
  };
  // Appends what is there: events of a stream, or at the end the whole JSON.
  State advance(std::string& out);
  // After the end: nothing was appended because of this. A stream that fails behind its first event
  // ends with an event of the error instead.
  const ApiError* failure() const { return failed_ ? &failure_ : nullptr; }
  // The streams end soon; advance() goes on until they have.
  void cancel();

 private:
  struct Part {
    llmos::Stream stream;
    bool ended = false;
  };
  struct Choice {
    bool begun = false;
    uint64_t offset = 0;  // of its text, in characters
  };

  Generation(ReplyText text, Admission admission, bool streams, uint32_t choices)
      : text_(std::move(text)),
        admission_(std::move(admission)),
        streams_(streams),
        choices_per_part_(choices) {}

  // Tokens of one piece, at most: some 50 KB of events.
  static constexpr uint32_t kTokensPerPiece = 256;

  bool submit(llmos::Engine& engine, llmos::Request request);
  void tell(uint32_t index, llmos::Chunk chunk, std::string& out);
  bool take(Part& part, uint32_t first_index, uint32_t& budget, std::string& out);
  void end(std::string& out);
  void fail(ApiError error);

  ReplyText text_;
  Admission admission_;
  const bool streams_;
  const uint32_t choices_per_part_;
  bool include_usage_ = false;
  bool told_ = false;  // an event was appended
  bool over_ = false;
  bool failed_ = false;
  ApiError failure_;
  uint64_t tokens_ = 0;
  std::vector<Part> parts_;
  std::vector<Choice> choices_;
};

}  // namespace server
