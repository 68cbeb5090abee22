// Wiping of byte strings that held a secret.
#pragma once

#include "cipherfit/base/secure.h"

#include <cstdint>
#include <vector>

namespace cipherfit {

// Wipes a byte string when the scope ends.
class WipeBytes {
  public:
    explicit WipeBytes(std::vector<std::uint8_t>& bytes) noexcept : bytes_(bytes) {}
    ~WipeBytes() { secure_wipe(bytes_.data(), bytes_.size()); }
    WipeBytes(const WipeBytes&) = delete;
    WipeBytes& operator=(const WipeBytes&) = delete;

  private:
    std::vector<std::uint8_t>& bytes_;
};

}  // namespace cipherfit
