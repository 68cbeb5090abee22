#include "cipherfit/protocol/review.h"

#include "cipherfit/io/file.h"

#include <string>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::size_t largest_answer = 4096;

std::string number_of(const ContainerIdentity& identity) {
    return fmt::format("{:02x}", fmt::join(identity.nonce, ""));
}

}  // namespace

std::string_view name(Answer answer) noexcept {
    return answer == Answer::stop ? "stop" : "continue";
}

Expected<Answer> answer_from_name(std::string_view text) {
    for (const Answer answer : {Answer::go_on, Answer::stop}) {
        if (text == name(answer)) {
            return answer;
        }
    }
    return make_error(ErrorCode::bad_input, "an answer of '{}': give continue or stop", text);
}

Expected<std::optional<Answer>> read_answer(const JobFiles& files,
                                            const ContainerIdentity& identity, int iteration) {
    const std::filesystem::path path = files.answer(iteration);
    if (!std::filesystem::exists(path)) {
        return std::optional<Answer>{};
    }
    const auto bytes = read_file(path, largest_answer);
    if (!bytes) {
        return tl::unexpected<ErrorInfo>(bytes.error());
    }
    const auto json = nlohmann::json::parse(bytes->begin(), bytes->end(), nullptr, false);
    if (!json.is_object() || !json.contains("job") || !json.contains("iteration") ||
        !json.contains("answer") || json["job"] != number_of(identity) ||
        json["iteration"] != iteration || !json["answer"].is_string()) {
        return make_error(
            ErrorCode::bad_input,
            "{}: is no answer to iteration {} of this job: have the owner give it again with "
            "'cipherfit review'",
            path.string(), iteration);
    }
    const auto answer = answer_from_name(json["answer"].get<std::string>());
    if (!answer) {
        return make_error(ErrorCode::bad_input,
                          "{}: answers neither continue nor stop: have the owner give it again "
                          "with 'cipherfit review'",
                          path.string());
    }
    return std::optional(*answer);
}

Expected<void> write_answer(const JobFiles& files, const ContainerIdentity& identity, int iteration,
                            Answer answer) {
    const nlohmann::json json{
        {"job", number_of(identity)}, {"iteration", iteration}, {"answer", name(answer)}};
    const std::string text = json.dump() + "\n";
    return write_file(files.answer(iteration),
                      {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace cipherfit
