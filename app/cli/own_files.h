// Which names the programs give to files, so that --force and --renew remove these and no others,
// and no output takes their place.
#pragma once

#include <filesystem>
#include <vector>

namespace cipherfit {

// The files that the programs have written, or may write, into a directory of theirs: the owner's,
// a job's, a model's or what extract wrote. Numbered files are among them where they are there.
std::vector<std::filesystem::path> own_files(const std::filesystem::path& directory);

// Whether there is anything but the programs' locks and leftovers; and anything that they did not
// write. False where there is no such directory.
bool has_entries(const std::filesystem::path& directory);
bool holds_foreign_files(const std::filesystem::path& directory);

// Throws Error(bad_input) where the directory, or what would be removed in it, is a symbolic link:
// nothing is removed behind one. `option` is named in the message.
void require_no_links(const std::filesystem::path& directory, const char* option);

// Removes the programs' files, and folders of them that are empty then; the directory's lock and
// what somebody else put there stay. Throws Error(io_failure).
void remove_own_files(const std::filesystem::path& directory);

}  // namespace cipherfit
