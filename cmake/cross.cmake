# A toolchain file: Debian's compiler for another of its architectures, and the libraries of that one which dpkg put
# beside the machine's own. scripts/ports makes a system that has both.
#
#   cmake --preset release -DCMAKE_TOOLCHAIN_FILE=cmake/cross.cmake -DCIP_ARCH=armhf
set(CIP_ARCH "" CACHE STRING "Debian's name of the architecture to compile for: arm64 or armhf")
option(CIP_QEMU "Let programs of the other architecture run here, by qemu-user-static" OFF)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CIP_ARCH CIP_QEMU)

if(CIP_ARCH STREQUAL "arm64")
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
  set(triple aarch64-linux-gnu)
  set(qemu qemu-aarch64-static)
elseif(CIP_ARCH STREQUAL "armhf")
  set(CMAKE_SYSTEM_PROCESSOR armv7l)
  set(triple arm-linux-gnueabihf)
  set(qemu qemu-arm-static)
else()
  message(FATAL_ERROR "CIP_ARCH is arm64 or armhf, not '${CIP_ARCH}'")
endif()

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_CXX_COMPILER ${triple}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${triple})
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/${triple}/pkgconfig:/usr/share/pkgconfig)
if(CIP_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${qemu})
endif()
