# SPDX-License-Identifier: MIT
# nanomsg's file names for this library: docs/DROPIN.md says what they are for. They are always built;
# `cmake --install BUILD --component dropin` installs them, and with NANOSEAL_DROPIN=ON every
# installation does.
#   libnanomsg.so.5, .so.6   empty: they NEED libnanoseal.so.0, so both are one library in a process
#   libnanomsg.so            for the linker, which then links with libnanoseal itself
#   nanomsg.pc, the CMake package nanomsg with its target nanomsg
set(NANOSEAL_NANOMSG_VERSION 1.1.5) # whose interface this is
if(APPLE OR WIN32)
    return() # other names, and no linker scripts
endif()

set(dropin_install COMPONENT dropin EXCLUDE_FROM_ALL)
if(NANOSEAL_DROPIN)
    set(dropin_install COMPONENT dropin)
endif()

set(dropin_source ${PROJECT_BINARY_DIR}/dropin.c)
file(CONFIGURE OUTPUT ${dropin_source} CONTENT "typedef int nothing_here;\n")
foreach(number 5 6)
    set(name libnanomsg.so.${number})
    set(target nanomsg_${number})
    add_library(${target} SHARED ${dropin_source})
    set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name} SUFFIX "" NO_SONAME ON
        BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")
    target_link_options(${target} PRIVATE -Wl,--no-as-needed -Wl,-soname,${name})
    target_link_libraries(${target} PRIVATE nanoseal)
    install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ${dropin_install})
endforeach()

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/libnanomsg.so
    CONTENT "/* A script of the linker's: nanomsg's functions are in libnanoseal. */\nINPUT(-lnanoseal)\n")
install(FILES ${PROJECT_BINARY_DIR}/libnanomsg.so
    DESTINATION ${CMAKE_INSTALL_LIBDIR} ${dropin_install})

configure_file(cmake/nanomsg.pc.in nanomsg.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nanomsg.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig ${dropin_install})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/nanomsg)
configure_package_config_file(cmake/nanomsgConfig.cmake.in nanomsgConfig.cmake
    INSTALL_DESTINATION ${package})
write_basic_package_version_file(nanomsgConfigVersion.cmake
    VERSION ${NANOSEAL_NANOMSG_VERSION} COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nanomsgConfig.cmake
    ${PROJECT_BINARY_DIR}/nanomsgConfigVersion.cmake DESTINATION ${package} ${dropin_install})
