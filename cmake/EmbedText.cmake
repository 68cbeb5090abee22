# Writes a C++ source that holds text files as string literals:
#   cmake -DOUTPUT=resources.cpp -DNAMES=page;style -DFILES=a.html;b.css -P EmbedText.cmake
# defines `extern const std::string_view resource_<name>` of namespace cipherfit for each.
set(text "#include <string_view>\nnamespace cipherfit {\n")
foreach(name file IN ZIP_LISTS NAMES FILES)
    file(READ "${file}" content)
    string(FIND "${content}" ")resource\"" clash)
    if(NOT clash EQUAL -1)
        message(FATAL_ERROR "${file}: holds the end mark of the literal that it becomes")
    endif()
    string(APPEND text "extern const std::string_view resource_${name};\n"
        "const std::string_view resource_${name} = R\"resource(${content})resource\";\n")
endforeach()
string(APPEND text "}  // namespace cipherfit\n")
file(WRITE "${OUTPUT}" "${text}")
