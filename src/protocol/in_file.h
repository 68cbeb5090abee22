// Errors that name the file they are about.
#pragma once

#include "protocol/packing.h"

#include <filesystem>
#include <string>
#include <utility>

namespace cipherfit {

// Runs f as expected() does. The file's name goes before what is wrong in it, unless the message
// has it already.
template <class F>
auto in_file(const std::filesystem::path& path, F&& f) {
    return expected([&] {
        try {
            return f();
        } catch (const Error& error) {
            const std::string what = error.what();
            if (what.find(path.string()) != std::string::npos) {
                throw;
            }
            throw Error(error.code(), fmt::format("{}: {}", path.string(), what));
        }
    });
}

}  // namespace cipherfit
