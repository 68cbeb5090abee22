// Labelled pictures, wherever they lie.
#pragma once

#include "backbone/cnn/image.h"
#include "cipherfit/base/error.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cipherfit {

// A fixed list of pictures, of which some may turn out to be none. Thread-safe.
class ImageSource {
  public:
    ImageSource() = default;
    ImageSource(const ImageSource&) = delete;
    ImageSource& operator=(const ImageSource&) = delete;
    virtual ~ImageSource() = default;

    virtual std::size_t size() const = 0;
    // How messages name picture i.
    virtual std::string name(std::size_t i) const = 0;
    // The class of picture i, an index into class_names(); -1 for a file that lies in no class.
    virtual int label(std::size_t i) const = 0;
    // Picture i. bad_input, in a few words without its name, for what is none.
    virtual Expected<Image> load(std::size_t i) const = 0;

    const std::vector<std::string>& class_names() const noexcept { return class_names_; }

  protected:
    std::vector<std::string> class_names_;
};

// The pictures at `path`, told apart by what is there:
//
//   a folder of class folders   PNG and JPEG files, at any depth below a class's folder; classes
//                               and files in the order of their names. Names that begin with a dot
//                               are passed over. Files beside the class folders count, as bad ones.
//   CIFAR-10 binary             a file of records of 1 label and 3 x 32 x 32 pixels, or a folder
//                               with data_batch_*.bin; class names from batches.meta.txt beside it
//   IDX images                  as MNIST's, with labels from `labels` or the file beside it
//
// Throws Error (bad_input, io_failure) for a folder without class folders, for files of none of
// these kinds and for files whose sizes do not fit.
std::unique_ptr<ImageSource> open_image_source(const std::filesystem::path& path,
                                               const std::optional<std::filesystem::path>& labels);

// The kinds, for open_image_source().
std::unique_ptr<ImageSource> open_image_folder(const std::filesystem::path& path);
std::unique_ptr<ImageSource> open_cifar10(const std::vector<std::filesystem::path>& files);
std::unique_ptr<ImageSource> open_idx_images(const std::filesystem::path& path,
                                             const std::optional<std::filesystem::path>& labels);

}  // namespace cipherfit
