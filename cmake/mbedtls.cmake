# SPDX-License-Identifier: MIT
# Finds mbedTLS as archives, 3.6.6 or later (3.6 or 4.x): the target nanoseal_mbedtls, and the list
# MBEDTLS_ARCHIVES. Before 3.6.6 a forked child repeats its parent's random numbers.
add_library(nanoseal_mbedtls INTERFACE)
set(MBEDTLS_ARCHIVES "")
if(NOT NANOSEAL_TLS)
    return()
endif()

set(mbedtls_least 3.6.6)
if(MBEDTLS_ROOT)
    set(mbedtls_prefixes ${MBEDTLS_ROOT} ${MBEDTLS_ROOT}/usr)
else()
    set(mbedtls_prefixes ${PROJECT_SOURCE_DIR}/.deps/mbedtls/usr /usr/local /usr)
endif()
set(mbedtls_include mbedtls_include-NOTFOUND)
find_path(mbedtls_include NAMES mbedtls/build_info.h mbedtls/version.h
    PATHS ${mbedtls_prefixes} PATH_SUFFIXES include NO_DEFAULT_PATH NO_CACHE)

set(mbedtls_version none)
if(mbedtls_include)
    # Before 3.0 the version was in version.h.
    set(mbedtls_header ${mbedtls_include}/mbedtls/build_info.h)
    if(NOT EXISTS ${mbedtls_header})
        set(mbedtls_header ${mbedtls_include}/mbedtls/version.h)
    endif()
    file(STRINGS ${mbedtls_header} mbedtls_line
        REGEX "^#define MBEDTLS_VERSION_STRING +\"")
    string(REGEX REPLACE ".*\"(.*)\"" "\\1" mbedtls_version "${mbedtls_line}")
endif()
if(mbedtls_version STREQUAL "none" OR mbedtls_version VERSION_LESS mbedtls_least)
    message(FATAL_ERROR "mbedTLS ${mbedtls_least} or later is needed; found: ${mbedtls_version} "
        "(looked in ${mbedtls_prefixes}). `scripts/setup build` fetches it on Debian; "
        "-DMBEDTLS_ROOT=PREFIX names another; -DNANOSEAL_TLS=OFF builds without TLS.")
endif()

cmake_path(SET mbedtls_prefix NORMALIZE "${mbedtls_include}/..")
set(mbedtls_crypto mbedcrypto)
if(mbedtls_version VERSION_GREATER_EQUAL 4)
    set(mbedtls_crypto tfpsacrypto)
endif()
foreach(name mbedtls mbedx509 ${mbedtls_crypto})
    set(mbedtls_archive mbedtls_archive-NOTFOUND)
    find_library(mbedtls_archive lib${name}.a PATHS ${mbedtls_prefix}
        PATH_SUFFIXES lib/${CMAKE_LIBRARY_ARCHITECTURE} lib64 lib NO_DEFAULT_PATH NO_CACHE REQUIRED)
    # Debian builds it without a memory hook. Copies whose calloc and free are ours let the tests fail
    # each allocation of a handshake too.
    set(mbedtls_copy ${PROJECT_BINARY_DIR}/mbedtls/lib${name}.a)
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/mbedtls)
    execute_process(COMMAND ${CMAKE_OBJCOPY} --redefine-sym calloc=sp_calloc
        --redefine-sym free=sp_free ${mbedtls_archive} ${mbedtls_copy} COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND MBEDTLS_ARCHIVES ${mbedtls_copy})
endforeach()
message(STATUS "mbedTLS ${mbedtls_version} in ${mbedtls_prefix}")
target_include_directories(nanoseal_mbedtls SYSTEM INTERFACE ${mbedtls_include})
target_link_libraries(nanoseal_mbedtls INTERFACE ${MBEDTLS_ARCHIVES})
