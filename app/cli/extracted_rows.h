// Rows of an extraction on the disk, as they come.
#pragma once

#include "backbone/cnn/image.h"
#include "cipherfit/base/error.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/matrix.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <Eigen/Core>

namespace cipherfit {

// A picture's features and its small copy, side by side, so that neither is there without the other
// after a stop.
class RowFile {
  public:
    static constexpr std::string_view rows_name = ".rows";
    static constexpr std::string_view identity_name = ".rows.json";

    // Keeps the whole rows that are there where they belong to this extraction and have this size,
    // and cuts off the rest. Throws Error(io_failure).
    RowFile(const std::filesystem::path& directory, const std::string& identity,
            Eigen::Index features, std::size_t thumbnail_bytes);

    std::size_t rows() const noexcept { return rows_; }
    // One copy for each row of features. Throws Error(io_failure).
    void append(const RowMatrixF32& features, std::span<const Image> thumbnails);
    // No more rows: from here on they can be read.
    void finish();
    RowMatrixF32 read_features() const;
    Expected<void> read_thumbnail(std::size_t row, std::span<std::uint8_t> pixels) const;
    // Removes the file; call once its rows are elsewhere.
    void remove();

  private:
    std::size_t row_bytes() const noexcept { return feature_bytes_ + thumbnail_bytes_; }

    std::filesystem::path path_, owner_;
    Eigen::Index features_;
    std::size_t feature_bytes_, thumbnail_bytes_;
    std::size_t rows_ = 0;
    std::ofstream stream_;
    std::unique_ptr<FileSource> source_;
};

// The member "identity" of such a JSON file; empty where there is none.
std::string identity_in(const std::filesystem::path& file);

}  // namespace cipherfit
