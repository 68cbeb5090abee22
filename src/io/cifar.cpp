#include "cipherfit/io/cifar.h"

#include "io/with_file.h"

#include <algorithm>
#include <array>
#include <span>

namespace cipherfit {
namespace {

constexpr std::size_t record = 1 + Cifar10::pixels_per_image;

}  // namespace

bool looks_like_cifar10(ByteSource& source) {
    if (source.size() == 0 || source.size() % record != 0) {
        return false;
    }
    const std::uint64_t records = std::min<std::uint64_t>(source.size() / record, 16);
    for (std::uint64_t i = 0; i < records; ++i) {
        std::array<std::uint8_t, 1> label{};
        if (!source.read_at(i * record, label) || label[0] >= Cifar10::classes) {
            return false;
        }
    }
    return true;
}

Expected<Cifar10> read_cifar10(ByteSource& source) {
    if (source.size() == 0 || source.size() % record != 0) {
        return make_error(ErrorCode::bad_input,
                          "{}: has {} bytes, which is no whole number of CIFAR-10's records of {} "
                          "bytes; copy the file again",
                          source.name(), source.size(), record);
    }
    const auto count = static_cast<std::size_t>(source.size() / record);
    Cifar10 result;
    result.labels.resize(count);
    result.pixels.resize(count * Cifar10::pixels_per_image);
    std::vector<std::uint8_t> bytes(record);
    for (std::size_t i = 0; i < count; ++i) {
        if (auto done = source.read_at(std::uint64_t{i} * record, bytes); !done) {
            return tl::unexpected<ErrorInfo>(done.error());
        }
        if (bytes[0] >= Cifar10::classes) {
            return make_error(
                ErrorCode::bad_input,
                "{}: record {} has the label {}; CIFAR-10's binary version has 0 to 9",
                source.name(), i + 1, bytes[0]);
        }
        result.labels[i] = bytes[0];
        std::ranges::copy(
            std::span(bytes).subspan(1),
            result.pixels.begin() + static_cast<std::ptrdiff_t>(i * Cifar10::pixels_per_image));
    }
    return result;
}

Expected<Cifar10> read_cifar10(const std::filesystem::path& path) {
    return with_file(path, [](ByteSource& source) { return read_cifar10(source); });
}

}  // namespace cipherfit
