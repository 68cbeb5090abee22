#include "cipherfit/parties/owner/release_record.h"

#include "cipherfit/io/file.h"

#include <algorithm>
#include <system_error>

namespace cipherfit {

Expected<void> record_release(const std::filesystem::path& file, const Digest& request) {
    std::error_code none;
    if (!std::filesystem::exists(file, none)) {
        return write_file(file, request, {.exclusive = true, .mode = 0600});
    }
    const auto before = read_file(file, request.size());
    if (!before) {
        return tl::unexpected<ErrorInfo>(before.error());
    }
    if (before->size() != request.size()) {
        return make_error(ErrorCode::corrupt_data, "{} does not hold the digest of a release",
                          file.string());
    }
    if (!std::ranges::equal(*before, request)) {
        return make_error(ErrorCode::bad_input,
                          "this holder answers the release {} and no other: {} asks for another "
                          "ciphertext or set of holders, and needs a new charter with new keys",
                          to_hex(std::span(*before).first(8)), to_hex(std::span(request).first(8)));
    }
    return {};
}

}  // namespace cipherfit
