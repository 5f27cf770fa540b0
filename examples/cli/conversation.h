// SPDX-License-Identifier: Apache-2.0
// A conversation that can be kept in a file: a JSON array of {"role", "content"}.
#pragma once

#include <llmos/request.h>
#include <llmos/status.h>

#include <string>
#include <string_view>
#include <vector>

namespace cli {

std::string conversation_json(const std::vector<llmos::Message>& messages);
// kInvalid: not such an array; it says where.
llmos::Result<std::vector<llmos::Message>> parse_conversation(std::string_view text);

}  // namespace cli
