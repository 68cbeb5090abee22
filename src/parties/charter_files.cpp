#include "cipherfit/parties/charter_files.h"

#include "cipherfit/io/file.h"
#include "parties/failed.h"

#include <algorithm>
#include <system_error>

namespace cipherfit {

namespace fs = std::filesystem;

fs::path CharterFiles::signature(std::uint32_t member) const {
    return directory / "signatures" / fmt::format("{:03}.sig", member);
}

Expected<void> write_charter(const CharterFiles& files, const Charter& charter) {
    if (auto checked = check_charter(charter); !checked) {
        return checked;
    }
    for (const fs::path& path :
         {files.directory, files.directory / "signatures", files.messages()}) {
        std::error_code error;
        fs::create_directories(path, error);
        if (error) {
            return make_error(ErrorCode::io_failure, "{}: {}", path.string(), error.message());
        }
    }
    return write_file(files.charter(), to_bytes(charter), {.exclusive = true});
}

Expected<void> write_signature(const CharterFiles& files, std::uint32_t member,
                               const Signature& signature) {
    return write_file(files.signature(member), signature);
}

Expected<SignedCharter> read_charter(const CharterFiles& files) {
    const auto bytes = read_file(files.charter(), largest_charter_bytes);
    if (!bytes) {
        return failed(bytes);
    }
    auto charter = charter_from_bytes(*bytes);
    if (!charter) {
        return make_error(charter.error().code, "{}: {}", files.charter().string(),
                          charter.error().message);
    }
    SignedCharter result(std::move(*charter));
    for (std::uint32_t member = 0; member < result.signatures.size(); ++member) {
        const fs::path path = files.signature(member);
        std::error_code none;
        if (!fs::exists(path, none)) {
            continue;
        }
        Signature signature{};
        const auto read = read_file(path, signature.size());
        if (!read) {
            return failed(read);
        }
        if (read->size() != signature.size()) {
            return make_error(ErrorCode::corrupt_data, "{}: a signature has {} bytes, and this {}",
                              path.string(), signature.size(), read->size());
        }
        std::ranges::copy(*read, signature.begin());
        if (const auto added = result.add(member, signature); !added) {
            return make_error(added.error().code, "{}: {}", path.string(), added.error().message);
        }
    }
    return result;
}

}  // namespace cipherfit
