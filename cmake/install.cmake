# `cmake --install`: the program, and what a C++ program needs to use feeds (docs/api.md): the floors up
# to overlay as static libraries, their headers, and a package for find_package(cipnode).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS cipnode RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS cip_base cip_dht cip_store cip_store_rocksdb cip_overlay EXPORT cipnodeTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
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
