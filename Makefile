# SPDX-License-Identifier: Apache-2.0
#
# The front door. Everything behind it is CMake (CMakePresets.json): use the presets directly for daily work.
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help deps deps-bench test demo examples bench format clean

JOBS ?= $(shell nproc)

# $(call configure,preset,options): once; from then on ninja calls cmake itself when a list file changes. A first try
# that failed (no build.ninja) starts afresh, for CMake remembers what it did not find.
define configure
if [ ! -f build/$(1)/build.ninja ]; then \
  rm -f build/$(1)/CMakeCache.txt; \
  launcher=$$(command -v ccache || true); \
  mkdir -p build/$(1); \
  cmake --preset $(1) $${launcher:+-DCMAKE_CXX_COMPILER_LAUNCHER=$$launcher} $(2) > build/$(1)/configure.log; \
fi
endef

help:
	@echo 'make test    install what is missing, build, run every test        (build/dev)'
	@echo 'make demo    install what is missing, build, tell a story (build/release; SEED=2: another)'
	@echo 'make examples  build and run the examples                          (build/release)'
	@echo 'make bench   build and run the benchmarks                          (build/release/bench/results)'
	@echo 'make deps    install the packages that the build needs (Debian 12; root or sudo)'
	@echo 'make format  clang-format every C++ file'
	@echo 'make clean   remove build/'

deps:
	@.ci/install_packages build

deps-bench:
	@.ci/install_packages build bench

test: deps
	@$(call configure,dev,-DLLMOS_BUILD_BENCH=OFF)
	@cmake --build build/dev -j $(JOBS) | .ci/progress
	@ctest --test-dir build/dev -j $(JOBS) --output-on-failure | tee build/dev/ctest.log | .ci/progress

demo: deps
	@$(call configure,release,-DLLMOS_BUILD_TESTS=OFF -DLLMOS_BUILD_BENCH=OFF)
	@cmake --build build/release --target example_00_story llmos_tool -j $(JOBS) | .ci/progress
	@build/release/examples/example_00_story $(SEED)

examples: deps
	@$(call configure,release,-DLLMOS_BUILD_TESTS=OFF -DLLMOS_BUILD_BENCH=OFF)
	@cmake --build build/release --target examples -j $(JOBS) | .ci/progress
	@examples/run_examples.sh build/release/examples

bench: deps-bench
	@$(call configure,release,-DLLMOS_BUILD_TESTS=OFF)
	@cmake -DLLMOS_BUILD_BENCH=ON build/release > build/release/configure.log  # `make demo` has it off
	@cmake --build build/release -j $(JOBS) | .ci/progress
	@bench/run_bench.sh build/release

format:
	@.ci/install_packages format
	@.ci/format -i

clean:
	rm -rf build
