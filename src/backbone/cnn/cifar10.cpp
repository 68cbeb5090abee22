// The binary version of CIFAR-10: records of a label and 32 x 32 pixels, first all red, then all
// green, then all blue (A. Krizhevsky, 'Learning Multiple Layers of Features from Tiny Images').
#include "backbone/cnn/image_source.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t side = 32;
constexpr std::size_t plane = side * side;
constexpr std::size_t record = 1 + 3 * plane;
constexpr std::size_t classes = 10;
constexpr std::size_t max_file_bytes = std::size_t{1} << 31U;

// One name a line; the digits where there is no such file or it has not ten lines.
std::vector<std::string> names_beside(const fs::path& batch) {
    std::vector<std::string> names;
    if (const auto bytes = read_file(batch.parent_path() / "batches.meta.txt", 4096)) {
        std::string line;
        for (const std::uint8_t byte : *bytes) {
            if (byte == '\n') {
                if (!line.empty()) {
                    names.push_back(std::exchange(line, {}));
                }
            } else if (byte != '\r') {
                line += static_cast<char>(byte);
            }
        }
        if (!line.empty()) {
            names.push_back(line);
        }
    }
    if (names.size() != classes) {
        names.clear();
        for (std::size_t i = 0; i < classes; ++i) {
            names.push_back(std::to_string(i));
        }
    }
    return names;
}

class Cifar10 final : public ImageSource {
  public:
    explicit Cifar10(const std::vector<fs::path>& files) {
        for (const fs::path& file : files) {
            const auto bytes = value_or_throw(read_file(file, max_file_bytes));
            require(!bytes.empty() && bytes.size() % record == 0, ErrorCode::bad_input,
                    "{}: has {} bytes, which is neither IDX nor a whole number of CIFAR-10 records "
                    "of {} bytes: give a folder of class folders, IDX images or CIFAR-10's binary "
                    "version",
                    file.string(), bytes.size(), record);
            for (std::size_t i = 0; i < bytes.size(); i += record) {
                require(bytes[i] < classes, ErrorCode::bad_input,
                        "{}: record {} has the label {}: CIFAR-10's binary version has 0 to 9",
                        file.string(), i / record, bytes[i]);
                names_.push_back(fmt::format("{}[{}]", file.filename().string(), i / record));
            }
            data_.insert(data_.end(), bytes.begin(), bytes.end());
        }
        class_names_ = names_beside(files.front());
    }

    std::size_t size() const override { return names_.size(); }
    std::string name(std::size_t i) const override { return names_.at(i); }
    int label(std::size_t i) const override { return data_.at(i * record); }
    Expected<Image> load(std::size_t i) const override {
        Image image{static_cast<int>(side), static_cast<int>(side), 3,
                    std::vector<std::uint8_t>(3 * plane)};
        const std::uint8_t* pixels = data_.data() + i * record + 1;
        for (std::size_t at = 0; at < plane; ++at) {
            for (std::size_t channel = 0; channel < 3; ++channel) {
                image.pixels[3 * at + channel] = pixels[channel * plane + at];
            }
        }
        return image;
    }

  private:
    std::vector<std::string> names_;
    std::vector<std::uint8_t> data_;
};

}  // namespace

std::unique_ptr<ImageSource> open_cifar10(const std::vector<fs::path>& files) {
    return std::make_unique<Cifar10>(files);
}

}  // namespace cipherfit
