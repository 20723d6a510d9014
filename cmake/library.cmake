# SPDX-License-Identifier: MIT
# One set of objects, three libraries: nanoseal (shared), libnanoseal.a (one object whose only
# global symbols are nn_*), and nanoseal_internal (for the unit tests, which see everything).
add_library(nanoseal_objects OBJECT ${nanoseal_sources})
target_include_directories(nanoseal_objects PUBLIC src)
target_compile_definitions(nanoseal_objects PRIVATE
    NANOSEAL_VERSION_STRING="${PROJECT_VERSION}" NANOSEAL_TLS=$<BOOL:${NANOSEAL_TLS}>
    NANOSEAL_POLICY_FILE="${NANOSEAL_POLICY_FILE}")
target_link_libraries(nanoseal_objects PUBLIC nanoseal_flags nanoseal_needs nanoseal_mbedtls)

set(nanoseal_map ${PROJECT_SOURCE_DIR}/src/api/nn.map)
add_library(nanoseal SHARED $<TARGET_OBJECTS:nanoseal_objects>)
set_target_properties(nanoseal PROPERTIES SOVERSION 0 LINK_DEPENDS ${nanoseal_map})
target_include_directories(nanoseal INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_link_libraries(nanoseal PRIVATE
    $<BUILD_INTERFACE:nanoseal_flags> $<BUILD_INTERFACE:nanoseal_needs>
    $<BUILD_INTERFACE:nanoseal_mbedtls>)
target_link_options(nanoseal PRIVATE
    -Wl,--version-script=${nanoseal_map} -Wl,--exclude-libs,ALL -Wl,-Bsymbolic-functions
    -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
    $<$<NOT:$<BOOL:${NANOSEAL_SANITIZE}>>:-Wl,-z,defs>)

add_library(nanoseal_internal STATIC $<TARGET_OBJECTS:nanoseal_objects>)
target_include_directories(nanoseal_internal PUBLIC src)
target_compile_definitions(nanoseal_internal INTERFACE NANOSEAL_WATCH="${NANOSEAL_WATCH_USED}")
target_link_libraries(nanoseal_internal PUBLIC nanoseal_flags nanoseal_needs nanoseal_mbedtls)

set(nanoseal_archive ${PROJECT_BINARY_DIR}/libnanoseal.a)
add_custom_command(OUTPUT ${nanoseal_archive}
    COMMAND ${CMAKE_LINKER} -r -o nanoseal.o $<TARGET_OBJECTS:nanoseal_objects>
        --start-group ${MBEDTLS_ARCHIVES} --end-group
    COMMAND ${CMAKE_OBJCOPY} --wildcard "--keep-global-symbol=nn_*" nanoseal.o
    COMMAND ${CMAKE_COMMAND} -E rm -f ${nanoseal_archive}
    COMMAND ${CMAKE_AR} rcs ${nanoseal_archive} nanoseal.o
    COMMAND ${CMAKE_COMMAND} -E rm nanoseal.o
    DEPENDS nanoseal_objects $<TARGET_OBJECTS:nanoseal_objects>
    COMMAND_EXPAND_LISTS VERBATIM COMMENT "Linking C static library libnanoseal.a")
add_custom_target(nanoseal_static ALL DEPENDS ${nanoseal_archive})
