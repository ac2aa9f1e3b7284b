# What `cmake --install` puts down: bin/sluice, the shared library libsluice with every room up to sdk, the headers
# that src/sdk/*.h reach (as include/sluice/ROOM/NAME.h), find_package(sluice) and pkg-config files.
# Only names of namespace sluice leave the library: what Boost.JSON and simdjson compile into it stays inside.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(shipped_rooms base codec crypto net observe mcp auth transport sdk)
set(shipped_libraries simdjson boost_json openssl uv)
set(objects)
foreach(room ${shipped_rooms})
  get_target_property(kind sluice_${room} TYPE)
  if(kind STREQUAL "STATIC_LIBRARY")
    list(APPEND objects $<TARGET_OBJECTS:sluice_${room}>)
  endif()
endforeach()

add_library(sluice_shared SHARED ${objects})
set_target_properties(sluice_shared PROPERTIES
  OUTPUT_NAME sluice EXPORT_NAME sluice VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE CXX
  LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/exports.map)
target_link_options(sluice_shared PRIVATE LINKER:--version-script=${CMAKE_SOURCE_DIR}/cmake/exports.map
                                          $<$<NOT:$<CONFIG:Debug>>:LINKER:--no-undefined>)
foreach(library ${shipped_libraries})
  target_link_libraries(sluice_shared PRIVATE $<BUILD_INTERFACE:sluice_lib_${library}>)
endforeach()
target_compile_features(sluice_shared PUBLIC cxx_std_20)
target_include_directories(sluice_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/sluice>)

if(TARGET sluice)
  install(TARGETS sluice RUNTIME)
endif()
install(TARGETS sluice_shared EXPORT sluiceTargets LIBRARY)
install(EXPORT sluiceTargets NAMESPACE sluice:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/sluiceConfig.cmake
     CONTENT "include(\"\${CMAKE_CURRENT_LIST_DIR}/sluiceTargets.cmake\")\n" @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/sluiceConfig.cmake ${CMAKE_BINARY_DIR}/sluiceConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
# The headers and the pkg-config file depend on the prefix and on the includes of the day: both are made then.
install(CODE "set(SOURCE ${CMAKE_SOURCE_DIR}/src)
set(INCLUDE ${CMAKE_INSTALL_INCLUDEDIR}/sluice)
set(LIBDIR ${CMAKE_INSTALL_LIBDIR})
set(VERSION ${PROJECT_VERSION})")
install(SCRIPT ${CMAKE_SOURCE_DIR}/cmake/install_headers.cmake)
