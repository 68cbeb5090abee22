#include "cli/named_output.h"

#include "cipherfit/io/file.h"
#include "cipherfit/io/npy.h"

#include <string>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr AtomicFileOptions named{.exclusive = false, .mode = 0600, .named_by_user = true};

}  // namespace

void write_named_text(const std::filesystem::path& path, std::string_view text) {
    value_or_throw(
        write_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, named));
}

void write_named_json(const std::filesystem::path& path, const nlohmann::json& json) {
    // Names of files and classes may be in any encoding.
    write_named_text(
        path, std::string_view(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                               "\n"));
}

void write_named_npy(const std::filesystem::path& path, const RowMatrix& values) {
    value_or_throw(write_npy(path, values, named));
}

}  // namespace cipherfit
