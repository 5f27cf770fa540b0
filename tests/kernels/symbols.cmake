# SPDX-License-Identifier: Apache-2.0
#
# cmake -DNM=<nm> -DOBJECTS=<list> -P symbols.cmake
# Each object defines one function that others see: its table's. A weak one (W) would be an inline function compiled for
# one instruction set that the linker may hand to CPUs without it. Constants (u, V, R) hold no instructions.
set(seen 0)
foreach(object IN LISTS OBJECTS)
  if(NOT object MATCHES "/cpu/[a-z0-9_]+\\.cc\\.")
    continue()
  endif()
  execute_process(COMMAND ${NM} --defined-only --extern-only ${object} RESULT_VARIABLE rc OUTPUT_VARIABLE symbols)
  if(rc)
    message(FATAL_ERROR "${NM} ${object}: exit status ${rc}")
  endif()
  string(REGEX MATCHALL "[0-9a-f]+ [^uVR\n] [^\n]*" functions "${symbols}")
  if(NOT functions MATCHES "^[0-9a-f]+ T [^ ;]*_tableEv$")
    message(FATAL_ERROR "${object}: expected one function, ..._table(), found:\n${symbols}")
  endif()
  math(EXPR seen "${seen} + 1")
endforeach()
if(seen EQUAL 0)
  message(FATAL_ERROR "no objects of kernels/cpu among: ${OBJECTS}")
endif()
message(STATUS "${seen} objects")
