# SPDX-License-Identifier: Apache-2.0
#
# cmake -DOBJECTS=<list> -P ptxas_check.cmake
# Hot kernels use no stack and spill nothing: a loop over memory there would cost more than it computes. Heads of 256
# dimensions hold more than a thread's registers; they spill, which is known and allowed.
set(hot norm_rows gemv_rows packed_product packed_slots "attend_rowsILi64E" "attend_rowsILi128E" merge_splits
        kv_write_heads rope_heads activate_rows add_rows quantize_rows route_tokens copy_pairs
        reduce_one_shot reduce_two_shot embed_rows)
set(seen 0)
set(bad "")
set(missing ${hot})
foreach(object IN LISTS OBJECTS)
  file(STRINGS ${object}.ptxas lines REGEX "Compiling entry function|bytes stack frame|Used [0-9]+ registers")
  foreach(line IN LISTS lines)
    if(line MATCHES "entry function '([^']+)' for '([^']+)'")
      set(kernel ${CMAKE_MATCH_1})
      set(architecture ${CMAKE_MATCH_2})
    elseif(line MATCHES "([0-9]+) bytes stack frame, ([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads")
      set(numbers "${CMAKE_MATCH_1} ${CMAKE_MATCH_2} ${CMAKE_MATCH_3}")
      foreach(name IN LISTS hot)
        if(kernel MATCHES "${name}")
          math(EXPR seen "${seen} + 1")
          list(REMOVE_ITEM missing ${name})
          if(NOT numbers STREQUAL "0 0 0")
            string(APPEND bad "  ${kernel} (${architecture}): stack, spill stores, spill loads: ${numbers}\n")
          endif()
          break()
        endif()
      endforeach()
    endif()
  endforeach()
endforeach()
if(missing)
  message(FATAL_ERROR "ptxas says nothing of: ${missing}")
endif()
if(bad)
  message(FATAL_ERROR "hot kernels use the stack:\n${bad}")
endif()
message(STATUS "ptxas: ${seen} hot kernels, no stack, no spills")
