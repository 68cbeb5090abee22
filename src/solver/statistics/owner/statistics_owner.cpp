#include "cipherfit/base/secure.h"
#include "cipherfit/solver/owner/owner_solver.h"
#include "solver/owner/model_reader.h"
#include "solver/owner/send_messages.h"
#include "solver/statistics/owner/statistics_twin.h"
#include "solver/statistics/statistics_solver.h"

namespace cipherfit {
namespace {

class StatisticsReader : public ModelReader {
  public:
    explicit StatisticsReader(const TrainingPlan& plan) : plan_(plan) {}
    RowMatrix model(int /*iteration*/, const SlotBlocks& blocks) override {
        std::vector<double> values = statistics_solver(plan_).layout().unpack_values(blocks.at(0));
        const RowMatrix state = Eigen::Map<const RowMatrix>(
            values.data(), static_cast<Eigen::Index>(plan_.shape().features),
            static_cast<Eigen::Index>(plan_.shape().heads));
        secure_wipe(values.data(), values.size() * sizeof(double));
        return state.transpose();
    }

  private:
    const TrainingPlan& plan_;
};

class StatisticsOwner : public OwnerSolver {
  public:
    std::string_view form() const noexcept override { return "statistics"; }

    StateRun run(const PreparedData& data, const Recipe& recipe, const NoiseModel* noise,
                 const StateVisitor& visit) const override {
        return run_statistics_twin(data, recipe, noise, visit);
    }

    NoiseModel noise(const TrainingPlan& plan) const override { return statistics_noise(plan); }

    void for_each_message(const TrainingPlan& plan, const PreparedData& data, std::size_t batch,
                          const std::function<void(TrainingMessage)>& use) const override {
        const MessageSender send(plan, batch, use);
        const KernelLayout& layout = statistics_solver(plan).layout();
        const Statistics sums = statistics_of(data);
        for (std::size_t q = 0; q < layout.kernel_blocks(); ++q) {
            send(gram_message, layout.pack_kernel(view(sums.gram), q));
        }
        send(moments_message, layout.pack_values(view(sums.moments)));
    }

    std::unique_ptr<ModelReader> reader(const TrainingPlan& plan,
                                        const RowMatrix& /*xs*/) const override {
        return std::make_unique<StatisticsReader>(plan);
    }
};

}  // namespace

const OwnerSolver& statistics_owner() {
    static const StatisticsOwner owner;
    return owner;
}

}  // namespace cipherfit
