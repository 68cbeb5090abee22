// Training on encrypted data, both parties: the owner sends a job, the server trains without being
// able to read anything, the owner decrypts the model. All that passes between them are the files
// of one directory, which could as well lie on another machine.
#include "data_set.h"
#include "owner.h"
#include "server.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <fmt/format.h>

using namespace cipherfit;

namespace {

// A directory that is removed in the end.
class JobDirectory {
  public:
    JobDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "cipherfit-XXXXXX").string();
        require(mkdtemp(name.data()) != nullptr, ErrorCode::io_failure,
                "cannot make the directory {}: set TMPDIR to one where you may write", name);
        path_ = name;
    }
    ~JobDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    JobDirectory(const JobDirectory&) = delete;
    JobDirectory& operator=(const JobDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace

int main() {
    try {
        const Dataset training = make_data_set(120, 1);
        const Dataset test = make_data_set(600, 2);
        const JobDirectory directory;

        const OwnerState owner = send_job(directory.path(), training);
        train_job(directory.path());
        const Head model = receive_model(directory.path(), owner);

        const double accuracy = model.accuracy(test.features, test.labels);
        const double expected = owner.expected.head.accuracy(test.features, test.labels);
        const double deviation =
            (model.weights - owner.expected.head.weights).cwiseAbs().maxCoeff() /
            owner.expected.head.weights.cwiseAbs().maxCoeff();
        fmt::print("accuracy on {} new samples: {:.1f} % encrypted, {:.1f} % in the clear\n",
                   test.labels.size(), 100 * accuracy, 100 * expected);
        fmt::print("largest deviation of a weight: {:.1e} of the largest weight\n", deviation);
        return deviation < 1e-3 ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const Error& error) {
        fmt::print(stderr, "error: {}\n", error.what());
        return exit_status(error.code());
    }
}
