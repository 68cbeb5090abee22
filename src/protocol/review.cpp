#include "cipherfit/protocol/review.h"

#include "base/hex.h"
#include "cipherfit/io/bytes.h"
#include "cipherfit/io/file.h"
#include "protocol/content_io.h"

#include <memory>
#include <span>
#include <string>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

namespace cipherfit {
namespace {

constexpr std::size_t largest_answer = 4096;

std::string number_of(const ContainerIdentity& identity) {
    return to_hex(identity.nonce);
}

// Whether the member "signature" is one of that text under the key.
bool is_signed(const AnswerKey& key, std::span<const std::uint8_t> text,
               const nlohmann::json& json) {
    AnswerSignature signature{};
    const auto found = json.find("signature");
    if (found == json.end() || !found->is_string() ||
        !from_hex(found->get_ref<const std::string&>(), signature)) {
        return false;
    }
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> public_key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
        EVP_PKEY_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    return public_key && context &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), text.data(),
                            text.size()) == 1;
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

std::vector<std::uint8_t> answer_text(const ContainerIdentity& identity, int iteration,
                                      Answer answer) {
    ByteWriter out;
    out.string("cipherfit review answer 1");
    out.bytes(identity.parameters);
    out.bytes(identity.key);
    out.bytes(identity.plan);
    out.bytes(identity.nonce);
    out.u32(static_cast<std::uint32_t>(iteration));
    out.string(name(answer));
    return out.take();
}

Expected<std::optional<Answer>> read_answer(const JobStore& store,
                                            const ContainerIdentity& identity, int iteration,
                                            const std::optional<AnswerKey>& key) {
    const std::string name = contents::answer(iteration);
    if (!store.exists(name)) {
        return std::optional<Answer>{};
    }
    const auto bytes = store.get(name).and_then(
        [](const auto& source) { return read_all(*source, largest_answer); });
    if (!bytes) {
        return tl::unexpected<ErrorInfo>(bytes.error());
    }
    const auto json = nlohmann::json::parse(bytes->begin(), bytes->end(), nullptr, false);
    if (!json.is_object() || !json.contains("job") || !json.contains("iteration") ||
        !json.contains("answer") || json["job"] != number_of(identity) ||
        json["iteration"] != iteration || !json["answer"].is_string()) {
        return make_error(
            ErrorCode::bad_input,
            "{}: is no answer to iteration {} of this job: have the owner answer again",
            store.label(name), iteration);
    }
    const auto answer = answer_from_name(json["answer"].get<std::string>());
    if (!answer) {
        return make_error(ErrorCode::bad_input,
                          "{}: answers neither continue nor stop: have the owner answer again",
                          store.label(name));
    }
    if (key && !is_signed(*key, answer_text(identity, iteration, *answer), json)) {
        return make_error(ErrorCode::bad_input,
                          "{}: is not signed by the owner of this job: remove it, and have the "
                          "owner answer again",
                          store.label(name));
    }
    return std::optional(*answer);
}

Expected<void> write_answer(JobStore& store, const ContainerIdentity& identity, int iteration,
                            Answer answer, const std::optional<AnswerSignature>& signature) {
    nlohmann::json json{
        {"job", number_of(identity)}, {"iteration", iteration}, {"answer", name(answer)}};
    if (signature) {
        json["signature"] = to_hex(*signature);
    }
    const std::string text = json.dump() + "\n";
    return write_all(store.put(contents::answer(iteration)),
                     {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace cipherfit
