// SPDX-License-Identifier: Apache-2.0
#include "conversation.h"

#include <nlohmann/json.hpp>

namespace cli {
namespace {

using Json = nlohmann::json;

const std::string* text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

}  // namespace

std::string conversation_json(const std::vector<llmos::Message>& messages) {
  Json array = Json::array();
  for (const llmos::Message& message : messages) {
    array.push_back({{"role", message.role}, {"content", message.content}});
  }
  // Half a character of an answer that was cut must not lose the rest.
  return array.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

llmos::Result<std::vector<llmos::Message>> parse_conversation(std::string_view text) {
  const Json array = Json::parse(text, nullptr, false);
  if (!array.is_array()) {
    return llmos::Status(llmos::Code::kInvalid, "expected a JSON array of messages");
  }
  std::vector<llmos::Message> messages;
  for (const Json& one : array) {
    const std::string* role = one.is_object() ? text_member(one, "role") : nullptr;
    const std::string* content = one.is_object() ? text_member(one, "content") : nullptr;
    if (!role || !content) {
      return llmos::Status(llmos::Code::kInvalid,
                           "message " + std::to_string(messages.size() + 1) +
                               ": expected an object with the texts \"role\" and \"content\"");
    }
    messages.emplace_back();
    messages.back().role = *role;
    messages.back().content = *content;
  }
  return messages;
}

}  // namespace cli
