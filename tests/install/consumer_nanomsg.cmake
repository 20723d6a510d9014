# SPDX-License-Identifier: MIT
# The CMakeLists.txt of a program that looks for nanomsg.
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C)
find_package(nanomsg 1.1 REQUIRED)
find_package(nanomsg 1.1 REQUIRED) # twice does no harm
add_executable(consumer-nanomsg consumer.c)
target_link_libraries(consumer-nanomsg PRIVATE nanomsg)
