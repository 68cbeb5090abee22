# Compiler settings and the helpers that declare one target per layer.

# Before version 16, clang does not compile the ranges of libstdc++.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
    message(FATAL_ERROR "clang ${CMAKE_CXX_COMPILER_VERSION} cannot compile cipherfit: take clang 16 "
        "or later, or g++ 12 or later (-DCMAKE_CXX_COMPILER=clang++-16)")
endif()

add_library(cipherfit_options INTERFACE)
target_compile_features(cipherfit_options INTERFACE cxx_std_20)
# No contraction of a*b+c: floating-point results must not depend on the instruction set.
target_compile_options(cipherfit_options INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -ffp-contract=off
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>:-Wshadow>)
if(CIPHERFIT_WERROR)
    target_compile_options(cipherfit_options INTERFACE -Werror)
endif()
if(CIPHERFIT_SANITIZE)
    target_compile_options(cipherfit_options INTERFACE
        -fsanitize=${CIPHERFIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
    if(CIPHERFIT_SANITIZE MATCHES "address")
        # The address sanitizer sees both when they happen. Clang's guess of an object's size is wrong
        # for std::find_if over a reversed std::array, and the two take a fifth of the compilation.
        target_compile_options(cipherfit_options INTERFACE -fno-sanitize=null,object-size)
    endif()
    target_link_options(cipherfit_options INTERFACE -fsanitize=${CIPHERFIT_SANITIZE})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # So that ccache sees what precompiled headers hold.
    target_compile_options(cipherfit_options INTERFACE -fpch-preprocess)
    if(CIPHERFIT_UNITY)
        # The compiler keeps up to 1 GB of garbage: it spent an eighth of its time on collecting it.
        target_compile_options(cipherfit_options INTERFACE "SHELL:--param ggc-min-heapsize=1000000")
    endif()
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(cipherfit_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

function(cipherfit_library target)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    if(ARG_SOURCES)
        add_library(${target} STATIC ${ARG_SOURCES})
        set(scope PUBLIC)
    else()
        add_library(${target} INTERFACE)
        set(scope INTERFACE)
    endif()
    target_include_directories(${target} ${scope}
        "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
        "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
        "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>")
    target_link_libraries(${target} ${scope} ${ARG_LINK} "$<BUILD_INTERFACE:cipherfit_options>")
    target_compile_features(${target} ${scope} cxx_std_20)
    set_property(GLOBAL APPEND PROPERTY CIPHERFIT_LIBRARIES ${target})
endfunction()

# cipherfit_layer(name [WITH folder] LINK targets...): the library cipherfit_<name> of src/<name>,
# and of another folder, without the files of owner/ folders.
function(cipherfit_layer name)
    cmake_parse_arguments(ARG "" "WITH" "LINK" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cpp")
    if(ARG_WITH)
        file(GLOB_RECURSE others CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${ARG_WITH}/*.cpp")
        list(APPEND sources ${others})
    endif()
    list(FILTER sources EXCLUDE REGEX "/owner/|/cnn/")
    cipherfit_library(cipherfit_${name} SOURCES ${sources} LINK ${ARG_LINK})
endfunction()

# cipherfit_owner_layer(name LINK targets...): the library cipherfit_<name>_owner of
# the owner/ folders in src/<name>: code that holds or uses a secret.
function(cipherfit_owner_layer name)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cpp")
    list(FILTER sources INCLUDE REGEX "/owner/")
    cipherfit_library(cipherfit_${name}_owner SOURCES ${sources} LINK ${ARG_LINK})
endfunction()

# cipherfit_program_library(name SOURCES folder LINK targets...): the library cipherfit_<name> of a
# folder of src/, for the programs alone: it is not installed, and its headers are internal.
function(cipherfit_program_library name)
    cmake_parse_arguments(ARG "" "SOURCES" "LINK" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${ARG_SOURCES}/*.cpp")
    add_library(cipherfit_${name} STATIC ${sources})
    if(name MATCHES "cnn")
        target_include_directories(cipherfit_${name} SYSTEM PUBLIC ${OPENCV_INCLUDE})
    endif()
    target_include_directories(cipherfit_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include"
        "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(cipherfit_${name} PUBLIC ${ARG_LINK} cipherfit_options)
endfunction()

# cipherfit_precompile(target headers...): compiles the large headers of libraries once for all files
# of a target. Every file still includes what it uses: all builds without as well.
function(cipherfit_precompile target)
    target_precompile_headers(${target} PRIVATE <Eigen/Dense> <nlohmann/json.hpp> <fmt/format.h>
        <filesystem> <functional> <string> <vector> ${ARGN})
endfunction()

# cipherfit_share_headers(targets...): the same headers, once for several static libraries.
function(cipherfit_share_headers)
    file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/headers.cpp" "")
    add_library(cipherfit_headers STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/headers.cpp")
    target_link_libraries(cipherfit_headers PRIVATE Eigen3::Eigen nlohmann_json::nlohmann_json
        fmt::fmt cipherfit_options)
    cipherfit_precompile(cipherfit_headers)
    foreach(target IN LISTS ARGN)
        target_precompile_headers(${target} REUSE_FROM cipherfit_headers)
    endforeach()
endfunction()

# cipherfit_compile_together(pattern): several files of a target in one translation unit, so that
# their headers are read once; for the targets whose names match. Files of one target may therefore
# not define the same name in their unnamed namespaces. Kernels are left alone: each file has
# instructions of its own.
function(cipherfit_compile_together pattern)
    get_property(directories DIRECTORY "${PROJECT_SOURCE_DIR}" PROPERTY SUBDIRECTORIES)
    foreach(directory IN LISTS PROJECT_SOURCE_DIR directories)
        get_property(targets DIRECTORY "${directory}" PROPERTY BUILDSYSTEM_TARGETS)
        foreach(target IN LISTS targets)
            get_target_property(type ${target} TYPE)
            # Nor protobuf's files, which all define the same names.
            if(target MATCHES "${pattern}" AND NOT target STREQUAL "cipherfit_proto"
                    AND NOT type STREQUAL "INTERFACE_LIBRARY")
                set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 15)
                # A program takes what it calls alone, as it does of files that are compiled by
                # themselves: the server has no code of the owner's.
                if(NOT CIPHERFIT_SANITIZE)
                    target_compile_options(${target} PRIVATE -ffunction-sections -fdata-sections)
                    if(type STREQUAL "EXECUTABLE")
                        target_link_options(${target} PRIVATE -Wl,--gc-sections)
                    endif()
                endif()
                # The compiler sees more at once to be unsure of, and takes each file for a header.
                target_compile_options(${target} PRIVATE
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-subobject-linkage>)
            endif()
        endforeach()
    endforeach()
endfunction()
