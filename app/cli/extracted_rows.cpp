#include "cli/extracted_rows.h"

#include "cli/owner_files.h"

#include <vector>

namespace cipherfit {

namespace fs = std::filesystem;

std::string identity_in(const fs::path& file) {
    std::error_code ignored;
    return fs::exists(file, ignored) ? read_json(file).value("identity", "") : "";
}

RowFile::RowFile(const fs::path& directory, const std::string& identity, Eigen::Index features,
                 std::size_t thumbnail_bytes)
    : path_(directory / rows_name),
      owner_(directory / identity_name),
      features_(features),
      feature_bytes_(static_cast<std::size_t>(features) * sizeof(float)),
      thumbnail_bytes_(thumbnail_bytes) {
    if (identity_in(owner_) == identity && fs::exists(path_) &&
        read_json(owner_).value("row_bytes", nlohmann::json()) == row_bytes()) {
        rows_ = fs::file_size(path_) / row_bytes();
        fs::resize_file(path_, rows_ * row_bytes());
    } else {
        fs::remove(path_);
        write_json(owner_, {{"identity", identity}, {"row_bytes", row_bytes()}});
    }
    stream_.open(path_, std::ios::binary | std::ios::app);
    fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_write);
}

void RowFile::finish() {
    stream_.close();
    source_ = value_or_throw(FileSource::open(path_));
}

void RowFile::append(const RowMatrixF32& features, std::span<const Image> thumbnails) {
    for (std::size_t i = 0; i < thumbnails.size(); ++i) {
        const auto row = static_cast<Eigen::Index>(i);
        stream_.write(reinterpret_cast<const char*>(features.row(row).data()),
                      static_cast<std::streamsize>(feature_bytes_));
        stream_.write(reinterpret_cast<const char*>(thumbnails[i].pixels.data()),
                      static_cast<std::streamsize>(thumbnail_bytes_));
    }
    stream_.flush();
    require(stream_.good(), ErrorCode::io_failure,
            "cannot write {}: the disk may be full; give the same command again to go on",
            path_.string());
    rows_ += thumbnails.size();
}

RowMatrixF32 RowFile::read_features() const {
    RowMatrixF32 result(static_cast<Eigen::Index>(rows_), features_);
    for (Eigen::Index i = 0; i < result.rows(); ++i) {
        value_or_throw(source_->read_at(
            static_cast<std::size_t>(i) * row_bytes(),
            {reinterpret_cast<std::uint8_t*>(result.row(i).data()), feature_bytes_}));
    }
    return result;
}

Expected<void> RowFile::read_thumbnail(std::size_t row, std::span<std::uint8_t> pixels) const {
    return source_->read_at(row * row_bytes() + feature_bytes_, pixels);
}

void RowFile::remove() {
    fs::remove(path_);
    fs::remove(owner_);
}

}  // namespace cipherfit
