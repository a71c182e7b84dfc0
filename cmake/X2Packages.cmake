# Debian packages, one for each kind of machine (`./dev package`, docs/packages.md). What goes into which is said here.

# x2_package(NAME <package> ABOUT <one line> [PROGRAMS …] [TOOLS …] [UNITS …] [ENABLE …] [RESTART …] [SYSUSERS …] [DEPENDS …])
# PROGRAMS go to /usr/sbin, TOOLS to /usr/bin. ENABLE: units that the first installation enables; RESTART: units that an upgrade
# restarts where they run, and that removing the package stops.
macro(x2_package)
  cmake_parse_arguments(P "" "NAME;ABOUT" "PROGRAMS;TOOLS;UNITS;ENABLE;RESTART;SYSUSERS;DEPENDS" ${ARGN})
  string(TOUPPER ${P_NAME} upper)
  if(P_PROGRAMS)
    install(TARGETS ${P_PROGRAMS} RUNTIME DESTINATION sbin COMPONENT ${P_NAME})
  endif()
  if(P_TOOLS)
    install(TARGETS ${P_TOOLS} RUNTIME DESTINATION bin COMPONENT ${P_NAME})
  endif()
  foreach(unit ${P_UNITS})
    install(FILES packaging/systemd/${unit} DESTINATION /lib/systemd/system COMPONENT ${P_NAME})
  endforeach()
  set(PACKAGE_SYSUSERS)
  foreach(file ${P_SYSUSERS})
    install(FILES packaging/systemd/${file}.sysusers DESTINATION lib/sysusers.d RENAME ${file}.conf COMPONENT ${P_NAME})
    string(APPEND PACKAGE_SYSUSERS "${file}.conf ")
  endforeach()
  install(FILES LICENSE DESTINATION share/doc/${P_NAME} RENAME copyright COMPONENT ${P_NAME})
  if(P_UNITS)
    list(JOIN P_ENABLE " " PACKAGE_ENABLE)
    list(JOIN P_RESTART " " PACKAGE_RESTART)
    foreach(script postinst prerm)
      configure_file(packaging/debian/${script}.in ${CMAKE_BINARY_DIR}/packaging/${P_NAME}/${script} @ONLY
                     FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
      list(APPEND CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/packaging/${P_NAME}/${script})
    endforeach()
  endif()
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${P_ABOUT}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${P_NAME})
  list(JOIN P_DEPENDS ", " CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS)
  list(APPEND CPACK_COMPONENTS_ALL ${P_NAME})
endmacro()

x2_package(NAME henb-x2sec ABOUT "secures the direct interface X2 of an LTE home base station"
  PROGRAMS x2secd x2sec-guard x2sec-ocspd TOOLS x2secctl
  UNITS x2secd.service x2sec-guard.service x2sec-ocspd.service x2sec-ocspd.socket
  ENABLE x2sec-guard.service RESTART x2secd.service x2sec-ocspd.service SYSUSERS x2secd
  DEPENDS nftables "libreswan (>= 4.10)" "libcurl4 (>= 7.88)")  # libcurl is loaded at run time (common/curl)
x2_package(NAME henb-x2policy ABOUT "checks, explains, signs and compares policies for henb-x2sec" TOOLS x2policy)
if(TARGET nem-gateway)
  x2_package(NAME henb-nem-gateway ABOUT "certificates for home base stations through the network element manager"
    PROGRAMS nem-gateway UNITS nem-gateway.service RESTART nem-gateway.service SYSUSERS nem-gateway)
endif()
if(TARGET keydist-server)
  x2_package(NAME henb-keydist-server ABOUT "pair keys for links of the direct interface X2"
    PROGRAMS keydist-server TOOLS keydistctl UNITS keydist-server.service RESTART keydist-server.service SYSUSERS keydist-server
    DEPENDS nftables)
endif()
x2_package(NAME henb-x2sec-doc ABOUT "documentation of henb-x2sec and its key service")
install(DIRECTORY docs/ DESTINATION share/doc/henb-x2sec COMPONENT henb-x2sec-doc)
install(FILES CHANGELOG.md DESTINATION share/doc/henb-x2sec COMPONENT henb-x2sec-doc)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME henb-x2sec)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "henb-x2sec developers <root@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_HENB-X2SEC-DOC_PACKAGE_SECTION doc)
set(CPACK_DEBIAN_HENB-X2SEC-DOC_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_HENB-X2SEC-DOC_PACKAGE_ARCHITECTURE all)
set(CPACK_SET_DESTDIR OFF)
include(CPack)
