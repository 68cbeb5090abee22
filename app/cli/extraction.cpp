#include "cli/extraction.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/npy.h"
#include "cli/owner_files.h"
#include "common/signals.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

// Pictures between two looks at the signals.
constexpr std::size_t check_piece = 64;
constexpr std::size_t run_piece = 32;

constexpr std::string_view rows_name = ".rows";
constexpr std::string_view rows_identity_name = ".rows.json";
constexpr std::array<std::string_view, 7> own_names{
    "features.npy",     "labels.npy", "class_names.json", "extraction.json", rows_name,
    rows_identity_name, ".lock"};

Digest digest_of(const Image& image) {
    Sha256 hash;
    const std::array<int, 3> shape{image.height, image.width, image.channels};
    hash.update({reinterpret_cast<const std::uint8_t*>(shape.data()), sizeof(shape)});
    hash.update(image.pixels);
    return hash.finish();
}

// Control characters in names would break the line.
std::string printable(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            c = '?';
        }
    }
    return text;
}

void feed(Sha256& hash, std::string_view text) {
    hash.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    hash.update(std::array<std::uint8_t, 1>{0});
}

struct Checked {
    Digest digest{};
    std::string reason;  // empty: a good picture
};

bool holds_foreign_files(const fs::path& directory) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        const std::string name = entry.path().filename().string();
        if (std::ranges::find(own_names, name) == own_names.end() &&
            !name.starts_with(".cipherfit-")) {
            return true;
        }
    }
    return false;
}

std::string identity_in(const fs::path& file) {
    std::error_code ignored;
    return fs::exists(file, ignored) ? read_json(file).value("identity", "") : "";
}

// The rows on the disk: whole rows that belong to this extraction; the rest is cut off.
class RowFile {
  public:
    RowFile(const fs::path& directory, const std::string& identity, std::size_t row_bytes)
        : path_(directory / rows_name), row_bytes_(row_bytes) {
        const fs::path owner = directory / rows_identity_name;
        if (identity_in(owner) == identity && fs::exists(path_)) {
            rows_ = fs::file_size(path_) / row_bytes;
            fs::resize_file(path_, rows_ * row_bytes);
        } else {
            fs::remove(path_);
            write_json(owner, {{"identity", identity}}, true);
        }
        stream_.open(path_, std::ios::binary | std::ios::app);
    }
    std::size_t rows() const noexcept { return rows_; }
    void append(const RowMatrixF32& features) {
        const auto count = static_cast<std::size_t>(features.rows());
        stream_.write(reinterpret_cast<const char*>(features.data()),
                      static_cast<std::streamsize>(count * row_bytes_));
        stream_.flush();
        require(stream_.good(), ErrorCode::io_failure,
                "cannot write {}: the disk may be full; give the same command again to go on",
                path_.string());
        rows_ += count;
    }
    RowMatrixF32 read(Eigen::Index columns) const {
        const auto bytes = value_or_throw(read_file(path_, rows_ * row_bytes_));
        RowMatrixF32 result(static_cast<Eigen::Index>(rows_), columns);
        require(bytes.size() == rows_ * row_bytes_, ErrorCode::io_failure,
                "{}: changed while it was in use", path_.string());
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(result.data()));
        return result;
    }

  private:
    fs::path path_;
    std::size_t row_bytes_;
    std::size_t rows_ = 0;
    std::ofstream stream_;
};

void extract_rows(const Extraction& extraction, RowFile& rows, ProgressLine& line) {
    const std::vector<std::size_t>& good = extraction.images.good;
    const std::size_t before = rows.rows();
    const auto started = std::chrono::steady_clock::now();
    while (rows.rows() < good.size()) {
        check_interrupt();
        const std::size_t first = rows.rows();
        const std::size_t count = std::min(run_piece, good.size() - first);
        rows.append(extraction.network.run(count, [&](std::size_t i) {
            auto image = extraction.source.load(good[first + i]);
            require(image.has_value(), ErrorCode::io_failure,
                    "{}: changed while it was read; give the same command again",
                    extraction.source.name(good[first + i]));
            return std::move(*image);
        }));
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started;
        line.update(static_cast<double>(rows.rows()) / static_cast<double>(good.size()),
                    fmt::format("{} of {} images, {:.0f} a second", format_count(rows.rows()),
                                format_count(good.size()),
                                static_cast<double>(rows.rows() - before) / spent.count()));
    }
}

void write_results(const Extraction& extraction, const RowMatrixF32& features) {
    std::vector<std::int64_t> labels;
    labels.reserve(extraction.images.good.size());
    for (const std::size_t i : extraction.images.good) {
        labels.push_back(extraction.source.label(i));
    }
    value_or_throw(write_npy(extraction.out / "features.npy", features));
    value_or_throw(write_npy(extraction.out / "labels.npy", std::span<const std::int64_t>(labels)));
    write_json(extraction.out / "class_names.json", extraction.source.class_names(), false);
    write_json(extraction.out / "extraction.json", extraction.about, false);
}

}  // namespace

CheckedImages check_images(const ImageSource& source, std::size_t begin, std::size_t end,
                           ProgressLine& line) {
    CheckedImages result;
    Sha256 all;
    for (const std::string& name : source.class_names()) {
        feed(all, name);
    }
    for (std::size_t first = begin; first < end; first += check_piece) {
        check_interrupt();
        std::vector<Checked> checked(std::min(check_piece, end - first));
        parallel_for(0, checked.size(), [&](std::size_t i) {
            const auto image = source.load(first + i);
            image ? void(checked[i].digest = digest_of(*image))
                  : void(checked[i].reason = image.error().message);
        });
        for (std::size_t i = 0; i < checked.size(); ++i) {
            if (checked[i].reason.empty()) {
                result.good.push_back(first + i);
                feed(all, fmt::format("{}", source.label(first + i)));
                all.update(checked[i].digest);
            } else {
                result.bad.push_back({first + i, checked[i].reason});
            }
        }
        line.update(static_cast<double>(first - begin) / static_cast<double>(end - begin), "");
    }
    result.digest = to_hex(all.finish());
    return result;
}

std::string list_of(const ImageSource& source, const std::vector<BadImage>& bad, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < std::min(most, bad.size()); ++i) {
        text += fmt::format("{}{} ({})", i == 0 ? "" : ", ", printable(source.name(bad[i].index)),
                            bad[i].reason);
    }
    return bad.size() > most ? text + fmt::format(" and {} more", bad.size() - most) : text;
}

std::string Extraction::identity() const {
    Sha256 hash;
    feed(hash, network.fingerprint());
    feed(hash, images.digest);
    return to_hex(hash.finish());
}

bool is_complete(const Extraction& extraction, bool force) {
    const fs::path& out = extraction.out;
    std::error_code error;
    if (!fs::exists(out, error)) {
        return false;
    }
    require(fs::is_directory(out, error), ErrorCode::bad_input,
            "{}: is not a directory: choose another --out", out.string());
    require(!holds_foreign_files(out), ErrorCode::bad_input,
            "{}: is not empty and not of an earlier extraction: choose another --out",
            out.string());
    if (force) {
        return false;
    }
    const std::string complete = identity_in(out / "extraction.json");
    require(complete.empty() || complete == extraction.identity(), ErrorCode::bad_input,
            "{}: holds the features of other images or of another network: choose another --out, "
            "or give --force to replace them",
            out.string());
    return !complete.empty();
}

std::size_t run_extraction(const Extraction& extraction, ProgressLine& line) {
    make_directory(extraction.out);
    const auto lock = value_or_throw(DirectoryLock::acquire(extraction.out));
    remove_stale_files(extraction.out);
    fs::remove(extraction.out / "extraction.json");
    line.phase("features");
    const auto columns = static_cast<std::size_t>(extraction.network.dimension());
    RowFile rows(extraction.out, extraction.identity(), columns * sizeof(float));
    const std::size_t before = rows.rows();
    extract_rows(extraction, rows, line);
    const RowMatrixF32 features = rows.read(extraction.network.dimension());
    for (Eigen::Index i = 0; i < features.rows(); ++i) {
        require(features.row(i).allFinite(), ErrorCode::bad_input,
                "{}: the network's features of it are not finite: use another network, or correct "
                "mean and scale of its description",
                extraction.source.name(extraction.images.good[static_cast<std::size_t>(i)]));
    }
    write_results(extraction, features);
    fs::remove(extraction.out / rows_name);
    fs::remove(extraction.out / rows_identity_name);
    line.finish();
    return before;
}

}  // namespace cipherfit
