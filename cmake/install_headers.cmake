# Run by `cmake --install`: copies the headers that SOURCE/sdk/*.h reach through #include "room/name.h" below
# INCLUDE, and writes sluice.pc. Refuses a closure that names a foreign library.
cmake_minimum_required(VERSION 3.25)
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
file(GLOB open RELATIVE ${SOURCE} ${SOURCE}/sdk/*.h)
set(reached ${open})
while(open)
  list(POP_FRONT open header)
  file(STRINGS ${SOURCE}/${header} includes REGEX "^ *# *include")
  foreach(line IN LISTS includes)
    if(line MATCHES "[<\"](boost|uv\\.h|simdjson|openssl|yaml-cpp|CLI)")
      message(FATAL_ERROR "${header} would be installed and has: ${line}")
    endif()
    if(line MATCHES "\"([a-z_0-9]+/[a-z_0-9]+\\.h)\"" AND NOT CMAKE_MATCH_1 IN_LIST reached)
      list(APPEND reached ${CMAKE_MATCH_1})
      list(APPEND open ${CMAKE_MATCH_1})
    endif()
  endforeach()
endwhile()
foreach(header ${reached})
  get_filename_component(room ${header} DIRECTORY)
  file(INSTALL ${SOURCE}/${header} DESTINATION ${CMAKE_INSTALL_PREFIX}/${INCLUDE}/${room})
endforeach()

file(WRITE ${root}/${LIBDIR}/pkgconfig/sluice.pc "prefix=${CMAKE_INSTALL_PREFIX}
Name: sluice
Description: A gateway and C++ SDK for the Model Context Protocol
Version: ${VERSION}
Cflags: -I\${prefix}/${INCLUDE}
Libs: -L\${prefix}/${LIBDIR} -lsluice
")
