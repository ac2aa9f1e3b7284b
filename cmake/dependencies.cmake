# Every foreign library, named once and wrapped as sluice_lib_<name>; a room links only what its row in
# CMakeLists.txt says. All are Debian 12 packages (docs/decisions/0001-dependencies.md).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-cpp)

add_library(sluice_lib_openssl INTERFACE)
target_link_libraries(sluice_lib_openssl INTERFACE OpenSSL::Crypto)
add_library(sluice_lib_uv INTERFACE)
target_link_libraries(sluice_lib_uv INTERFACE PkgConfig::UV Threads::Threads)
add_library(sluice_lib_simdjson INTERFACE)
target_link_libraries(sluice_lib_simdjson INTERFACE PkgConfig::SIMDJSON)
add_library(sluice_lib_yaml INTERFACE)
target_link_libraries(sluice_lib_yaml INTERFACE PkgConfig::YAML)

if(SLUICE_TESTS)
  find_package(GTest REQUIRED)
endif()
