// SPDX-License-Identifier: Apache-2.0
// A subcommand of the tool: what it takes, and what it does.
#pragma once

#include <llmos/model.h>
#include <llmos/status.h>

#include <span>

#include "arguments.h"

namespace cli {

struct Command {
  const char* name;
  const char* line;  // in the list of all
  const Usage& (*usage)();
  llmos::Status (*run)(const Arguments& arguments);
};

extern const Command kRun;
extern const Command kChat;
extern const Command kBench;
extern const Command kTop;
extern const Command kTokenize;
extern const Command kInspect;
extern const Command kQuantize;
extern const Command kScore;
extern const Command kTemplate;
extern const Command kCompletion;
extern const Command kServe;  // with LLMOS_WITH_SERVER

// All, in the order of the help.
std::span<const Command* const> commands();

// The flags by which every command that loads a model chooses how, and their reading.
std::vector<Flag> with_model_flags(std::vector<Flag> flags);
llmos::ModelOptions model_options(const Arguments& arguments);
// Opens it with a progress bar; `weights` holds where --weights is not given.
llmos::Result<llmos::Model> open_model(const Arguments& arguments, const char* weights = "auto");

// "12,7,3" and a newline.
std::string ids_line(std::span<const llmos::TokenId> ids);

}  // namespace cli
