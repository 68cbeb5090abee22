#include "cli/extraction.h"

#include "backbone/cnn/thumbnail.h"
#include "cipherfit/base/parallel.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/npy.h"
#include "cli/extracted_rows.h"
#include "cli/owner_files.h"
#include "common/signals.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

// Pictures between two looks at the signals.
constexpr std::size_t check_piece = 64;
constexpr std::size_t run_piece = 32;

constexpr std::array<std::string_view, 8> own_names{
    "features.npy",   "labels.npy",       "class_names.json",     "extraction.json",
    "thumbnails.npy", RowFile::rows_name, RowFile::identity_name, ".lock"};

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
    int height = 0, width = 0, channels = 0;
};

// Gathers what the small copies' shape depends on.
class ThumbnailShape {
  public:
    void add(const Checked& image) {
        same_ = same_ && (channels_ == 0 || (image.height == height_ && image.width == width_));
        height_ = image.height;
        width_ = image.width;
        channels_ = std::max(channels_, image.channels);
    }
    PictureShape shape() const {
        return same_ ? thumbnail_shape(height_, width_, channels_)
                     : thumbnail_shape(thumbnail_side, thumbnail_side, channels_);
    }

  private:
    bool same_ = true;
    int height_ = 0, width_ = 0, channels_ = 0;
};

bool holds_other_than_features(const fs::path& directory) {
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

void extract_rows(const Extraction& extraction, RowFile& rows, ProgressLine& line) {
    const std::vector<std::size_t>& good = extraction.images.good;
    const std::size_t before = rows.rows();
    const auto started = std::chrono::steady_clock::now();
    while (rows.rows() < good.size()) {
        check_interrupt();
        const std::size_t first = rows.rows();
        const std::size_t count = std::min(run_piece, good.size() - first);
        std::vector<Image> thumbnails(count);
        const RowMatrixF32 features = extraction.network.run(count, [&](std::size_t i) {
            auto image = extraction.source.load(good[first + i]);
            require(image.has_value(), ErrorCode::io_failure,
                    "{}: changed while it was read; give the same command again",
                    extraction.source.name(good[first + i]));
            thumbnails[i] = thumbnail(*image, extraction.images.thumbnail);
            return std::move(*image);
        });
        rows.append(features, thumbnails);
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started;
        line.update(static_cast<double>(rows.rows()) / static_cast<double>(good.size()),
                    fmt::format("{} of {} images, {:.0f} a second", format_count(rows.rows()),
                                format_count(good.size()),
                                static_cast<double>(rows.rows() - before) / spent.count()));
    }
}

void write_thumbnails(const Extraction& extraction, const RowFile& rows) {
    auto file = value_or_throw(
        AtomicFile::create(extraction.out / "thumbnails.npy", {.exclusive = false, .mode = 0600}));
    value_or_throw(write_pictures(file, rows.rows(), extraction.images.thumbnail,
                                  [&rows](std::size_t i, std::span<std::uint8_t> pixels) {
                                      return rows.read_thumbnail(i, pixels);
                                  }));
}

void write_results(const Extraction& extraction, const RowMatrixF32& features,
                   const RowFile& rows) {
    std::vector<std::int64_t> labels;
    labels.reserve(extraction.images.good.size());
    for (const std::size_t i : extraction.images.good) {
        labels.push_back(extraction.source.label(i));
    }
    value_or_throw(write_npy(extraction.out / "features.npy", features));
    value_or_throw(write_npy(extraction.out / "labels.npy", std::span<const std::int64_t>(labels)));
    write_json(extraction.out / "class_names.json", extraction.source.class_names());
    write_thumbnails(extraction, rows);
    write_json(extraction.out / "extraction.json", extraction.about);
}

}  // namespace

CheckedImages check_images(const ImageSource& source, std::size_t begin, std::size_t end,
                           ProgressLine& line) {
    CheckedImages result;
    ThumbnailShape thumbnails;
    Sha256 all;
    for (const std::string& name : source.class_names()) {
        feed(all, name);
    }
    for (std::size_t first = begin; first < end; first += check_piece) {
        check_interrupt();
        std::vector<Checked> checked(std::min(check_piece, end - first));
        parallel_for(0, checked.size(), [&](std::size_t i) {
            const auto image = source.load(first + i);
            checked[i] =
                image ? Checked{digest_of(*image), {}, image->height, image->width, image->channels}
                      : Checked{{}, image.error().message};
        });
        for (std::size_t i = 0; i < checked.size(); ++i) {
            if (checked[i].reason.empty()) {
                result.good.push_back(first + i);
                feed(all, fmt::format("{}", source.label(first + i)));
                all.update(checked[i].digest);
                thumbnails.add(checked[i]);
            } else {
                result.bad.push_back({first + i, checked[i].reason});
            }
        }
        line.update(static_cast<double>(first - begin) / static_cast<double>(end - begin), "");
    }
    result.digest = to_hex(all.finish());
    result.thumbnail = thumbnails.shape();
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
    require(!holds_other_than_features(out), ErrorCode::bad_input,
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

void remove_leftovers(const Extraction& extraction) {
    const auto lock = value_or_throw(DirectoryLock::acquire(extraction.out));
    remove_stale_files(extraction.out);
    for (const std::string_view name : {RowFile::rows_name, RowFile::identity_name}) {
        fs::remove(extraction.out / name);
    }
}

std::size_t run_extraction(const Extraction& extraction, ProgressLine& line) {
    make_directory(extraction.out);
    const auto lock = value_or_throw(DirectoryLock::acquire(extraction.out));
    remove_stale_files(extraction.out);
    fs::remove(extraction.out / "extraction.json");
    line.phase("features");
    RowFile rows(extraction.out, extraction.identity(), extraction.network.dimension(),
                 extraction.images.thumbnail.bytes());
    const std::size_t before = rows.rows();
    extract_rows(extraction, rows, line);
    rows.finish();
    const RowMatrixF32 features = rows.read_features();
    for (Eigen::Index i = 0; i < features.rows(); ++i) {
        require(features.row(i).allFinite(), ErrorCode::bad_input,
                "{}: the network's features of it are not finite: use another network, or correct "
                "mean and scale of its description",
                extraction.source.name(extraction.images.good[static_cast<std::size_t>(i)]));
    }
    write_results(extraction, features, rows);
    rows.remove();
    line.finish();
    return before;
}

}  // namespace cipherfit
