# Compiler flags of the kernels (src/math/kernels), file by file: each instruction set's folder is
# compiled with exactly its flags and nothing else is. Kernels throw nothing; -fno-exceptions also
# keeps them free of the tables that the linker shares between files.
set(kernels "${PROJECT_SOURCE_DIR}/src/math/kernels")
set(kernel_flags "$<$<NOT:$<CONFIG:Debug>>:-O3>" -fno-exceptions)

file(GLOB scalar_kernels CONFIGURE_DEPENDS "${kernels}/scalar/*.cpp")
file(GLOB avx2_kernels CONFIGURE_DEPENDS "${kernels}/avx2/*.cpp")
file(GLOB ifma_kernels CONFIGURE_DEPENDS "${kernels}/ifma/*.cpp")
set_source_files_properties(${scalar_kernels} PROPERTIES COMPILE_OPTIONS "${kernel_flags}")
set(instruction_sets portable)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    list(APPEND instruction_sets avx2 avx512ifma)
    set_source_files_properties(${avx2_kernels} PROPERTIES
        COMPILE_OPTIONS "${kernel_flags};-mavx2;-mfma")
    set_source_files_properties(${ifma_kernels} PROPERTIES
        COMPILE_OPTIONS "${kernel_flags};-mavx512f;-mavx512dq;-mavx512vl;-mavx512ifma")
else()
    set_source_files_properties(${avx2_kernels} ${ifma_kernels} PROPERTIES HEADER_FILE_ONLY ON)
endif()

if(CIPHERFIT_TESTS)
    # The choice of a table is made once a process: one process for each choice. The last one names
    # no table and must be refused.
    foreach(isa IN LISTS instruction_sets ITEMS sse9)
        add_test(NAME math.CIPHERFIT_ISA=${isa} COMMAND test_math --gtest_filter=Dispatch.*)
        set_tests_properties(math.CIPHERFIT_ISA=${isa} PROPERTIES
            ENVIRONMENT CIPHERFIT_ISA=${isa} TIMEOUT 60)
    endforeach()
    # Sanitizers add shared symbols of their own.
    if(CMAKE_NM AND NOT CIPHERFIT_SANITIZE AND "avx2" IN_LIST instruction_sets)
        add_test(NAME math.kernels_share_no_code
            COMMAND ${CMAKE_COMMAND} -D NM=${CMAKE_NM} -D "OBJECTS=$<TARGET_OBJECTS:cipherfit_math>"
                -P "${PROJECT_SOURCE_DIR}/cmake/CheckKernelSymbols.cmake")
    endif()
endif()
