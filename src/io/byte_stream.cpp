#include "cipherfit/io/byte_stream.h"

#include <cstring>

namespace cipherfit {

Expected<void> MemorySource::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
        return make_error(ErrorCode::corrupt_data, "{}: ends at byte {}, within what is being read",
                          name_, bytes_.size());
    }
    if (!out.empty()) {
        std::memcpy(out.data(), bytes_.data() + offset, out.size());
    }
    return {};
}

Expected<void> MemorySink::write(std::span<const std::uint8_t> bytes) {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    return {};
}

Expected<void> MemorySink::commit() {
    target_->insert(target_->end(), pending_.begin(), pending_.end());
    return {};
}

}  // namespace cipherfit
