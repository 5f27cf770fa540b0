# SPDX-License-Identifier: Apache-2.0
#
# The house rule, kept by the build: every folder has a floor, and may depend only on lower floors.
#
#   llmos_module(kv FLOOR 4
#                DEPS base sync memory         # other modules, each on a lower floor
#                HEADERS kv.h                  # public headers (include/llmos/...) that this folder implements
#                SOURCES block_pool.cc ...     # none: the module is headers only
#                LIBS TBB::tbb)                # third-party targets
#
# makes the library llmos_kv, whose objects also go into the product library llmos. An edge to the same or a
# higher floor, or to a module not declared yet, stops the configuration with the offending pair. The table of
# floors is written to ${CMAKE_BINARY_DIR}/floors.txt; tests/tidy re-checks every real #include against it.

define_property(GLOBAL PROPERTY LLMOS_MODULES BRIEF_DOCS "Names of all modules, in order of declaration")
define_property(GLOBAL PROPERTY LLMOS_LIBS BRIEF_DOCS "Third-party targets of all modules")

function(llmos_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FLOOR" "DEPS;HEADERS;SOURCES;LIBS")
  get_property(modules GLOBAL PROPERTY LLMOS_MODULES)
  if(NOT DEFINED arg_FLOOR)
    message(FATAL_ERROR "llmos_module(${name}): FLOOR is missing")
  endif()
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "llmos_module(${name}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(name IN_LIST modules)
    message(FATAL_ERROR "llmos_module(${name}): declared twice")
  endif()
  foreach(dep IN LISTS arg_DEPS)
    get_property(dep_floor GLOBAL PROPERTY LLMOS_FLOOR_${dep})
    if(NOT dep IN_LIST modules)
      message(FATAL_ERROR "llmos_module: ${name} (floor ${arg_FLOOR}) depends on ${dep}, which is not declared "
                          "before it. Lower floors come first.")
    elseif(dep_floor GREATER_EQUAL arg_FLOOR)
      message(FATAL_ERROR "llmos_module: refused edge ${name} (floor ${arg_FLOOR}) -> ${dep} (floor ${dep_floor}). "
                          "A folder may depend only on strictly lower floors.")
    endif()
  endforeach()
  set_property(GLOBAL PROPERTY LLMOS_FLOOR_${name} ${arg_FLOOR})
  set_property(GLOBAL PROPERTY LLMOS_DEPS_${name} "${arg_DEPS}")
  set_property(GLOBAL PROPERTY LLMOS_HEADERS_${name} "${arg_HEADERS}")
  set_property(GLOBAL APPEND PROPERTY LLMOS_MODULES ${name})
  set_property(GLOBAL APPEND PROPERTY LLMOS_LIBS ${arg_LIBS})

  set(scope PUBLIC)
  if(arg_SOURCES)
    add_library(llmos_${name} STATIC ${arg_SOURCES})
    target_link_libraries(llmos_${name} PRIVATE llmos_build_flags)
    set_target_properties(llmos_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  else()
    set(scope INTERFACE)
    add_library(llmos_${name} INTERFACE)
  endif()
  target_include_directories(llmos_${name} ${scope} ${llmos_SOURCE_DIR}/include ${llmos_SOURCE_DIR}/src)
  target_compile_features(llmos_${name} ${scope} cxx_std_20)
  list(TRANSFORM arg_DEPS PREPEND llmos_ OUTPUT_VARIABLE dep_targets)
  target_link_libraries(llmos_${name} ${scope} ${dep_targets} ${arg_LIBS})
endfunction()

# Writes one line "module <name> <floor> <dep,dep,...>" per module and "header <file> <module>" per public header.
function(llmos_write_floors path)
  get_property(modules GLOBAL PROPERTY LLMOS_MODULES)
  set(text "")
  foreach(module IN LISTS modules)
    get_property(floor GLOBAL PROPERTY LLMOS_FLOOR_${module})
    get_property(deps GLOBAL PROPERTY LLMOS_DEPS_${module})
    get_property(headers GLOBAL PROPERTY LLMOS_HEADERS_${module})
    list(JOIN deps "," deps)
    string(APPEND text "module ${module} ${floor} ${deps}\n")
    foreach(header IN LISTS headers)
      string(APPEND text "header ${header} ${module}\n")
    endforeach()
  endforeach()
  file(WRITE ${path} "${text}")
endfunction()
