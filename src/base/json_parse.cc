// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_object.h"
#include "base/text.h"

namespace llmos {

namespace {

// Feeds the parser and tells us how far it has read: SAX events carry no position.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** furthest;

  reference operator*() const { return *at; }
  CountingIterator& operator++() {
    *furthest = ++at;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at == other.at; }
  bool operator!=(const CountingIterator& other) const { return at != other.at; }
};

// "line 3, column 14: " of the byte at `offset`.
std::string place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t newline = before.rfind('\n');
  const size_t line_start = newline == before.npos ? 0 : newline + 1;
  return (Text() << "line " << 1 + std::count(before.begin(), before.end(), '\n') << ", column "
                 << before.size() - line_start + 1 << ": ")
      .str();
}

// The last bytes up to `offset`, printable and few: whatever the text, the message stays a line.
std::string excerpt(std::string_view text, size_t offset) {
  constexpr size_t kExcerptBytes = 24;
  const size_t end = std::min(text.size(), offset + 1);
  std::string piece(text.substr(end - std::min(end, kExcerptBytes), std::min(end, kExcerptBytes)));
  std::replace_if(
      piece.begin(), piece.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return piece;
}

// What nlohmann's message says beside its prefix and the token, which may be megabytes of anything.
std::string core_of(std::string_view what, std::string_view token) {
  static constexpr std::string_view kBeforeToken = "; last read: '";
  if (const size_t column = what.find("column "); column != what.npos) {
    what.remove_prefix(std::min(what.size(), what.find(": ", column) + 2));
  } else if (const size_t bracket = what.find("] "); bracket != what.npos) {
    what.remove_prefix(bracket + 2);
  }
  const size_t before = what.find(kBeforeToken);
  if (before == what.npos) return std::string(what.substr(0, what.find(" parsing '")));
  const size_t after = before + kBeforeToken.size() + token.size() + 1;
  return std::string(what.substr(0, before)).append(what.substr(std::min(what.size(), after)));
}

}  // namespace

// Builds the value from the parser's events. A false answer stops the parser; status() says why.
class JsonBuilder {
 public:
  JsonBuilder(std::string_view text, const JsonLimits& limits)
      : text_(text), limits_(limits), read_(text.data()) {}

  const char** furthest() { return &read_; }
  const Status& status() const { return status_; }
  Json take() { return std::move(root_); }

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(int64_t value) { return add(Json(value)); }
  bool number_unsigned(uint64_t value) { return add(Json(value)); }
  bool number_float(double value, const std::string&) { return add(Json(value)); }
  bool string(std::string& value) { return add(Json(std::move(value))); }
  bool binary(nlohmann::json::binary_t&) { return false; }  // never in a text

  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_array() { return close(); }
  bool key(std::string& key) {
    open_.back().key = std::move(key);
    open_.back().key_ends.push_back(last_read());
    return true;
  }
  bool end_object() {
    const Container& container = open_.back();
    Json::Object& object = object_of(container.value);
    object.sort_keys();
    if (const auto duplicate = object.find_duplicate()) {
      const std::string& key = object.members[*duplicate].key;
      return fail(Code::kCorrupt, container.key_ends[*duplicate],
                  Text() << "expected each key once, found a second "
                         << Json(std::string_view(key).substr(0, kKeyBytesShown)).dump());
    }
    return close();
  }

  bool parse_error(size_t position, const std::string& token,
                   const nlohmann::json::exception& error) {
    const size_t offset = std::min(position > 0 ? position - 1 : 0, text_.size());
    return fail(
        Code::kCorrupt, offset,
        Text() << core_of(error.what(), token) << ", near '" << excerpt(text_, offset) << '\'');
  }

 private:
  static constexpr size_t kKeyBytesShown = 64;

  struct Container {
    Json value;
    std::string key;               // of the member being read
    std::vector<size_t> key_ends;  // where each key ended, for the message about a duplicate
  };

  static Json::Object& object_of(const Json& json) {
    return **std::get_if<std::unique_ptr<Json::Object>>(&json.value_);
  }

  size_t last_read() const { return size_t(std::max<std::ptrdiff_t>(1, read_ - text_.data()) - 1); }

  bool fail(Code code, size_t offset, const Text& message) {
    status_ = Status(code, place_of(text_, offset) + message.str());
    return false;
  }

  bool count() {
    if (values_++ < limits_.values_max) return true;
    return fail(Code::kExhausted, last_read(),
                Text() << "expected at most " << limits_.values_max
                       << " values, found more; raise the limit if the text is trusted");
  }

  bool open(Json container) {
    if (!count()) return false;
    if (open_.size() >= size_t(std::max(0, limits_.depth_max))) {
      return fail(Code::kExhausted, last_read(),
                  Text() << "expected at most " << limits_.depth_max
                         << " levels of arrays and objects, found more");
    }
    open_.push_back({std::move(container), {}, {}});
    return true;
  }

  bool close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    place(std::move(value));
    return true;
  }

  bool add(Json value) {
    if (!count()) return false;
    place(std::move(value));
    return true;
  }

  void place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Container& container = open_.back(); container.value.is_array()) {
      container.value.push_back(std::move(value));
    } else {
      object_of(container.value).members.push_back({std::move(container.key), std::move(value)});
    }
  }

  const std::string_view text_;
  const JsonLimits limits_;
  const char* read_;
  size_t values_ = 0;
  std::vector<Container> open_;
  Json root_;
  Status status_;
};

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return Status(Code::kExhausted, (Text() << "expected at most " << bytes_text(limits.bytes_max)
                                            << " of JSON, found " << bytes_text(text.size()))
                                        .str());
  }
  try {
    JsonBuilder builder(text, limits);
    const CountingIterator first{text.data(), builder.furthest()};
    const CountingIterator last{text.data() + text.size(), builder.furthest()};
    if (!nlohmann::json::sax_parse(first, last, &builder)) {
      return builder.status().ok() ? Status(Code::kInternal, "JSON parser stopped without a reason")
                                   : builder.status();
    }
    return builder.take();
  } catch (const std::bad_alloc&) {
    return Status(
        Code::kExhausted,
        (Text() << "out of memory reading " << bytes_text(text.size()) << " of JSON").str());
  } catch (const std::exception& error) {
    return Status(Code::kInternal, (Text() << "JSON parser: " << error.what()).str());
  }
}

}  // namespace llmos
