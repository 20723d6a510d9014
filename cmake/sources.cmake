# SPDX-License-Identifier: MIT
# Which files make the library. Choices are made here, by file, rather than with #ifdef:
#   what waits     core/watch_epoll.c or core/watch_uv.c, exactly one
#   without TLS    transports/tls is left out, and files called *_notls.c come in
if(NOT NANOSEAL_WATCH)
    set(NANOSEAL_WATCH_USED uv)
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        set(NANOSEAL_WATCH_USED epoll)
    endif()
else()
    set(NANOSEAL_WATCH_USED ${NANOSEAL_WATCH})
endif()
if(NOT NANOSEAL_WATCH_USED MATCHES "^(epoll|uv)$")
    message(FATAL_ERROR "NANOSEAL_WATCH is epoll or uv, not ${NANOSEAL_WATCH}")
endif()

file(GLOB nanoseal_sources CONFIGURE_DEPENDS
    src/base/*.c src/core/*.c src/protocols/*.c src/transports/*/*.c src/policy/*.c
    src/api/*.c)
if(NANOSEAL_WATCH_USED STREQUAL "epoll")
    list(FILTER nanoseal_sources EXCLUDE REGEX "/core/watch_uv\\.c$")
else()
    list(FILTER nanoseal_sources EXCLUDE REGEX "/core/watch_epoll\\.c$")
endif()
if(NANOSEAL_TLS)
    list(FILTER nanoseal_sources EXCLUDE REGEX "_notls\\.c$")
else()
    list(FILTER nanoseal_sources EXCLUDE REGEX "/transports/tls/")
endif()
