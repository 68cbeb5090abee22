// A folder of class folders.
#include "backbone/cnn/image_source.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_file_bytes = std::size_t{1} << 28U;

bool hidden(const fs::path& path) {
    return path.filename().string().starts_with(".");
}

// Files below the folder, in the order of their paths.
std::vector<fs::path> files_below(const fs::path& folder) {
    std::vector<fs::path> files;
    auto entry = fs::recursive_directory_iterator(folder);
    for (; entry != fs::recursive_directory_iterator(); ++entry) {
        if (hidden(entry->path())) {
            entry.disable_recursion_pending();
        } else if (!entry->is_directory()) {
            files.push_back(entry->path());
        }
    }
    std::ranges::sort(files);
    return files;
}

class ImageFolder final : public ImageSource {
  public:
    explicit ImageFolder(const fs::path& root) : root_(root) {
        std::vector<fs::path> folders;
        for (const auto& entry : fs::directory_iterator(root)) {
            if (hidden(entry.path())) {
                continue;
            }
            if (entry.is_directory()) {
                folders.push_back(entry.path());
            } else {
                items_.push_back({entry.path(), -1});
            }
        }
        std::ranges::sort(items_, {}, &Item::path);
        std::ranges::sort(folders);
        require(!folders.empty(), ErrorCode::bad_input,
                "{}: has no class folders: put the images of each class in a folder of its own, "
                "named for the class",
                root.string());
        for (const fs::path& folder : folders) {
            const int label = static_cast<int>(class_names_.size());
            class_names_.push_back(folder.filename().string());
            for (fs::path& file : files_below(folder)) {
                items_.push_back({std::move(file), label});
            }
        }
    }

    std::size_t size() const override { return items_.size(); }
    std::string name(std::size_t i) const override {
        return items_.at(i).path.lexically_relative(root_).string();
    }
    int label(std::size_t i) const override { return items_.at(i).label; }
    Expected<Image> load(std::size_t i) const override {
        if (items_.at(i).label < 0) {
            return make_error(ErrorCode::bad_input, "in no class folder");
        }
        const auto bytes = read_file(items_[i].path, max_file_bytes);
        if (!bytes) {
            return make_error(ErrorCode::bad_input, "not readable");
        }
        return decode_image(*bytes);
    }

  private:
    struct Item {
        fs::path path;
        int label = -1;
    };
    fs::path root_;
    std::vector<Item> items_;
};

}  // namespace

std::unique_ptr<ImageSource> open_image_folder(const fs::path& path) {
    return std::make_unique<ImageFolder>(path);
}

}  // namespace cipherfit
