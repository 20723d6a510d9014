# SPDX-License-Identifier: MIT
# nncat, and the small programs of perf/: all of them use only the public interface.
file(GLOB nncat_sources CONFIGURE_DEPENDS tools/nncat*.c)
if(nncat_sources)
    add_executable(nncat ${nncat_sources})
    target_compile_definitions(nncat PRIVATE NANOSEAL_VERSION_STRING="${PROJECT_VERSION}")
    target_link_libraries(nncat PRIVATE nanoseal nanoseal_flags)
endif()

# perf/perf.c is what the six programs named as nanomsg's share.
file(GLOB perf_sources CONFIGURE_DEPENDS perf/*.c)
foreach(source ${perf_sources})
    cmake_path(GET source STEM name)
    if(name STREQUAL "perf")
        continue()
    endif()
    add_executable(perf_${name} ${source})
    if(name MATCHES "^(local|remote|inproc)_")
        target_sources(perf_${name} PRIVATE perf/perf.c)
    endif()
    set_target_properties(perf_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/perf)
    target_link_libraries(perf_${name} PRIVATE nanoseal nanoseal_flags Threads::Threads)
endforeach()

# The examples of docs/: `cmake --build ... --target examples`, and with everything else.
add_custom_target(examples)
file(GLOB example_sources CONFIGURE_DEPENDS docs/examples/*.c)
foreach(source ${example_sources})
    cmake_path(GET source STEM name)
    add_executable(example_${name} ${source})
    set_target_properties(example_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
    target_link_libraries(example_${name} PRIVATE nanoseal nanoseal_flags)
    add_dependencies(examples example_${name})
endforeach()
