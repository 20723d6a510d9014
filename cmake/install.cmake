# SPDX-License-Identifier: MIT
# Headers, both libraries, nncat, man pages, nanoseal.pc and the CMake package.
include(CMakePackageConfigHelpers)

install(TARGETS nanoseal EXPORT nanosealTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${nanoseal_archive} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/nanomsg DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
if(TARGET nncat)
    install(TARGETS nncat)
    # The names under which nncat is one protocol.
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/links)
    foreach(protocol req rep pub sub push pull surveyor respondent bus pair)
        file(CREATE_LINK nncat ${PROJECT_BINARY_DIR}/links/nn_${protocol} SYMBOLIC)
        file(WRITE ${PROJECT_BINARY_DIR}/links/nn_${protocol}.1 ".so man1/nncat.1\n")
        install(FILES ${PROJECT_BINARY_DIR}/links/nn_${protocol}
            DESTINATION ${CMAKE_INSTALL_BINDIR})
        install(FILES ${PROJECT_BINARY_DIR}/links/nn_${protocol}.1
            DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    endforeach()
endif()
foreach(section 1 3 5 7)
    file(GLOB pages CONFIGURE_DEPENDS docs/man/*.${section})
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

configure_file(cmake/nanoseal.pc.in nanoseal.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nanoseal.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/nanoseal)
install(EXPORT nanosealTargets NAMESPACE nanoseal:: DESTINATION ${package})
configure_package_config_file(cmake/nanosealConfig.cmake.in nanosealConfig.cmake
    INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(nanosealConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nanosealConfig.cmake
    ${PROJECT_BINARY_DIR}/nanosealConfigVersion.cmake DESTINATION ${package})
