// Each case but the first leaves out the check of what was decrypted: it must not compile.
#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/protocol/owner/model_check.h"

namespace cipherfit {

Head head_of(const Job& job, const SecretKey& key, const std::vector<Ciphertext>& model,
             const RowMatrix& xs, const OwnerSetup& setup,
             [[maybe_unused]] const TwinReference& reference) {
#if CASE == 0
    return checked_model(decrypt_model(job, key, model, xs), setup, reference);
#elif CASE == 1  // as a state
    return finish_model(decrypt_model(job, key, model, xs), setup.preprocessing,
                        setup.plan.recipe());
#elif CASE == 2  // made a matrix first
    const RowMatrix state(decrypt_model(job, key, model, xs));
    return finish_model(state, setup.preprocessing, setup.plan.recipe());
#elif CASE == 3  // read by hand
    return finish_model(decrypt_model(job, key, model, xs).values_, setup.preprocessing,
                        setup.plan.recipe());
#elif CASE == 4  // past decrypt_model(): with the reader that it uses
    return finish_model(owner_solver(job.plan).reader(job.plan, xs)->model(1, {}),
                        setup.preprocessing, setup.plan.recipe());
#endif
}

}  // namespace cipherfit
