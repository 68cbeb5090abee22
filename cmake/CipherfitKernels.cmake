# Compiler flags of the kernels (src/math/kernels), file by file: each instruction set's folder is
# compiled with exactly its flags and nothing else is.
set(kernels "${PROJECT_SOURCE_DIR}/src/math/kernels")
set(optimise "$<$<NOT:$<CONFIG:Debug>>:-O3>")

file(GLOB scalar_kernels CONFIGURE_DEPENDS "${kernels}/scalar/*.cpp")
set_source_files_properties(${scalar_kernels} PROPERTIES COMPILE_OPTIONS "${optimise}")
