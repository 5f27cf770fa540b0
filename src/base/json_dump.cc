// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>

#include "base/json.h"
#include "base/text.h"

namespace llmos {

namespace {

void write_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    size_t bytes = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      static constexpr std::string_view kShort = "\b\f\n\r\t", kLetters = "bfnrt";
      const size_t short_form = kShort.find(c);
      out += '\\';
      if (short_form != kShort.npos) {
        out += kLetters[short_form];
      } else {
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
      }
    } else if (const size_t valid = utf8_character_bytes(text)) {
      bytes = valid;
      out += text.substr(0, bytes);
    } else {
      out += "\xEF\xBF\xBD";
    }
    text.remove_prefix(bytes);
  }
  out += '"';
}

void write_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  const std::string_view text(digits, size_t(end - digits));
  out += text;
  if (text.find_first_of(".e") == text.npos) out += ".0";  // reads back as a double
}

void write_scalar(std::string& out, const Json& json) {
  switch (json.kind()) {
    case Json::Kind::kBool:
      out += *json.if_bool() ? "true" : "false";
      return;
    case Json::Kind::kInt:
      out += std::to_string(*json.if_int64());
      return;
    case Json::Kind::kUint:
      out += std::to_string(*json.if_uint64());
      return;
    case Json::Kind::kDouble:
      return write_double(out, *json.if_double());
    case Json::Kind::kString:
      return write_string(out, *json.if_string());
    case Json::Kind::kNull:
    case Json::Kind::kArray:
    case Json::Kind::kObject:
      break;
  }
  out += "null";
}

// Walks the tree with a stack of its own, so that no depth can overflow the thread's.
class Writer {
 public:
  explicit Writer(int spaces) : spaces_(spaces) {}

  std::string write(const Json& root) && {
    value(root);
    while (!open_.empty()) {
      if (!next_child()) close();
    }
    return std::move(out_);
  }

 private:
  struct Container {
    const Json* json;
    size_t next = 0;
  };

  void value(const Json& json) {
    if (!json.is_array() && !json.is_object()) return write_scalar(out_, json);
    out_ += json.is_array() ? '[' : '{';
    open_.push_back({&json});
  }

  bool next_child() {
    Container& top = open_.back();
    const auto items = top.json->items();
    const auto members = top.json->members();
    if (top.next == items.size() + members.size()) return false;
    if (top.next > 0) out_ += ',';
    new_line();
    const size_t index = top.next++;
    if (!members.empty()) {
      write_string(out_, members[index].key);
      out_ += spaces_ > 0 ? ": " : ":";
    }
    value(members.empty() ? items[index] : members[index].value);
    return true;
  }

  void close() {
    const Container top = open_.back();
    open_.pop_back();
    if (top.next > 0) new_line();
    out_ += top.json->is_array() ? ']' : '}';
  }

  void new_line() {
    if (spaces_ <= 0) return;
    out_ += '\n';
    out_.append(open_.size() * size_t(spaces_), ' ');
  }

  const int spaces_;  // 0: compact
  std::string out_;
  std::vector<Container> open_;
};

}  // namespace

std::string Json::dump() const { return Writer(0).write(*this); }

std::string Json::dump_indented(int spaces) const { return Writer(spaces).write(*this); }

}  // namespace llmos
