# Compiler flags of the kernels (src/math/kernels), file by file: each instruction set's folder is
# compiled with exactly its flags and nothing else is.
set(kernels "${PROJECT_SOURCE_DIR}/src/math/kernels")
set(optimise "$<$<NOT:$<CONFIG:Debug>>:-O3>")
# g++ 12 takes the undefined vectors inside its own AVX-512 headers for uninitialised variables.
set(quiet "$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized;-Wno-maybe-uninitialized>")

file(GLOB scalar_kernels CONFIGURE_DEPENDS "${kernels}/scalar/*.cpp")
file(GLOB avx2_kernels CONFIGURE_DEPENDS "${kernels}/avx2/*.cpp")
file(GLOB ifma_kernels CONFIGURE_DEPENDS "${kernels}/ifma/*.cpp")
set_source_files_properties(${scalar_kernels} PROPERTIES COMPILE_OPTIONS "${optimise}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    set_source_files_properties(${avx2_kernels} PROPERTIES
        COMPILE_OPTIONS "${optimise};-mavx2;-mfma")
    set_source_files_properties(${ifma_kernels} PROPERTIES
        COMPILE_OPTIONS "${optimise};-mavx512f;-mavx512dq;-mavx512vl;-mavx512ifma;${quiet}")
else()
    set_source_files_properties(${avx2_kernels} ${ifma_kernels} PROPERTIES HEADER_FILE_ONLY ON)
endif()
