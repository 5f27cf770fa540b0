# SPDX-License-Identifier: Apache-2.0
#
# cmake -DSOURCE=<dir> -DBINARY=<dir> -DARGS=<list> [-DEXPECT=<regex>] -P expect_configure.cmake
# The configuration must fail with a message that matches EXPECT; without EXPECT it must succeed.
file(REMOVE_RECURSE ${BINARY})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BINARY} -G Ninja ${ARGS}
                RESULT_VARIABLE rc OUTPUT_VARIABLE out ERROR_VARIABLE out)
string(REGEX REPLACE "[ \n]+" " " words "${out}")  # CMake wraps its messages
if(NOT DEFINED EXPECT)
  if(rc)
    message(FATAL_ERROR "expected success, found:\n${out}")
  endif()
elseif(NOT rc OR NOT words MATCHES "${EXPECT}")
  message(FATAL_ERROR "expected a failure with \"${EXPECT}\", found exit status ${rc} and:\n${out}")
endif()
