// SPDX-License-Identifier: Apache-2.0
#include "config/settings.h"

#include <algorithm>

#include "base/os_file.h"
#include "config/toml_file.h"

namespace llmos::config {

namespace {

constexpr std::string_view kTestVariablePrefix = "LLMOS_TEST_";

bool is_dotted_flag(std::string_view argument) {
  return argument.starts_with("--") &&
         argument.substr(0, argument.find('=')).find('.') != argument.npos;
}

}  // namespace

Settings::Settings(const OptionTable& table) : table_(table) {
  for (size_t i = 0; i < table.rows().size(); ++i)
    settings_.push_back({table.default_of(i), Layer::kDefault, "default"});
}

void Settings::read_toml(std::string_view text, std::string_view place) {
  Result<std::vector<TomlEntry>> entries = parse_toml(text);
  if (!entries.ok()) return refuse((Text() << place << ':' << entries.status().message()).str());
  std::stable_sort(entries->begin(), entries->end(),
                   [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
  for (const TomlEntry& entry : *entries) {
    const std::string line = (Text() << place << ':' << entry.line).str();
    const std::optional<size_t> index = table_.find(entry.key);
    if (index) {
      const Option& row = table_.rows()[*index];
      set(*index, convert_toml(row.kind, entry.value, row.names), Layer::kFile, line);
    } else if (!table_.is_section(entry.key)) {
      refuse_unknown(line, entry.key, table_.nearest(entry.key));
    } else if (!entry.is_table) {
      refuse((Text() << line << ": " << entry.key << " is a section: write [" << entry.key
                     << "] above its options")
                 .str());
    }
  }
}

void Settings::read_file(const std::string& path) {
  const Result<std::string> text = os::read_file(path, kFileBytesMax);
  if (!text.ok()) return refuse(text.status().message());
  read_toml(*text, path);
}

void Settings::read_environment(const char* const* environment,
                                std::span<const std::string_view> own) {
  std::vector<bool> seen(settings_.size());
  for (; *environment; ++environment) {
    const std::string_view entry = *environment;
    const std::string_view name = entry.substr(0, entry.find('='));
    const bool is_ours = name.starts_with(kVariablePrefix) &&
                         !name.starts_with(kTestVariablePrefix) && name.size() < entry.size();
    if (!is_ours || std::find(own.begin(), own.end(), name) != own.end()) continue;
    const std::string place = "variable " + printable(name, kNameBytesMax);
    const std::optional<size_t> index = table_.find_variable(name);
    if (!index) {
      refuse_unknown(place, name, table_.nearest_variable(name));
    } else if (!seen[*index]) {
      seen[*index] = true;
      const Option& row = table_.rows()[*index];
      set(*index, parse_value(row.kind, entry.substr(name.size() + 1), row.names), Layer::kVariable,
          place);
    }
  }
}

std::vector<std::string_view> Settings::read_flags(std::span<const char* const> arguments) {
  std::vector<std::string_view> rest;
  while (!arguments.empty()) {
    const std::string_view argument = arguments.front();
    arguments = arguments.subspan(1);
    if (argument == "--") break;
    if (is_dotted_flag(argument)) {
      read_flag(argument.substr(2), arguments);
    } else {
      rest.push_back(argument);
    }
  }
  rest.insert(rest.end(), arguments.begin(), arguments.end());
  return rest;
}

void Settings::read_flag(std::string_view flag, std::span<const char* const>& arguments) {
  const size_t equals = flag.find('=');
  const std::string_view name = flag.substr(0, equals);
  const std::string place = "flag --" + printable(name, kNameBytesMax);
  const std::optional<size_t> index = table_.find(name);
  if (!index) return refuse_unknown(place, name, table_.nearest(name));
  const Option& row = table_.rows()[*index];
  std::string_view value = "true";
  if (equals != flag.npos) {
    value = flag.substr(equals + 1);
  } else if (row.kind != Kind::kBool) {
    if (arguments.empty())
      return refuse((Text() << place << ": its value is missing: write " << place.substr(5)
                            << "=VALUE; allowed are " << allowed_text(row))
                        .str());
    value = arguments.front();
    arguments = arguments.subspan(1);
  }
  set(*index, parse_value(row.kind, value, row.names), Layer::kFlag, place);
}

void Settings::set(size_t index, Result<Value> value, Layer layer, std::string place) {
  const Option& row = table_.rows()[index];
  const Status status = value.ok() ? check_range(row, *value) : value.status();
  if (!status.ok()) {
    Text message;
    message << place << ": " << row.name << ": " << status.message();
    if (!value.ok() && row.range) message << "; allowed are " << allowed_text(row);
    return refuse(std::move(message).str());
  }
  if (layer >= settings_[index].layer) settings_[index] = {*value, layer, std::move(place)};
}

void Settings::refuse_unknown(std::string_view place, std::string_view name,
                              const std::string& nearest) {
  Text message;
  message << place << ": unknown option " << quoted(name);
  if (!nearest.empty()) message << "; did you mean " << nearest << '?';
  refuse(std::move(message).str());
}

void Settings::refuse(std::string message) {
  if (++error_count_ <= kErrorsMax) errors_.push_back(std::move(message));
}

Status Settings::status() const {
  if (error_count_ == 0) return {};
  Text text;
  for (size_t i = 0; i < errors_.size(); ++i) text << (i ? "\n" : "") << errors_[i];
  if (error_count_ > errors_.size())
    text << "\nand " << error_count_ - errors_.size() << " more errors";
  return Status(Code::kInvalid, std::move(text).str());
}

}  // namespace llmos::config
