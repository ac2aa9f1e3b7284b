# Every foreign library, named once and wrapped as sluice_lib_<name>; a room links only what its row in
# CMakeLists.txt says. All are Debian 12 packages (cmake/packages.txt, docs/decisions/0001-dependencies.md).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-cpp)
find_package(Boost 1.81 REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)

add_library(sluice_lib_openssl INTERFACE)
target_link_libraries(sluice_lib_openssl INTERFACE OpenSSL::Crypto)
add_library(sluice_lib_uv INTERFACE)
target_link_libraries(sluice_lib_uv INTERFACE PkgConfig::UV Threads::Threads)
add_library(sluice_lib_simdjson INTERFACE)
target_link_libraries(sluice_lib_simdjson INTERFACE PkgConfig::SIMDJSON)
# Boost.JSON is compiled into codec/json.cc (boost/json/src.hpp): only its headers are needed, and nothing of it is
# left in what we install.
add_library(sluice_lib_boost_json INTERFACE)
target_link_libraries(sluice_lib_boost_json INTERFACE Boost::headers)
add_library(sluice_lib_yaml INTERFACE)
target_link_libraries(sluice_lib_yaml INTERFACE PkgConfig::YAML)
add_library(sluice_lib_cli INTERFACE)
target_include_directories(sluice_lib_cli SYSTEM INTERFACE ${CLI11_INCLUDE})

if(SLUICE_TESTS)
  find_package(GTest REQUIRED)
endif()
