#include "backend/cpu/experts.h"

#include <algorithm>
#include <atomic>

#include "backend/cpu/row_layout.h"
#include "backend/expert_groups.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kTaskPanels = 8;
constexpr std::int64_t kGatherRows = 16;  // what a thread is given at least

// Some outputs of one expert, for all rows that see it.
struct ExpertTask {
  const ExpertsJob* job;
  const ExpertGroup* group;
  std::int64_t first, panels;  // of the expert
};

class GroupedExperts {
 public:
  GroupedExperts(const CpuKernels& kernels, const ExpertsCall& call, ThreadPool& pool,
                 ExpertsScratch& scratch)
      : kernels_(kernels),
        call_(call),
        pool_(pool),
        layout_(RowLayout::of(kernels.gemm.form, call.x.k, call.x.form.limbs)),
        grouped_(group_by_expert({call.experts, static_cast<std::size_t>(call.x.rows * call.chosen)},
                                 call.jobs.front().experts)),
        q_(at_least(scratch.q, std::ssize(grouped_.places) * layout_.stride_bytes)),
        scale_(at_least(scratch.scale, std::ssize(grouped_.places))) {
    scratch.y.resize(static_cast<std::size_t>(pool.size()));
    for (AlignedBuffer<float>& y : scratch.y)
      y_.push_back(at_least(y, largest_group() * kTaskPanels * kPanelRows));
  }

  void run() {
    if (largest_group() > 1) gather();
    const std::vector<ExpertTask> tasks = all_tasks();
    std::atomic<std::size_t> next{0};
    pool_.run([&](int part) {
      for (std::size_t i = next++; i < tasks.size(); i = next++)
        compute(tasks[i], y_[static_cast<std::size_t>(part)]);
    });
  }

 private:
  std::int64_t largest_group() const {
    return std::ranges::max_element(grouped_.groups, {}, &ExpertGroup::count)->count;
  }
  std::int64_t place(std::int64_t i) const { return grouped_.places[static_cast<std::size_t>(i)]; }

  void gather() {
    pool_.for_range(std::ssize(grouped_.places), kGatherRows, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t row = place(i) / call_.chosen;
        std::copy_n(call_.x.q + row * layout_.stride_bytes, layout_.stride_bytes,
                    q_ + i * layout_.stride_bytes);
        scale_[i] = call_.x.scale[row];
      }
    });
  }

  std::vector<ExpertTask> all_tasks() const {
    std::vector<ExpertTask> tasks;
    for (const ExpertGroup& group : grouped_.groups) {
      for (const ExpertsJob& job : call_.jobs) {
        const std::int64_t panels = job.n() / kPanelRows;
        for (std::int64_t first = 0; first < panels; first += kTaskPanels)
          tasks.push_back({&job, &group, first, std::min(kTaskPanels, panels - first)});
      }
    }
    return tasks;
  }

  // scratch: (rows of the group, outputs of the task)
  void compute(const ExpertTask& task, float* scratch) const {
    const ExpertsJob& job = *task.job;
    const ExpertGroup& group = *task.group;
    const std::int64_t n = job.n(), output = task.first * kPanelRows, outputs = task.panels * kPanelRows;
    if (group.count == 1) {
      const std::int64_t row = place(group.first) / call_.chosen;
      return multiply(task, call_.x.q, call_.x.scale, row, job.y + place(group.first) * n + output, n);
    }
    multiply(task, q_, scale_, group.first, scratch, outputs);
    for (std::int64_t i = 0; i < group.count; ++i)
      std::copy_n(scratch + i * outputs, outputs, job.y + place(group.first + i) * n + output);
  }

  // Rows [first, first + the group's) of q -> y, rows of which are `stride` apart
  void multiply(const ExpertTask& task, const std::byte* q, const float* scale, std::int64_t first, float* y,
                std::int64_t stride) const {
    const PackedMatrix& w = *task.job->w;
    const std::int64_t output = task.group->expert * task.job->n() + task.first * kPanelRows;  // of the stack
    kernels_.gemm.gemm(layout_.rows(q, first, task.group->count, w.k_padded()),
                       {w.kind, reinterpret_cast<const std::int8_t*>(w.panel(output / kPanelRows)),
                        panel_bytes(w.kind, w.k_padded()), task.panels},
                       {.y = y,
                        .stride = stride,
                        .n = task.panels * kPanelRows,
                        .row_scale = scale + first,
                        .column_scale = w.scale + output,
                        .bias = task.job->bias ? task.job->bias + output : nullptr});
  }

  const CpuKernels& kernels_;
  const ExpertsCall& call_;
  ThreadPool& pool_;
  RowLayout layout_;
  ExpertGroups grouped_;
  std::byte* q_;           // (places): the rows of each group side by side
  float* scale_;           // (places)
  std::vector<float*> y_;  // (threads)
};

}  // namespace

void linear_experts(const CpuKernels& kernels, const ExpertsCall& call, ThreadPool& pool,
                    ExpertsScratch& scratch) {
  check_experts(call.x, call.chosen, call.jobs);
  if (call.x.rows > 0) GroupedExperts(kernels, call, pool, scratch).run();
}

}  // namespace verbatim::cpu
