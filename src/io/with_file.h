// Runs a reader of byte sources on a file.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/file.h"

#include <filesystem>
#include <utility>

namespace cipherfit {

// read(source) for the file at `path`, or the reason why it cannot be opened.
template <class F>
auto with_file(const std::filesystem::path& path, F&& read)
    -> decltype(read(std::declval<ByteSource&>())) {
    auto source = FileSource::open(path);
    if (!source) {
        return tl::unexpected<ErrorInfo>(source.error());
    }
    return read(**source);
}

}  // namespace cipherfit
