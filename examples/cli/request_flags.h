// SPDX-License-Identifier: Apache-2.0
// The flags by which commands say what to generate, and an engine opened as its flags ask.
#pragma once

#include <llmos/engine.h>

#include <string>
#include <vector>

#include "arguments.h"

namespace cli {

// `flags` and those of sampling and length.
std::vector<Flag> with_request_flags(std::vector<Flag> flags);
// All of a request but its prompt. `temperature` is used where the flag is not given.
llmos::Request request_options(const Arguments& arguments, double temperature);

// Opens --model with a progress bar.
llmos::Result<llmos::Engine> open_engine(const Arguments& arguments);

const char* finish_name(llmos::Finish finish);

// "23 tokens, 41.2 tokens/s, first after 12 ms", of one answer.
std::string speed_line(const llmos::Usage& usage);
// What the engine did so far, in a few lines: keys and values, queue levels, steps.
std::string engine_lines(const llmos::Metrics& metrics);

}  // namespace cli
