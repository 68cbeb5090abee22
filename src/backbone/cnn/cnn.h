// Features of pictures by a convolutional network from an ONNX file, run by OpenCV.
#pragma once

#include "backbone/cnn/image.h"
#include "backbone/cnn/network_description.h"
#include "cipherfit/base/error.h"
#include "cipherfit/io/matrix.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <Eigen/Core>

namespace cipherfit {

// Each of the threads has a copy of the network and takes one picture at a time: a row depends on
// its own picture alone, to the last bit, however many threads and pictures there are.
class Cnn {
  public:
    // Loads the file and tries it out on a grey picture. The feature tensor is the description's,
    // by the name of a tensor or node of the file, or else the input of the last fully connected
    // layer. Throws Error (io_failure), and Error (bad_input), with the file, for: no ONNX file, no
    // network in it, other than one input of batch x channels x height x width, channels or size
    // that are not the description's, an operator that OpenCV does not know (named), no fully
    // connected layer, a feature tensor that is not there.
    static Cnn create(const std::filesystem::path& file, const NetworkDescription& description);
    ~Cnn();
    Cnn(Cnn&& other) noexcept;
    Cnn& operator=(Cnn&&) = delete;
    Cnn(const Cnn&) = delete;
    Cnn& operator=(const Cnn&) = delete;

    // Features per picture. A tensor of channels x height x width gives its means over positions.
    Eigen::Index dimension() const noexcept;
    int input_height() const noexcept;
    int input_width() const noexcept;
    // The layer at which the features are taken, as OpenCV calls it.
    const std::string& feature_layer() const noexcept;
    // SHA-256, in hexadecimal, of the file's bytes and of all that decides how pictures go in.
    const std::string& fingerprint() const noexcept;

    // Row i holds the features of load(i), i = 0..count-1; load is called from several threads.
    RowMatrixF32 run(std::size_t count, const std::function<Image(std::size_t)>& load) const;

  private:
    struct State;
    explicit Cnn(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cipherfit
