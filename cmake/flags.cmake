# SPDX-License-Identifier: MIT
# How every file is compiled: the interface targets nanoseal_flags (ours) and nanoseal_needs (what
# the library links with).
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")

find_package(PkgConfig REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.41)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_library(nanoseal_flags INTERFACE)
target_include_directories(nanoseal_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(nanoseal_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -ffunction-sections -fdata-sections
    $<$<BOOL:${NANOSEAL_WERROR}>:-Werror>
    $<$<CONFIG:Release>:-fstack-protector-strong>)
target_compile_definitions(nanoseal_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
target_link_options(nanoseal_flags INTERFACE -Wl,--gc-sections)

add_library(nanoseal_needs INTERFACE)
target_link_libraries(nanoseal_needs INTERFACE PkgConfig::UV Threads::Threads ${CMAKE_DL_LIBS})

set(sanitize_address -fsanitize=address,undefined -fno-sanitize-recover=all)
set(sanitize_fuzz ${sanitize_address} -fsanitize=fuzzer-no-link)
set(sanitize_thread -fsanitize=thread)
if(NANOSEAL_SANITIZE)
    if(NOT sanitize_${NANOSEAL_SANITIZE})
        message(FATAL_ERROR "NANOSEAL_SANITIZE is address, thread or fuzz, not ${NANOSEAL_SANITIZE}")
    endif()
    add_compile_options(${sanitize_${NANOSEAL_SANITIZE}} -fno-omit-frame-pointer)
    # At linking, fuzzer-no-link means nothing to the driver but is harmless.
    add_link_options(${sanitize_${NANOSEAL_SANITIZE}})
endif()
