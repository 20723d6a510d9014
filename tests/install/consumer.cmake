# SPDX-License-Identifier: MIT
# The CMakeLists.txt of a program that uses the installed package.
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C)
find_package(nanoseal 0.1 REQUIRED)
foreach(kind shared static)
    add_executable(consumer-${kind} consumer.c)
endforeach()
target_link_libraries(consumer-shared PRIVATE nanoseal::nanoseal)
target_link_libraries(consumer-static PRIVATE nanoseal::nanoseal_static)
