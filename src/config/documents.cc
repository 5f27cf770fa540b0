// SPDX-License-Identifier: Apache-2.0
#include "config/documents.h"

#include <algorithm>

namespace llmos::config {

namespace {

std::string_view section_of(std::string_view name) { return name.substr(0, name.rfind('.')); }
std::string_view key_of(std::string_view name) { return name.substr(name.rfind('.') + 1); }

// A TOML basic string; bytes that are no UTF-8, which TOML cannot say, become U+FFFD.
std::string toml_string(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  Text out;
  out << '"';
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = utf8_character_bytes(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    if (bytes == 0) {
      out << "\xef\xbf\xbd";
    } else if (byte < 0x20 || byte == 0x7f) {
      out << "\\u00" << kHex[byte >> 4] << kHex[byte & 15];
    } else {
      if (byte == '"' || byte == '\\') out << '\\';
      out << text.substr(i, bytes);
    }
    i += std::max<size_t>(bytes, 1);
  }
  return std::move(out << '"').str();
}

std::string toml_value(const Option& row, const Value& value) {
  const std::string text = format_value(row.kind, value, row.names);
  switch (row.kind) {
    case Kind::kBytes:
    case Kind::kDuration:
      return text == "0" ? text : toml_string(text);
    case Kind::kEnum:
    case Kind::kString:
      return toml_string(text);
    case Kind::kIntegers:
      return '[' + text + ']';
    case Kind::kDouble:
    case Kind::kBool:
    case Kind::kInteger:
    case Kind::kUnsigned:
      break;
  }
  return text;
}

std::string default_text(const OptionTable& table, size_t index) {
  const Option& row = table.rows()[index];
  const std::string text = format_value(row.kind, table.default_of(index), row.names);
  return text.empty() ? "empty" : text;
}

// Calls `begin(section)` before the first row of each section, and `row(index)` for each row.
template <class Begin, class Row>
void for_each_row(const OptionTable& table, Begin&& begin, Row&& row) {
  std::string_view section;
  for (size_t i = 0; i < table.rows().size(); ++i) {
    const std::string_view next = section_of(table.rows()[i].name);
    if (i == 0 || next != section) begin(section = next);
    row(i);
  }
}

}  // namespace

std::string reference_markdown(const OptionTable& table) {
  Text text;
  for_each_row(
      table,
      [&](std::string_view section) {
        text << "\n## " << section << "\n\n| option | default | allowed | meaning | variable |\n"
             << "|---|---|---|---|---|\n";
      },
      [&](size_t i) {
        const Option& row = table.rows()[i];
        text << "| `" << row.name << "` | " << default_text(table, i) << " | " << allowed_text(row)
             << " | " << row.help << " | `" << variable_name(row.name) << "` |\n";
      });
  return std::move(text).str().substr(table.rows().empty() ? 0 : 1);
}

std::string help_text(const OptionTable& table) {
  Text text;
  for (size_t i = 0; i < table.rows().size(); ++i) {
    const Option& row = table.rows()[i];
    text << "  --" << row.name << "=VALUE\n      " << row.help
         << "\n      Allowed: " << allowed_text(row) << ". Default: " << default_text(table, i)
         << ".\n";
  }
  return std::move(text).str();
}

std::string example_toml(const OptionTable& table) {
  Text text;
  for_each_row(
      table, [&](std::string_view section) { text << '[' << section << "]\n"; },
      [&](size_t i) {
        const Option& row = table.rows()[i];
        text << "# " << row.help << " Allowed: " << allowed_text(row) << ".\n#" << key_of(row.name)
             << " = " << toml_value(row, table.default_of(i)) << "\n\n";
      });
  return std::move(text).str();
}

std::string dump_toml(const Settings& settings) {
  Text text;
  for_each_row(
      settings.table(), [&](std::string_view section) { text << '[' << section << "]\n"; },
      [&](size_t i) {
        const Option& row = settings.table().rows()[i];
        const Setting& setting = settings.settings()[i];
        text << key_of(row.name) << " = " << toml_value(row, setting.value) << "  # "
             << printable(setting.place, kValueBytesMax) << '\n';
      });
  return std::move(text).str();
}

}  // namespace llmos::config
