#include "backbone/cnn/image_source.h"

#include "cipherfit/io/dataset.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/idx.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view batch_prefix = "data_batch_";

// Pictures of one size that were read whole.
class ImagesInMemory final : public ImageSource {
  public:
    ImagesInMemory(std::string file, IdxImages images, std::vector<int> labels,
                   std::vector<std::string> class_names)
        : file_(std::move(file)), images_(std::move(images)), labels_(std::move(labels)) {
        class_names_ = std::move(class_names);
    }
    std::size_t size() const override { return images_.count; }
    std::string name(std::size_t i) const override { return fmt::format("{}[{}]", file_, i); }
    int label(std::size_t i) const override { return labels_.at(i); }
    Expected<Image> load(std::size_t i) const override {
        const std::size_t pixels = images_.rows * images_.columns;
        const auto first = images_.pixels.begin() + static_cast<std::ptrdiff_t>(i * pixels);
        return Image{static_cast<int>(images_.rows),
                     static_cast<int>(images_.columns),
                     1,
                     {first, first + static_cast<std::ptrdiff_t>(pixels)}};
    }

  private:
    std::string file_;
    IdxImages images_;
    std::vector<int> labels_;
};

std::vector<fs::path> cifar_batches(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(batch_prefix) && name.ends_with(".bin")) {
            files.push_back(entry.path());
        }
    }
    std::ranges::sort(files);
    return files;
}

bool begins_as_idx(const fs::path& path) {
    std::array<std::uint8_t, 3> magic{};
    const auto source = value_or_throw(FileSource::open(path));
    return source->size() >= magic.size() && source->read_at(0, magic) &&
           magic == std::array<std::uint8_t, 3>{0, 0, 8};
}

}  // namespace

std::unique_ptr<ImageSource> open_idx_images(const fs::path& path,
                                             const std::optional<fs::path>& labels) {
    IdxImages images = value_or_throw(read_idx_images(path));
    const fs::path labels_path = labels ? *labels : value_or_throw(labels_beside(path));
    const auto values = value_or_throw(read_idx_labels(labels_path));
    require(values.size() == images.count, ErrorCode::bad_input,
            "{}: has {} images, but {} has {} labels", path.string(), images.count,
            labels_path.string(), values.size());
    require(images.rows * images.columns <= static_cast<std::size_t>(max_image_pixels),
            ErrorCode::bad_input, "{}: images of {} x {} pixels are too large", path.string(),
            images.columns, images.rows);
    std::map<int, int> index;
    for (const int value : values) {
        index.emplace(value, 0);
    }
    std::vector<std::string> names;
    for (auto& [value, at] : index) {
        at = static_cast<int>(names.size());
        names.push_back(std::to_string(value));
    }
    std::vector<int> classes;
    classes.reserve(values.size());
    for (const int value : values) {
        classes.push_back(index.at(value));
    }
    return std::make_unique<ImagesInMemory>(path.filename().string(), std::move(images),
                                            std::move(classes), std::move(names));
}

std::unique_ptr<ImageSource> open_image_source(const fs::path& path,
                                               const std::optional<fs::path>& labels) {
    std::error_code error;
    const auto status = fs::status(path, error);
    require(fs::exists(status), ErrorCode::io_failure, "{}: there is no such file or folder",
            path.string());
    if (!fs::is_directory(status) && begins_as_idx(path)) {
        return open_idx_images(path, labels);
    }
    require(!labels, ErrorCode::bad_input,
            "a file of labels goes with IDX images; {} brings its own labels", path.string());
    if (!fs::is_directory(status)) {
        return open_cifar10({path});
    }
    const auto batches = cifar_batches(path);
    return batches.empty() ? open_image_folder(path) : open_cifar10(batches);
}

}  // namespace cipherfit
