# `cmake --install`: the program, and what a C++ program needs to use feeds (docs/api.md): the floors up
# to overlay as static libraries, their headers, and a package for find_package(cipnode).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(libraries cip_base cip_dht cip_store cip_store_rocksdb cip_overlay)
install(TARGETS cipnode RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Pages of the manual, completion scripts: a program of the build writes them.
if(CIP_RUNS)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/share/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(DIRECTORY ${CMAKE_BINARY_DIR}/share/bash-completion ${CMAKE_BINARY_DIR}/share/zsh ${CMAKE_BINARY_DIR}/share/fish
          DESTINATION ${CMAKE_INSTALL_DATADIR})
endif()
install(TARGETS ${libraries} EXPORT cipnodeTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# Debug information stays out of what is installed; that of the program is the component `debug`, where gdb
# looks for it: beside the program in .debug.
set(tools "set(CIP_OBJCOPY [[${CMAKE_OBJCOPY}]])\nset(CIP_STRIP [[${CMAKE_STRIP}]])
include([[${PROJECT_SOURCE_DIR}/cmake/separate_debug.cmake]])
cip_extract_debug([[$<TARGET_FILE:cipnode>]] [[${CMAKE_BINARY_DIR}/cipnode.debug]])\n")
install(CODE "${tools}
cip_strip_program(\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/cipnode [[${CMAKE_BINARY_DIR}/cipnode.debug]])")
foreach(library IN LISTS libraries)
  install(CODE "cip_strip_library(\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/$<TARGET_FILE_NAME:${library}>)")
endforeach()
install(CODE "${tools}" COMPONENT debug)
install(FILES ${CMAKE_BINARY_DIR}/cipnode.debug DESTINATION ${CMAKE_INSTALL_BINDIR}/.debug COMPONENT debug)
# Headers keep their paths ("store/feed.hpp"), below a folder of their own.
install(DIRECTORY base dht store overlay DESTINATION include/cipnode
        FILES_MATCHING PATTERN "*.hpp" PATTERN "rocksdb" EXCLUDE)
install(FILES store/rocksdb/rocks_backend.hpp DESTINATION include/cipnode/store/rocksdb)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/cipnode)
install(EXPORT cipnodeTargets NAMESPACE cip:: DESTINATION ${package})
configure_package_config_file(cmake/cipnodeConfig.cmake.in ${CMAKE_BINARY_DIR}/cipnodeConfig.cmake
                              INSTALL_DESTINATION ${package})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cipnodeConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cipnodeConfig.cmake ${CMAKE_BINARY_DIR}/cipnodeConfigVersion.cmake
        DESTINATION ${package})
