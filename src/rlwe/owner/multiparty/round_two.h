// The second round of relinearisation on a given sum. Dealer::relinearization_two() computes the
// sum itself and is what programs call; the tests show here what a false sum gives away.
#pragma once

#include "cipherfit/rlwe/owner/multiparty/dealer.h"

namespace cipherfit {

KeyShare relinearization_two_from_sum(const Dealer& dealer, const Seed& common,
                                      const KeyShare& sum);

}  // namespace cipherfit
