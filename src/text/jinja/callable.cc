// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/callable.h"

#include <algorithm>

#include "text/jinja/failure.h"

namespace llmos::jinja {

Value Arguments::take(std::string_view name) {
  const auto found = std::find_if(keywords.begin(), keywords.end(),
                                  [&](const Named& named) { return named.name == name; });
  if (found == keywords.end()) return Value();
  const Value value = found->value;
  keywords.erase(found);
  return value;
}

void bind(const Builtin& builtin, Arguments& arguments) {
  if (builtin.parameters == "*") return;
  std::string_view rest = builtin.parameters;
  const size_t given = arguments.positional.size();
  size_t count = 0;
  for (; !rest.empty(); ++count) {
    std::string_view name = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    const bool optional = name.ends_with('?');
    if (optional) name.remove_suffix(1);
    if (count < given) continue;
    arguments.positional.push_back(builtin.keywords ? arguments.take(name) : Value());
    if (arguments.positional.back().missing() && !optional) {
      fail_type(Text() << builtin.name << ": the argument '" << name << "' is missing");
    }
  }
  if (given > count) {
    fail_type(Text() << builtin.name << ": expected at most " << count << " arguments, found "
                     << given);
  }
  if (!arguments.keywords.empty()) {
    fail_type(Text() << builtin.name << ": unexpected argument '" << arguments.keywords[0].name
                     << "'");
  }
}

}  // namespace llmos::jinja
