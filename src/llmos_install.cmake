# SPDX-License-Identifier: Apache-2.0
#
# `cmake --install` gives a host the public headers, the library, a package for find_package(llmos) and one for
# pkg-config. Components: llmos_runtime (what a program linked to the shared library needs), llmos_development.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

install(TARGETS llmos EXPORT llmos_targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT llmos_runtime NAMELINK_COMPONENT llmos_development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT llmos_development)
install(DIRECTORY ${llmos_SOURCE_DIR}/include/llmos DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT llmos_development FILES_MATCHING PATTERN "*.h")

# What a static llmos asks of its host: the packages of its libraries ("Pkg::target" -> find_dependency(Pkg)).
set(packages "")
set(pc_requires "")
if(NOT BUILD_SHARED_LIBS)
  list(TRANSFORM llmos_link_libs REPLACE "::.*" "" OUTPUT_VARIABLE packages)
  set(pc_requires ${packages})
  list(REMOVE_ITEM pc_requires Threads)
  list(TRANSFORM pc_requires TOLOWER)
  list(JOIN pc_requires " " pc_requires)
endif()
list(TRANSFORM packages REPLACE "(.+)" "find_dependency(\\1)" OUTPUT_VARIABLE llmos_find_dependencies)
list(JOIN llmos_find_dependencies "\n" llmos_find_dependencies)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/llmos)
configure_package_config_file(llmos-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/llmos-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/llmos-config-version.cmake
  COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH pc_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(llmos.pc.in ${CMAKE_CURRENT_BINARY_DIR}/llmos.pc @ONLY)
install(EXPORT llmos_targets NAMESPACE llmos:: DESTINATION ${package_dir} COMPONENT llmos_development)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/llmos-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/llmos-config-version.cmake
  DESTINATION ${package_dir} COMPONENT llmos_development)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/llmos.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT llmos_development)
