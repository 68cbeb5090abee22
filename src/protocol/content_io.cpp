#include "protocol/content_io.h"

namespace cipherfit {

Expected<std::vector<std::uint8_t>> read_all(ByteSource& source, std::size_t most) {
    if (source.size() > most) {
        return make_error(ErrorCode::bad_input, "{}: has {} bytes; at most {} are accepted here",
                          source.name(), source.size(), most);
    }
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(source.size()));
    return source.read_at(0, bytes).map([&] { return std::move(bytes); });
}

Expected<void> write_all(ContentSink to, std::span<const std::uint8_t> bytes) {
    auto sink = to.take();
    if (!sink) {
        return tl::unexpected<ErrorInfo>(sink.error());
    }
    return (*sink)->write(bytes).and_then([&] { return (*sink)->commit(); });
}

}  // namespace cipherfit
