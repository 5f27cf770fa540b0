// SPDX-License-Identifier: Apache-2.0
// Renders templates for tests/golden/compare_templates.py: on each line of stdin a JSON object
// {"template", "context"}, on each line of stdout {"text"} or {"code", "error"}.
#include <iostream>
#include <string>

#include "base/json.h"
#include "text/chat_template.h"

namespace {

llmos::Json answer(const llmos::Json& job) {
  using namespace llmos;
  const ChatTime now{std::chrono::microseconds(1732199696789012)};  // 2024-11-21 14:34:56.789012
  Json made = Json::object();
  const Result<ChatTemplate> parsed = ChatTemplate::parse(*job.find("template")->if_string());
  const Result<std::string> text = parsed.ok() ? parsed->render(*job.find("context"), now)
                                               : Result<std::string>(parsed.status());
  if (text.ok()) {
    made.set("text", *text);
  } else {
    made.set("code", code_name(text.status().code()));
    made.set("error", text.status().message());
  }
  return made;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const llmos::Result<llmos::Json> job = llmos::parse_json(line);
    if (!job.ok()) {
      std::cerr << job.status().to_string() << '\n';
      return 1;
    }
    std::cout << answer(*job).dump() << '\n';
  }
}
