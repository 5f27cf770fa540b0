// SPDX-License-Identifier: Apache-2.0
// FunctionRef: a callable passed down a call, without owning it and without allocating.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace llmos {

template <class Signature>
class FunctionRef;

// Refers to a callable that must outlive it: take it as a parameter, do not keep it. Two words,
// copied by value. Calling it from several threads is as safe as calling the callable so.
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> &&
           std::is_invocable_r_v<R, F&, Args...>) FunctionRef(F&& callable)
  noexcept
      : callable_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::add_pointer_t<std::remove_reference_t<F>>>(object))(
              std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(callable_, std::forward<Args>(args)...); }

 private:
  void* callable_;
  R (*call_)(void*, Args...);
};

}  // namespace llmos
