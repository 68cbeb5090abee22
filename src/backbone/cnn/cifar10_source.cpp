// CIFAR-10's binary version as pictures.
#include "backbone/cnn/image_source.h"
#include "cipherfit/io/cifar.h"
#include "cipherfit/io/file.h"

#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_names_bytes = 4096;

// One name a line; the digits where there is no such file or it has not ten lines.
std::vector<std::string> names_beside(const fs::path& batch) {
    std::vector<std::string> names;
    if (const auto bytes = read_file(batch.parent_path() / "batches.meta.txt", max_names_bytes)) {
        std::string line;
        for (const std::uint8_t byte : *bytes) {
            if (byte != '\n' && byte != '\r') {
                line += static_cast<char>(byte);
            } else if (!line.empty()) {
                names.push_back(std::exchange(line, {}));
            }
        }
        if (!line.empty()) {
            names.push_back(line);
        }
    }
    if (names.size() != Cifar10::classes) {
        names.clear();
        for (std::size_t i = 0; i < Cifar10::classes; ++i) {
            names.push_back(std::to_string(i));
        }
    }
    return names;
}

class Cifar10Source final : public ImageSource {
  public:
    explicit Cifar10Source(const std::vector<fs::path>& files) {
        for (const fs::path& file : files) {
            const Cifar10 batch = value_or_throw(read_cifar10(file));
            for (std::size_t i = 0; i < batch.labels.size(); ++i) {
                names_.push_back(fmt::format("{}[{}]", file.filename().string(), i));
            }
            all_.labels.insert(all_.labels.end(), batch.labels.begin(), batch.labels.end());
            all_.pixels.insert(all_.pixels.end(), batch.pixels.begin(), batch.pixels.end());
        }
        class_names_ = names_beside(files.front());
    }

    std::size_t size() const override { return names_.size(); }
    std::string name(std::size_t i) const override { return names_.at(i); }
    int label(std::size_t i) const override { return all_.labels.at(i); }
    Expected<Image> load(std::size_t i) const override {
        Image image{static_cast<int>(Cifar10::side), static_cast<int>(Cifar10::side), 3, {}};
        image.pixels.resize(image.size());
        const std::uint8_t* planes = all_.pixels.data() + i * Cifar10::pixels_per_image;
        for (std::size_t at = 0; at < Cifar10::plane; ++at) {
            for (std::size_t channel = 0; channel < 3; ++channel) {
                image.pixels[3 * at + channel] = planes[channel * Cifar10::plane + at];
            }
        }
        return image;
    }

  private:
    std::vector<std::string> names_;
    Cifar10 all_;
};

}  // namespace

std::unique_ptr<ImageSource> open_cifar10(const std::vector<fs::path>& files) {
    return std::make_unique<Cifar10Source>(files);
}

}  // namespace cipherfit
