# The service's messages: proto/cipherfit/v1/*.proto, compiled to the static library
# cipherfit_proto, which the server and the owner's program link. Generated code is not ours to
# warn of: its headers are a system's.
find_package(Threads REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
# gRPC's own search for re2 asks pkg-config for all that re2 needs in turn: minutes, on Debian 13.
if(NOT TARGET re2::re2)
    find_library(CIPHERFIT_RE2 re2 REQUIRED)
    add_library(re2::re2 INTERFACE IMPORTED)
    target_link_libraries(re2::re2 INTERFACE "${CIPHERFIT_RE2}")
    set(re2_FOUND TRUE)
endif()
find_package(gRPC 1.51 CONFIG REQUIRED)

file(GLOB proto_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/proto/cipherfit/v1/*.proto")
set(proto_output "${CMAKE_CURRENT_BINARY_DIR}/proto")
set(proto_sources)
foreach(proto IN LISTS proto_files)
    cmake_path(GET proto STEM stem)
    set(made "${proto_output}/cipherfit/v1/${stem}")
    add_custom_command(
        OUTPUT "${made}.pb.cc" "${made}.pb.h" "${made}.grpc.pb.cc" "${made}.grpc.pb.h"
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${proto_output}"
        COMMAND protobuf::protoc "--proto_path=${PROJECT_SOURCE_DIR}/proto"
            "--cpp_out=${proto_output}" "--grpc_out=${proto_output}"
            "--plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>" "${proto}"
        DEPENDS ${proto_files} VERBATIM)
    list(APPEND proto_sources "${made}.pb.cc" "${made}.grpc.pb.cc")
endforeach()
add_library(cipherfit_proto STATIC ${proto_sources})
target_include_directories(cipherfit_proto SYSTEM PUBLIC "${proto_output}")
target_link_libraries(cipherfit_proto PUBLIC gRPC::grpc++ protobuf::libprotobuf Threads::Threads)
target_compile_features(cipherfit_proto PUBLIC cxx_std_20)
target_compile_options(cipherfit_proto PRIVATE -w -O1)
