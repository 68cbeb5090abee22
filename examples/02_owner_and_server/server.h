// The server: trains on what it cannot read. It includes no owner header and links no library that
// knows a secret key.
#pragma once

#include <filesystem>

// Step 2: reads plan, keys and encrypted data from the directory, trains, and leaves the encrypted
// model there.
void train_job(const std::filesystem::path& directory);
