# SPDX-License-Identifier: Apache-2.0
#
# cmake -DSTEP=<step> ... -P consume.cmake, with the variables that CMakeLists.txt beside this file passes:
#   prefix_<linkage>         installs LLMOS into ${WORK_DIR}/<linkage>/prefix, building it first where this tree is
#                            of the other linkage
#   find_package_<linkage>   builds and runs consumer_find_package against that prefix
#   pkg_config_<linkage>     builds and runs consumer.cc with the flags of pkg-config
#   subdirectory_<linkage>   builds and runs consumer_subdirectory
#   symbols                  reads what the shared library exports
cmake_minimum_required(VERSION 3.25)

string(REGEX MATCH "static|shared" linkage "${STEP}")
set(work ${WORK_DIR}/${linkage})
set(prefix ${work}/prefix)
set(toolchain -G ${GENERATOR} -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER} -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
              -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER})
if(linkage STREQUAL "shared")
  set(shared ON)
else()
  set(shared OFF)
endif()

set(same_flags -DCMAKE_BUILD_TYPE=${CONFIG} -DBUILD_SHARED_LIBS=${shared} -DLLMOS_WERROR=${LLMOS_WERROR}
               -DLLMOS_ASSERTIONS=${LLMOS_ASSERTIONS} -DLLMOS_CUDA=OFF)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE rc OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(rc)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "${line}\nended with ${rc}:\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

# The two linkages share every object: modules are always position-independent.
function(step_prefix)
  set(tree ${BUILD_DIR})
  if(NOT LINKAGE STREQUAL linkage)
    set(tree ${work}/llmos)
    run(${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${tree} ${toolchain} ${same_flags}
        -DLLMOS_BUILD_TESTS=OFF -DLLMOS_BUILD_BENCH=OFF -DLLMOS_BUILD_EXAMPLES=OFF)
    run(${CMAKE_COMMAND} --build ${tree} --target llmos)
  endif()
  # Installed to one place and moved to another: the package must not remember where it was.
  file(REMOVE_RECURSE ${prefix} ${work}/staged)
  run(${CMAKE_COMMAND} --install ${tree} --prefix ${work}/staged)
  file(RENAME ${work}/staged ${prefix})
  file(GLOB_RECURSE installed RELATIVE ${prefix}/include ${prefix}/include/*)
  file(GLOB_RECURSE public RELATIVE ${SOURCE_DIR}/include ${SOURCE_DIR}/include/*.h)
  if(NOT installed STREQUAL public)
    message(FATAL_ERROR "expected exactly the public headers, found: ${installed}")
  endif()
endfunction()

function(step_find_package)
  run(${CMAKE_COMMAND} -S ${SOURCE_DIR}/tests/install/consumer_find_package -B ${work}/find_package ${toolchain}
      -DCMAKE_PREFIX_PATH=${prefix} -DLLMOS_EXPECTED_VERSION=${VERSION})
  run(${CMAKE_COMMAND} --build ${work}/find_package)
  run(${work}/find_package/consumer)
  message("${out}")
endfunction()

function(step_pkg_config)
  find_program(pkg_config pkg-config)
  if(NOT pkg_config)
    message("SKIPPED: pkg-config is not installed")
    return()
  endif()
  file(GLOB_RECURSE pc ${prefix}/llmos.pc)
  cmake_path(GET pc PARENT_PATH pc_dir)
  set(ENV{PKG_CONFIG_PATH} ${pc_dir})
  set(kind --libs)
  if(NOT shared)
    set(kind --static --libs)
  endif()
  run(${pkg_config} --cflags ${kind} llmos)
  separate_arguments(flags UNIX_COMMAND "${out}")
  cmake_path(GET pc_dir PARENT_PATH lib_dir)
  run(${CMAKE_CXX_COMPILER} -std=c++20 -DLLMOS_EXPECTED_VERSION="${VERSION}"
      ${SOURCE_DIR}/tests/install/consumer.cc -o ${work}/pkg_config_consumer ${flags} -Wl,-rpath,${lib_dir})
  run(${work}/pkg_config_consumer)
  message("${out}")
endfunction()

# Once configured as a host does that knows nothing of LLMOS's options; the consumer checks what it finds. Then built by
# the flags of this tree, whose objects the compiler cache has.
function(step_subdirectory)
  set(consumer ${SOURCE_DIR}/tests/install/consumer_subdirectory)
  set(host ${toolchain} -DLLMOS_SOURCE_DIR=${SOURCE_DIR} -DLLMOS_EXPECTED_VERSION=${VERSION})
  file(REMOVE_RECURSE ${work}/embedded)
  run(${CMAKE_COMMAND} -S ${consumer} -B ${work}/embedded ${host} -DCHECK_DEFAULTS=ON)
  run(${CMAKE_COMMAND} -S ${consumer} -B ${work}/subdirectory ${host} ${same_flags})
  run(${CMAKE_COMMAND} --build ${work}/subdirectory)
  run(${work}/subdirectory/consumer)
  message("${out}")
endfunction()

# Exported may be what LLMOS_API marks, and the type information and tables of those classes.
function(step_symbols)
  find_program(nm nm REQUIRED)
  file(GLOB_RECURSE library ${WORK_DIR}/shared/prefix/libllmos.so)
  run(${nm} -D --defined-only -C ${library})
  string(REPLACE ";" "," out "${out}")
  string(REGEX REPLACE "\n$" "" out "${out}")
  string(REPLACE "\n" ";" lines "${out}")
  set(offenders "")
  set(own 0)
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "^[0-9a-f]+ [A-Za-z] (.+)$")
      message(FATAL_ERROR "expected a line of nm -D, found: ${line}")
    endif()
    set(name "${CMAKE_MATCH_1}")
    if(name MATCHES "^((typeinfo|typeinfo name|vtable|VTT|guard variable) for )?llmos::|^llmos_")
      math(EXPR own "${own} + 1")
    else()
      list(APPEND offenders "${line}")
    endif()
    # A class that no public header knows: were it visible, everything would be.
    if(name MATCHES "llmos::(Text|detail::CheckFailure)::")
      list(APPEND offenders "${line}")
    endif()
  endforeach()
  if(offenders)
    list(JOIN offenders "\n" offenders)
    message(FATAL_ERROR "exported, but not of the public API:\n${offenders}")
  endif()
  if(NOT out MATCHES "llmos::version\\(\\)")
    message(FATAL_ERROR "llmos::version() is not exported; found:\n${out}")
  endif()
  message("${own} symbols of LLMOS exported, no others")
endfunction()

if(STEP STREQUAL "symbols")
  step_symbols()
else()
  string(REGEX REPLACE "_(static|shared)$" "" step "${STEP}")
  cmake_language(CALL step_${step})
endif()
