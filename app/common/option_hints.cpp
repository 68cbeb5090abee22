#include "common/option_hints.h"

#include <array>
#include <string_view>

namespace cipherfit {
namespace {

struct Hint {
    std::string_view remedy;  // the words of a message in src/
    std::string_view options;
};

// tests/cli/bad_input_test.py holds the words against the sources.
constexpr std::array hints{
    Hint{"fill missing values", "--impute median"},
    Hint{"if the column holds text, encode it", "--one-hot, --drop, --label"},
    Hint{"leave out the index", "--drop first, or its name; --label"},
    Hint{"leave the column out", "--drop"},
    Hint{"name the columns to leave out", "--drop"},
    Hint{"the columns to encode", "--categorical"},
    Hint{"read the rows as unlabelled", "--label, --no-labels"},
    Hint{"read the rows as labelled", "without --no-labels"},
    Hint{"the label's column", "--label NAME or --label NUMBER"},
    Hint{"have such rows counted", "--count-unknown"},
    Hint{"say whether it is a header", "--header yes, --header no"},
    Hint{"leave out what describes its columns",
         "--label, --drop, --delimiter, --header, --one-hot, --categorical"},
    Hint{"leave out the server's model", "--model"},
    Hint{"give the server a model", "--model DIR"},
    Hint{"plan without models in between, or with fewer scale bits",
         "--models-every 0, --scale-bits"},
    Hint{"leave these out, or use the preset standard",
         "--step, --final-step, --sigmoid-degree, --sigmoid-range, --momentum; --preset"},
    Hint{"use smaller batches, or none", "--batch"},
    Hint{"give the first step", "--step"},
    Hint{"train without reviews, or plan models in between", "--review-every, --models-every"},
    Hint{"give a multiple of", "--review-every, --keep-checkpoints"},
    Hint{"train without reviews, or remove", "--review-every"},
    Hint{"members can also only bring rows", "--contributor"},
    Hint{"have the owner answer", "cipherfit review"},
    Hint{"there is no plan: make one first", "cipherfit plan --owner DIR"},
    Hint{"nothing was encrypted yet: encrypt the rows first", "cipherfit encrypt"},
    Hint{"take the member's steps first", "cipherfit member step"},
    Hint{"name the other members' clients", "--clients"},
    Hint{"name another feature tensor", "--feature-tensor"},
    Hint{"name a feature tensor", "--feature-tensor"},
    Hint{"a file of labels goes with IDX images", "--labels"},
    Hint{"ask for at least as many iterations (an epoch)", "--epochs 1, --batch"},
    Hint{"or train without a rehearsal", "--no-rehearsal"},
    Hint{"shares of the classes need scores of held-out rows",
         "without --no-rehearsal, --recipe, --step"},
    Hint{"or a wider range of the sigmoid", "--iterations, --decay, --sigmoid-range"},
    Hint{"use no momentum and a decay of", "--momentum none, --decay"},
    Hint{"use no momentum", "--momentum none"},
    Hint{"use a decay of", "--decay"},
    Hint{"name one of these kinds, or leave both out",
         "--features pca, --features random-conv; --pca, --whiten"},
};

}  // namespace

std::string with_options(std::string message) {
    for (const Hint& hint : hints) {
        if (message.find(hint.remedy) != std::string::npos) {
            return message.append(" (").append(hint.options).append(")");
        }
    }
    return message;
}

}  // namespace cipherfit
