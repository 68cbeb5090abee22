#include "cipherfit/io/picture_file.h"

#include "cipherfit/io/file.h"
#include "io/npy_header.h"

#include <utility>

namespace cipherfit {
namespace {

constexpr std::size_t dimensions = 4;

}  // namespace

Expected<PictureFile> PictureFile::open(const std::filesystem::path& path) {
    auto source = FileSource::open(path);
    if (!source) {
        return tl::unexpected<ErrorInfo>(source.error());
    }
    return open(std::move(*source));
}

Expected<PictureFile> PictureFile::open(std::unique_ptr<ByteSource> source) {
    const auto header = read_npy_header(*source, dimensions);
    if (!header) {
        return tl::unexpected<ErrorInfo>(header.error());
    }
    const std::vector<std::uint64_t>& shape = header->shape;
    if (shape.size() != dimensions || header->type != NpyType::unsigned_integer ||
        header->item_bytes != 1 || header->fortran_order || shape[1] == 0 || shape[2] == 0 ||
        (shape[3] != 1 && shape[3] != 3)) {
        return make_error(ErrorCode::bad_input,
                          "{}: holds no pictures, which are bytes of count x height x width x 1 or "
                          "3 in C order",
                          source->name());
    }
    PictureFile file;
    file.offset_ = header->data_offset;
    file.count_ = shape[0];
    file.shape_ = {shape[1], shape[2], shape[3]};
    file.source_ = std::move(source);
    return file;
}

Expected<std::vector<std::uint8_t>> PictureFile::read(std::size_t i) const {
    require(i < count_, ErrorCode::invalid_argument, "{}: picture {} of {}", source_->name(), i,
            count_);
    std::vector<std::uint8_t> pixels(shape_.bytes());
    if (auto done = source_->read_at(offset_ + i * pixels.size(), pixels); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return pixels;
}

Expected<void> write_pictures(
    ByteSink& sink, std::size_t count, const PictureShape& shape,
    const std::function<Expected<void>(std::size_t i, std::span<std::uint8_t> pixels)>& fill) {
    const std::string header = npy_header_bytes(
        "|u1", fmt::format("({}, {}, {}, {})", count, shape.height, shape.width, shape.channels));
    if (auto done =
            sink.write({reinterpret_cast<const std::uint8_t*>(header.data()), header.size()});
        !done) {
        return done;
    }
    std::vector<std::uint8_t> pixels(shape.bytes());
    for (std::size_t i = 0; i < count; ++i) {
        if (auto done = fill(i, pixels); !done) {
            return done;
        }
        if (auto done = sink.write(pixels); !done) {
            return done;
        }
    }
    return sink.commit();
}

}  // namespace cipherfit
