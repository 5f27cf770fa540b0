// SPDX-License-Identifier: Apache-2.0
#include "arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace cli {
namespace {

std::string column(std::string text) {
  constexpr size_t kHelpColumn = 26;
  text.resize(std::max(text.size() + 1, kHelpColumn), ' ');
  return text;
}

// "  also --a N, --b X," and as many lines more as a terminal of 100 columns needs.
std::string rare_lines(const std::vector<std::string>& words) {
  constexpr size_t kColumns = 100;
  std::string text, line = "  also";
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word = ' ' + words[i] + (i + 1 < words.size() ? "," : "");
    if (line.size() + word.size() > kColumns) {
      text += std::exchange(line, "      ") + '\n';
    }
    line += word;
  }
  return words.empty() ? text : text + line + '\n';
}

const Flag& find_flag(const Usage& usage, std::string_view name) {
  for (const Flag& flag : usage.flags) {
    if (flag.name == name) return flag;
  }
  throw UsageError{"unknown flag " + std::string(name) + " (--help lists them)"};
}

template <class T>
T parse_number(std::string_view text, const std::string& what, const char* expected) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw UsageError{what + ": expected " + expected + ", found \"" + std::string(text) + "\""};
  }
  return value;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

}  // namespace

std::string help_text(const Usage& usage) {
  std::string text = usage.purpose;
  text += "\n\nusage: ";
  text += usage.summary;
  text += "\n\n";
  std::vector<std::string> rare;
  for (const Flag& flag : usage.flags) {
    std::string word = flag.name;
    if (flag.value) word += ' ' + std::string(flag.value);
    if (!flag.help) {
      rare.push_back(std::move(word));
    } else {
      text += column("  " + std::move(word)) + flag.help + '\n';
    }
  }
  text += rare_lines(rare);
  return text + "\nexample: " + usage.example + '\n';
}

Arguments::Arguments(const Usage& usage, std::span<char* const> words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i];
    if (!word.starts_with("--")) {
      places_.push_back(word);
      continue;
    }
    const size_t equals = word.find('=');
    const Flag& flag = find_flag(usage, std::string_view(word).substr(0, equals));
    const bool inline_value = equals != std::string::npos;
    if (!flag.value && inline_value) throw UsageError{std::string(flag.name) + " takes no value"};
    if (flag.value && !inline_value && i + 1 == words.size()) {
      throw UsageError{std::string(flag.name) + ": expected a value behind it"};
    }
    auto& values = values_[flag.name];
    if (!flag.value) {
      values.emplace_back();
    } else {
      values.push_back(inline_value ? word.substr(equals + 1) : std::string(words[++i]));
    }
  }
  if (places_.size() != usage.places.size()) {
    throw UsageError{"expected " + std::string(usage.summary) + ", found " +
                     std::to_string(places_.size()) + " words without a flag"};
  }
}

bool Arguments::has(std::string_view flag) const { return values_.find(flag) != values_.end(); }

std::string Arguments::required(std::string_view flag) const {
  if (!has(flag)) throw UsageError{std::string(flag) + " is required"};
  return text(flag);
}

std::string Arguments::text(std::string_view flag, const std::string& otherwise) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? otherwise : found->second.back();
}

std::vector<std::string> Arguments::all(std::string_view flag) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

uint64_t Arguments::natural(std::string_view flag, uint64_t otherwise, uint64_t most) const {
  if (!has(flag)) return otherwise;
  const auto value = parse_number<uint64_t>(text(flag), std::string(flag), "a whole number");
  if (value > most) {
    throw UsageError{std::string(flag) + ": expected at most " + std::to_string(most)};
  }
  return value;
}

double Arguments::number(std::string_view flag, double otherwise) const {
  if (!has(flag)) return otherwise;
  const auto value = parse_number<double>(text(flag), std::string(flag), "a number");
  if (!std::isfinite(value)) throw UsageError{std::string(flag) + ": expected a finite number"};
  return value;
}

std::vector<int32_t> parse_ids(std::string_view text, const std::string& what) {
  std::vector<int32_t> ids;
  text = trimmed(text);
  while (!text.empty()) {
    const size_t comma = text.find(',');
    ids.push_back(parse_number<int32_t>(trimmed(text.substr(0, comma)), what, "ids like 1,2,3"));
    if (comma == std::string_view::npos) break;
    text = trimmed(text.substr(comma + 1));
    if (text.empty()) throw UsageError{what + ": expected an id behind the last comma"};
  }
  return ids;
}

}  // namespace cli
