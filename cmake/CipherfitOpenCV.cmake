# cipherfit_opencv: OpenCV's core, imgproc and dnn. By hand: Debian has OpenCV's CMake files only in
# the package that pulls in all of its modules.
find_path(OPENCV_INCLUDE opencv2/dnn.hpp PATH_SUFFIXES opencv4 REQUIRED)
add_library(cipherfit_opencv INTERFACE)

# Debian's shared core needs GLX, and with it X11. The static one needs a function of GLX alone, as
# long as what draws is left out; src/backbone/cnn/no_opengl.cpp has it.
if(CIPHERFIT_PORTABLE)
    foreach(library opencv_dnn opencv_imgproc opencv_core)
        find_library(CIPHERFIT_STATIC_${library} lib${library}.a REQUIRED)
        target_link_libraries(cipherfit_opencv INTERFACE "${CIPHERFIT_STATIC_${library}}")
    endforeach()
    # The names of the files, where the packages for development are not installed.
    find_library(CIPHERFIT_LAPACK NAMES lapack liblapack.so.3 REQUIRED)
    find_library(CIPHERFIT_BLAS NAMES blas libblas.so.3 REQUIRED)
    find_package(Protobuf REQUIRED)
    find_package(ZLIB REQUIRED)
    target_link_libraries(cipherfit_opencv INTERFACE protobuf::libprotobuf ZLIB::ZLIB
        ${CIPHERFIT_LAPACK} ${CIPHERFIT_BLAS} TBB::tbb ${CMAKE_DL_LIBS})
    target_link_options(cipherfit_opencv INTERFACE -Wl,--gc-sections -Wl,--as-needed
        -Wl,-u,glXGetProcAddressARB)  # wanted once its library has been gone through
    set_source_files_properties("${PROJECT_SOURCE_DIR}/src/backbone/cnn/no_opengl.cpp" PROPERTIES
        COMPILE_DEFINITIONS CIPHERFIT_STATIC_OPENCV)
else()
    foreach(module core imgproc dnn)
        find_library(OPENCV_${module} opencv_${module} REQUIRED)
    endforeach()
    target_link_libraries(cipherfit_opencv INTERFACE ${OPENCV_dnn} ${OPENCV_imgproc} ${OPENCV_core})
endif()
