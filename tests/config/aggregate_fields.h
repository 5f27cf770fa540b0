// SPDX-License-Identifier: Apache-2.0
// Visits every leaf field of an aggregate, nested aggregates included, without naming the fields:
// the compiler is asked how many initialisers the aggregate takes (arity), and structured bindings
// take it apart. Arrays as fields are not supported; such a struct does not compile here.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

namespace llmos::test {

struct AnyField {
  template <class T>
  operator T() const;
};

template <class T, size_t... I>
constexpr bool takes_initialisers(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyField{})...}; };
}

inline constexpr size_t kArityMax = 12;

// The largest number of initialisers that T takes.
template <class T, size_t N = kArityMax + 1>
constexpr size_t arity() {
  if constexpr (takes_initialisers<T>(std::make_index_sequence<N>())) {
    static_assert(N <= kArityMax, "more fields than visit_fields() takes apart");
    return N;
  } else {
    return arity<T, N - 1>();
  }
}

// Calls visit(field) for each direct field.
template <class T, class Visit>
void visit_fields(const T& s, Visit&& visit) {
  constexpr size_t kFields = arity<T>();
  const auto each = [&](const auto&... fields) { (visit(fields), ...); };
  if constexpr (kFields == 1) {
    const auto& [a] = s;
    each(a);
  } else if constexpr (kFields == 2) {
    const auto& [a, b] = s;
    each(a, b);
  } else if constexpr (kFields == 3) {
    const auto& [a, b, c] = s;
    each(a, b, c);
  } else if constexpr (kFields == 4) {
    const auto& [a, b, c, d] = s;
    each(a, b, c, d);
  } else if constexpr (kFields == 5) {
    const auto& [a, b, c, d, e] = s;
    each(a, b, c, d, e);
  } else if constexpr (kFields == 6) {
    const auto& [a, b, c, d, e, f] = s;
    each(a, b, c, d, e, f);
  } else if constexpr (kFields == 7) {
    const auto& [a, b, c, d, e, f, g] = s;
    each(a, b, c, d, e, f, g);
  } else if constexpr (kFields == 8) {
    const auto& [a, b, c, d, e, f, g, h] = s;
    each(a, b, c, d, e, f, g, h);
  } else if constexpr (kFields == 9) {
    const auto& [a, b, c, d, e, f, g, h, i] = s;
    each(a, b, c, d, e, f, g, h, i);
  } else if constexpr (kFields == 10) {
    const auto& [a, b, c, d, e, f, g, h, i, j] = s;
    each(a, b, c, d, e, f, g, h, i, j);
  } else if constexpr (kFields == 11) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k] = s;
    each(a, b, c, d, e, f, g, h, i, j, k);
  } else if constexpr (kFields == 12) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l] = s;
    each(a, b, c, d, e, f, g, h, i, j, k, l);
  } else {
    static_assert(kFields == 0);
  }
}

// Calls visit(address, path) for each leaf; path is "2.0" for the first field of the third.
template <class T, class Visit>
void visit_leaves(const T& s, Visit&& visit, const std::string& parent = "") {
  size_t index = 0;
  visit_fields(s, [&](const auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    const std::string path = parent + (parent.empty() ? "" : ".") + std::to_string(index++);
    if constexpr (std::is_class_v<Field> && std::is_aggregate_v<Field>) {
      visit_leaves(field, visit, path);
    } else {
      visit(static_cast<const void*>(&field), path);
    }
  });
}

}  // namespace llmos::test
