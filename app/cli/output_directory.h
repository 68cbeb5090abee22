// The directory of `fit`: owner/, job/ and model/ under one roof.
#pragma once

#include "cipherfit/io/file.h"

#include <filesystem>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

class OutputDirectory {
  public:
    // The files `known` may lie in the directory without being foreign to it.
    OutputDirectory(std::filesystem::path root, std::vector<std::filesystem::path> known);

    std::filesystem::path owner() const { return root_ / "owner"; }
    std::filesystem::path job() const { return root_ / "job"; }
    std::filesystem::path model() const { return root_ / "model"; }
    std::filesystem::path report() const { return root_ / "report.html"; }

    // Throws Error(bad_input) where the directory holds something that is not of an earlier run,
    // or, without `force`, something of a run that cannot be gone on with. What a run left that was
    // killed before its plan was there is gone on with. With `force`, symbolic links where
    // something would be removed are refused. Changes nothing.
    void check(bool force, bool simulated) const;
    // Removes what an earlier run left, and nothing else. Throws Error(busy) where one is at work.
    void clear() const;

    // Makes the directories and holds them for this process: the owner's lock. Leftovers of killed
    // writers are removed. Throws Error (busy, io_failure).
    DirectoryLock claim() const;
    // Makes root and model directory for a simulated run of these inputs and records them there, so
    // that the same command goes on after a kill. Throws Error(bad_input) where a simulated run of
    // others is there.
    void claim_for_model(const nlohmann::json& inputs) const;

  private:
    std::filesystem::path simulated() const { return model() / "simulated.json"; }
    bool is_known(const std::filesystem::path& path) const;
    bool is_foreign() const;
    bool can_go_on(bool simulated_now) const;
    std::filesystem::path root_;
    std::vector<std::filesystem::path> known_;
};

}  // namespace cipherfit
