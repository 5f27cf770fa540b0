// SPDX-License-Identifier: Apache-2.0
// One row of the option table: a dotted name bound to a field of an options struct.
//
//   option<&Options::threads, &ThreadOptions::count>(
//       "threads.count", "Threads that compute; 0: one per usable core.", {0, 1024}, "threads")
//
// The member pointers lead from the root struct to the field. The kind follows from the field's
// type, except that bytes_option() reads sizes and enum_option() takes the enumerators' words. The
// default is whatever the field's own initialiser says, so that it cannot drift. All strings given
// must be literals.
#pragma once

#include <chrono>
#include <concepts>
#include <optional>
#include <type_traits>

#include "config/value.h"

namespace llmos::config {

struct Range {  // inclusive; of each element when the option is a list
  Value low;
  Value high;
};

struct Option {
  std::string_view name;
  std::string_view help;
  std::string_view unit;
  Kind kind;
  std::optional<Range> range;
  std::span<const std::string_view> names;  // of a kEnum, in the order of the enumerators
  const void* root;                         // root_id<> of the struct that the row is for
  Value (*load)(const void* options);
  void (*store)(void* options, const Value& value);
  const void* (*field)(const void* options);  // the address of the bound field
};

// Ok, or "out of range: allowed are 0 to 4096 threads, found 5000".
Status check_range(const Option& option, const Value& value);
// "0 to 4096 threads", "none, advise, explicit" or the kind.
std::string allowed_text(const Option& option);

// Tells the root types of tables apart; its address counts.
template <class Root>
inline constexpr char root_id = 0;

template <class T>
struct Between {
  T low;
  T high;
};

namespace detail {

template <class T>
struct MemberOf;
template <class Owner, class T>
struct MemberOf<T Owner::*> {
  using Class = Owner;
  using Type = T;
};

template <auto First, auto... Rest>
struct PathOf {
  using Root = typename MemberOf<decltype(First)>::Class;
  using Field = typename PathOf<Rest...>::Field;
  static auto& resolve(auto& object) { return PathOf<Rest...>::resolve(object.*First); }
};
template <auto Last>
struct PathOf<Last> {
  using Root = typename MemberOf<decltype(Last)>::Class;
  using Field = typename MemberOf<decltype(Last)>::Type;
  static auto& resolve(auto& object) { return object.*Last; }
};

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <class T>
inline constexpr bool is_integers = false;
template <std::integral T>
inline constexpr bool is_integers<std::vector<T>> = !std::same_as<T, bool>;

template <class T>
struct ElementOf {
  using Type = T;
};
template <class T>
struct ElementOf<std::vector<T>> {
  using Type = T;
};

// A field's kind; enums and sizes are told by the factory.
template <class T>
constexpr Kind kind_of() {
  if constexpr (std::same_as<T, bool>)
    return Kind::kBool;
  else if constexpr (std::is_enum_v<T>)
    return Kind::kEnum;
  else if constexpr (std::unsigned_integral<T>)
    return Kind::kUnsigned;
  else if constexpr (std::signed_integral<T>)
    return Kind::kInteger;
  else if constexpr (std::floating_point<T>)
    return Kind::kDouble;
  else if constexpr (is_duration<T>)
    return Kind::kDuration;
  else if constexpr (std::same_as<T, std::string>)
    return Kind::kString;
  else if constexpr (is_integers<T>)
    return Kind::kIntegers;
  else
    static_assert(!sizeof(T), "no kind of option for this type of field");
}

template <class T>
Value to_value(const T& field) {
  if constexpr (std::same_as<T, bool>)
    return field;
  else if constexpr (std::is_enum_v<T> || std::unsigned_integral<T>)
    return uint64_t(field);
  else if constexpr (std::signed_integral<T>)
    return int64_t(field);
  else if constexpr (std::floating_point<T>)
    return double(field);
  else if constexpr (is_duration<T>)
    return int64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(field).count());
  else if constexpr (std::same_as<T, std::string>)
    return field;
  else
    return std::vector<int64_t>(field.begin(), field.end());
}

// Precondition: the value was checked against a range made of this field's type.
template <class T>
void from_value(const Value& value, T& field) {
  if constexpr (std::same_as<T, bool>)
    field = std::get<bool>(value);
  else if constexpr (std::is_enum_v<T> || std::unsigned_integral<T>)
    field = static_cast<T>(std::get<uint64_t>(value));
  else if constexpr (std::signed_integral<T>)
    field = static_cast<T>(std::get<int64_t>(value));
  else if constexpr (std::floating_point<T>)
    field = static_cast<T>(std::get<double>(value));
  else if constexpr (is_duration<T>)
    field = std::chrono::duration_cast<T>(std::chrono::nanoseconds(std::get<int64_t>(value)));
  else if constexpr (std::same_as<T, std::string>)
    field = std::get<std::string>(value);
  else {
    const auto& list = std::get<std::vector<int64_t>>(value);
    field.assign(list.begin(), list.end());
  }
}

template <auto... Path>
Option bound_option(std::string_view name, std::string_view help) {
  using At = PathOf<Path...>;
  using Root = typename At::Root;
  Option row{};
  row.name = name;
  row.help = help;
  row.kind = kind_of<typename At::Field>();
  row.root = &root_id<Root>;
  row.load = [](const void* options) {
    return to_value(At::resolve(*static_cast<const Root*>(options)));
  };
  row.store = [](void* options, const Value& value) {
    from_value(value, At::resolve(*static_cast<Root*>(options)));
  };
  row.field = [](const void* options) -> const void* {
    return &At::resolve(*static_cast<const Root*>(options));
  };
  return row;
}

template <auto... Path>
using ElementAt = typename ElementOf<typename PathOf<Path...>::Field>::Type;

}  // namespace detail

// Numbers, durations, and lists of numbers.
template <auto... Path>
Option option(std::string_view name, std::string_view help,
              Between<detail::ElementAt<Path...>> range, std::string_view unit = {}) {
  Option row = detail::bound_option<Path...>(name, help);
  if constexpr (detail::is_integers<typename detail::PathOf<Path...>::Field>) {
    row.range = Range{int64_t(range.low), int64_t(range.high)};
  } else {
    row.range = Range{detail::to_value(range.low), detail::to_value(range.high)};
  }
  row.unit = unit;
  return row;
}

// Booleans and strings.
template <auto... Path>
Option option(std::string_view name, std::string_view help) {
  constexpr Kind kKind = detail::kind_of<typename detail::PathOf<Path...>::Field>();
  static_assert(kKind == Kind::kBool || kKind == Kind::kString, "a number needs its range");
  return detail::bound_option<Path...>(name, help);
}

// A size in bytes, in an unsigned field.
template <auto... Path>
Option bytes_option(std::string_view name, std::string_view help,
                    Between<detail::ElementAt<Path...>> range) {
  static_assert(std::unsigned_integral<detail::ElementAt<Path...>>, "sizes are unsigned");
  Option row = option<Path...>(name, help, range);
  row.kind = Kind::kBytes;
  return row;
}

// An enum whose enumerators are 0, 1, ...; `names` are their words and must have static storage.
template <auto... Path>
Option enum_option(std::string_view name, std::string_view help,
                   std::span<const std::string_view> names) {
  static_assert(std::is_enum_v<typename detail::PathOf<Path...>::Field>);
  Option row = detail::bound_option<Path...>(name, help);
  row.names = names;
  return row;
}

}  // namespace llmos::config
