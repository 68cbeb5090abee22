// The CSV reader. Whatever is accepted has a label for every row, features, and finite values.
#include "cipherfit/io/csv.h"

#include "fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    MemorySource source({data, size});
    const auto rows = read_csv(source);
    claim_clear_refusal(rows);
    if (rows) {
        claim(!rows->labels.empty() && rows->features.cols() >= 1);
        claim(static_cast<std::size_t>(rows->features.rows()) == rows->labels.size());
        claim(static_cast<std::size_t>(rows->features.size()) <= size);
        claim(rows->features.allFinite());
    }
    const auto unlabelled = read_csv_unlabelled(source);
    claim_clear_refusal(unlabelled);
    if (unlabelled) {
        claim(unlabelled->rows() >= 1 && unlabelled->cols() >= 1);
        claim(static_cast<std::size_t>(unlabelled->size()) <= size);
        claim(unlabelled->allFinite());
    }
    return 0;
}
