# Fails where an object file of an instruction set's kernels defines a symbol that the linker may
# merge with other files' (weak or unique): such a copy would bring instructions to code that runs
# on every CPU.
#   cmake -D NM=nm -D "OBJECTS=a.o;b.o" -P CheckKernelSymbols.cmake
set(checked 0)
foreach(object IN LISTS OBJECTS)
    if(NOT object MATCHES "/kernels/(avx2|ifma)/.*\\.o$" OR NOT EXISTS "${object}")
        continue()
    endif()
    execute_process(COMMAND ${NM} --defined-only "${object}" OUTPUT_VARIABLE symbols
        RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "${NM} cannot read ${object}")
    endif()
    if(symbols MATCHES "[^\n]* [WwVvu] [^\n]*")
        message(FATAL_ERROR "${object} defines a shared symbol: ${CMAKE_MATCH_0}")
    endif()
    math(EXPR checked "${checked} + 1")
endforeach()
if(checked EQUAL 0)
    message(FATAL_ERROR "no object file of vector kernels among: ${OBJECTS}")
endif()
message(STATUS "${checked} object files share no code")
