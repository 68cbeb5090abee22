// A folder of class folders.
#include "backbone/cnn/image_source.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_image_bytes = std::size_t{1} << 28U;

bool hidden(const fs::path& path) {
    return path.filename().string().starts_with(".");
}

struct Item {
    fs::path path;
    int label = -1;
    std::string refusal;  // why it cannot be read, where that is known already
};

// The names in a folder in their order; an error where it cannot be read.
std::vector<fs::path> names_in(const fs::path& folder, std::error_code& error) {
    std::vector<fs::path> names;
    auto entry = fs::directory_iterator(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        if (!hidden(entry->path())) {
            names.push_back(entry->path());
        }
    }
    std::ranges::sort(names);
    return names;
}

// What stands at a path, behind symbolic links; a refusal where they lead nowhere or in a circle.
bool is_folder(const fs::path& path, std::string& refusal) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
        refusal = "a symbolic link to nothing";
    } else if (error) {
        refusal = error.message();
    }
    return refusal.empty() && fs::is_directory(status);
}

// All that is in a class folder and the folders in it. A link to a folder that it lies in itself is
// named and not followed.
class Walk {
  public:
    Walk(const fs::path& root, int label, std::vector<Item>& items)
        : label_(label), items_(items), within_{fs::canonical(root)} {}

    void folder(const fs::path& path) {
        std::error_code error;
        const fs::path canonical = fs::canonical(path, error);
        if (!error && std::ranges::find(within_, canonical) != within_.end()) {
            items_.push_back({path, label_, "a link to a folder that it lies in"});
            return;
        }
        within_.push_back(canonical);
        const std::vector<fs::path> names = names_in(path, error);
        if (error) {
            items_.push_back({path, label_, "a folder that cannot be read: " + error.message()});
        }
        for (const fs::path& name : names) {
            std::string refusal;
            if (is_folder(name, refusal)) {
                folder(name);
            } else {
                items_.push_back({name, label_, std::move(refusal)});
            }
        }
        within_.pop_back();
    }

  private:
    int label_;
    std::vector<Item>& items_;
    std::vector<fs::path> within_;
};

class ImageFolder final : public ImageSource {
  public:
    explicit ImageFolder(const fs::path& root) : root_(root) {
        std::error_code error;
        std::vector<fs::path> folders;
        for (const fs::path& path : names_in(root, error)) {
            std::string refusal;
            if (is_folder(path, refusal)) {
                folders.push_back(path);
            } else {
                items_.push_back({path, -1, std::move(refusal)});
            }
        }
        require(!error, ErrorCode::io_failure, "cannot read the folder {}: {}", root.string(),
                error.message());
        require(!folders.empty(), ErrorCode::bad_input,
                "{}: has no class folders: put the images of each class in a folder of its own, "
                "named for the class",
                root.string());
        for (const fs::path& folder : folders) {
            const int label = static_cast<int>(class_names_.size());
            class_names_.push_back(folder.filename().string());
            Walk(root, label, items_).folder(folder);
        }
        require(!items_.empty(), ErrorCode::bad_input, "{}: its class folders are empty: {}",
                root.string(), fmt::join(class_names_, ", "));
    }

    std::size_t size() const override { return items_.size(); }
    std::string name(std::size_t i) const override {
        return items_.at(i).path.lexically_relative(root_).string();
    }
    int label(std::size_t i) const override { return items_.at(i).label; }
    Expected<Image> load(std::size_t i) const override {
        const Item& item = items_.at(i);
        if (!item.refusal.empty()) {
            return make_error(ErrorCode::bad_input, "{}", item.refusal);
        }
        if (item.label < 0) {
            return make_error(ErrorCode::bad_input, "in no class folder");
        }
        const auto bytes = read_file(item.path, max_image_bytes);
        if (!bytes) {
            // Without the path, which is named already.
            const std::string& text = bytes.error().message;
            const std::string path = item.path.string() + ": ";
            return make_error(ErrorCode::bad_input, "{}",
                              text.starts_with(path) ? text.substr(path.size()) : text);
        }
        return decode_image(*bytes);
    }

  private:
    fs::path root_;
    std::vector<Item> items_;
};

}  // namespace

std::unique_ptr<ImageSource> open_image_folder(const fs::path& path) {
    return std::make_unique<ImageFolder>(path);
}

}  // namespace cipherfit
