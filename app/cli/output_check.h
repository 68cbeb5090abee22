// What a command will write, looked at before it begins to work: nothing may turn out impossible
// after hours, and nothing that is read or kept may be written over.
#pragma once

#include "cli/options.h"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace cipherfit {

// Paths that are empty were not given and are passed over.
class OutputCheck {
  public:
    // A file that the command reads, or a directory with some.
    void reads(const std::string& option, const std::filesystem::path& path);
    // Rows with what is read beside them: labels, names of classes.
    void reads(const std::string& option, const SampleOptions& samples);
    // A directory in which the command reads or writes files of names of its own.
    void keeps(const std::string& option, const std::filesystem::path& directory);
    // The same of a directory that goes to the server, where nothing private may be.
    void sends(const std::string& option, const std::filesystem::path& directory);
    // --owner and --job, where the command reads or writes in both.
    void keeps_owner_and_job(const std::filesystem::path& owner, const std::filesystem::path& job);
    // A directory that the command makes unless it is there. Implies keeps().
    void makes(const std::string& option, const std::filesystem::path& directory);
    // A file that the user named.
    void writes(const std::string& option, const std::filesystem::path& file);

    // Throws Error(bad_input) for an output that is an input, a key, another output, lies in what
    // goes to the server or is where the standard streams go, and Error(io_failure) for one that
    // cannot be written. Where an output is standard output, texts go to standard error from now
    // on. Leftovers of writers that were killed are removed beside the outputs.
    void check() const;

  private:
    struct Place {
        std::string option;
        std::filesystem::path given, resolved;
        std::optional<std::pair<dev_t, ino_t>> id;
        bool is_device = false, is_directory = false;
    };
    static Place place_of(const std::string& option, const std::filesystem::path& path);
    static bool are_same(const Place& a, const Place& b);
    void check_file(const Place& output) const;
    void check_directories() const;

    std::vector<Place> inputs_, kept_, sent_, made_, outputs_;
};

}  // namespace cipherfit
