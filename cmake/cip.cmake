# Flags, dependencies and the helpers that keep every CMakeLists.txt a list of files and links.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)

find_program(CIP_CCACHE ccache)
if(CIP_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CIP_CCACHE})
endif()
find_program(CIP_MOLD mold)

# Warnings and sanitizers, linked by every target.
add_library(cip_flags INTERFACE)
target_include_directories(cip_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(cip_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside its own library at -O2 for code that is right.
  target_compile_options(cip_flags INTERFACE -Wno-stringop-overflow -Wno-array-bounds
                         -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overread)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # std::stable_sort of libstdc++ 12 uses what C++17 advises against.
  target_compile_options(cip_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  # The same of optionals of variants that are moved; builds without -O2 look for the real ones.
  target_compile_options(cip_flags INTERFACE -Wno-uninitialized)
endif()
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
  # Offsets in files and times of them have 64 bits everywhere.
  target_compile_definitions(cip_flags INTERFACE _FILE_OFFSET_BITS=64 _TIME_BITS=64)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(cip_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
# Tests count with int. What clang calls -Wconversion has this in it; what g++ does has not.
add_library(cip_test_flags INTERFACE)
target_compile_options(cip_test_flags INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>)
# By which a program and the file with its debug information know each other.
target_link_options(cip_flags INTERFACE LINKER:--build-id)
# A compiler for another architecture looks for a linker of its own name.
if(CIP_MOLD AND NOT CMAKE_CROSSCOMPILING)
  target_link_options(cip_flags INTERFACE -fuse-ld=mold)
endif()
if(CIP_SANITIZE)
  target_compile_options(cip_flags INTERFACE -fsanitize=${CIP_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(cip_flags INTERFACE -fsanitize=${CIP_SANITIZE})
endif()
if(CIP_SANITIZE MATCHES "address")
  # What the sanitizers describe holds millions of addresses. A program with a fixed place has them from
  # the linker; a movable one computes them at each start, and each unit test is a start.
  target_compile_options(cip_flags INTERFACE -fno-pie)
  target_link_options(cip_flags INTERFACE -no-pie)
endif()

# cip_layer(NAME [UNITY] SOURCES file... LINKS target...): one floor = one folder = one static library cip::NAME.
# UNITY: large enough that CIP_UNITY is worth it.
# Our own warnings stay in the build tree: they are no business of a program that uses the library.
function(cip_layer name)
  cmake_parse_arguments(ARG "UNITY" "" "SOURCES;LINKS" ${ARGN})
  add_library(cip_${name} STATIC ${ARG_SOURCES})
  add_library(cip::${name} ALIAS cip_${name})
  # Headers need C++20: the installed package tells a program's compiler so.
  target_compile_features(cip_${name} INTERFACE $<INSTALL_INTERFACE:cxx_std_20>)
  target_link_libraries(cip_${name} PUBLIC ${ARG_LINKS} PRIVATE $<BUILD_INTERFACE:cip_flags>)
  target_include_directories(cip_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                $<INSTALL_INTERFACE:include/cipnode>)
  set_target_properties(cip_${name} PROPERTIES EXPORT_NAME ${name})
  if(CIP_UNITY AND ARG_UNITY)
    set_target_properties(cip_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# Whether what is built can be run here.
set(CIP_RUNS ON)
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  set(CIP_RUNS OFF)
endif()

# cip_unit_tests(NAME SOURCES file... LINKS target...): one doctest binary, each case its own ctest.
function(cip_unit_tests name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(cip_unit_${name} ${ARG_SOURCES})
  target_link_libraries(cip_unit_${name} PRIVATE ${ARG_LINKS} cip_test_support cip_flags cip_test_flags)
  if(NOT CIP_RUNS)
    return()
  endif()
  doctest_discover_tests(cip_unit_${name} TEST_PREFIX "${name}: " ADD_LABELS 0
                         PROPERTIES LABELS unit TIMEOUT 120 DISCOVERY_TIMEOUT 60)
endfunction()
