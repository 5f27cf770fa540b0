# SPDX-License-Identifier: Apache-2.0
#
# Third-party packages (each one's reason: CONTRIBUTING.md) and the flags of our own targets.

# Global, because a host that embeds LLMOS links the static library from a directory above this one.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(TBB REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)

# Flags of LLMOS's own translation units; never exported to users.
add_library(llmos_build_flags INTERFACE)
target_compile_options(llmos_build_flags INTERFACE
  -Wall -Wextra -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
  -Wimplicit-fallthrough -Wundef
  # False positives of g++ 12 on std::string concatenation at -O3 (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<BOOL:${LLMOS_WERROR}>:-Werror>)
# Debug information does not say in which tree it was compiled. So equal objects of two trees are equal files, and the
# compiler cache knows it: tests/install builds the library again for nothing.
target_compile_options(llmos_build_flags INTERFACE -fdebug-prefix-map=${CMAKE_BINARY_DIR}=.)

# The assertion level is a property of the build, seen by all of our units alike.
if(LLMOS_ASSERTIONS STREQUAL "AUTO")
  target_compile_definitions(llmos_build_flags INTERFACE LLMOS_ASSERTIONS=$<IF:$<CONFIG:Debug>,2,0>)
else()
  target_compile_definitions(llmos_build_flags INTERFACE LLMOS_ASSERTIONS=${LLMOS_ASSERTIONS})
endif()

if(LLMOS_SANITIZE)
  # Instrumented code hides from g++ 12 what initialises a variable (in Eigen): its warning would be wrong.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(llmos_build_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  add_compile_options(-fsanitize=${LLMOS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LLMOS_SANITIZE})
  # g++ takes the sanitizers' own code for uses of uninitialised values (its manual, -fsanitize=address); the plain
  # builds keep the warning.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(LLMOS_BUILD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "LLMOS_BUILD_FUZZ needs clang (found ${CMAKE_CXX_COMPILER_ID}): use the preset 'fuzz'")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(LLMOS_MPI)
  find_package(MPI QUIET COMPONENTS CXX)
  if(NOT MPI_CXX_FOUND)
    message(FATAL_ERROR "LLMOS_MPI=ON, but no MPI for C++ was found. Install one (libopenmpi-dev) or set MPI_HOME.")
  endif()
endif()

# AUTO takes CUDA when a compiler is there; ON insists; OFF never looks.
if(NOT LLMOS_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "LLMOS_CUDA=${LLMOS_CUDA}: expected AUTO, ON or OFF.")
endif()
set(LLMOS_HAS_CUDA OFF)
if(NOT LLMOS_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(LLMOS_HAS_CUDA ON)
  elseif(LLMOS_CUDA STREQUAL "ON")
    message(FATAL_ERROR "LLMOS_CUDA=ON, but no CUDA compiler was found. Put nvcc on PATH or set CUDACXX.")
  endif()
endif()
if(LLMOS_NCCL AND NOT LLMOS_HAS_CUDA)
  message(FATAL_ERROR "LLMOS_NCCL=ON needs the CUDA backend, which is off (LLMOS_CUDA=${LLMOS_CUDA}).")
endif()
