// Files that a user named as outputs: what stands under the name is written through, never replaced
// by another kind of file (AtomicFileOptions::named_by_user), and readable by the user alone.
#pragma once

#include "cipherfit/io/matrix.h"

#include <filesystem>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// Throw Error(io_failure).
void write_named_text(const std::filesystem::path& path, std::string_view text);
void write_named_json(const std::filesystem::path& path, const nlohmann::json& json);
void write_named_npy(const std::filesystem::path& path, const RowMatrix& values);  // .npy

}  // namespace cipherfit
