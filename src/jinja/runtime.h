// Runtime: what functions of one rendering share: the heap, the date, the depth of calls.
#pragma once

#include "jinja/date.h"
#include "jinja/heap.h"

namespace verbatim::jinja {

class Runtime {
 public:
  Runtime(const Limits& limits, Date date) : heap(limits), date_(date) {}

  Date date() const { return date_; }

  // One level deeper for as long as this lives.
  class Depth {
   public:
    explicit Depth(Runtime& runtime) : runtime_(runtime) {
      if (++runtime.depth_ > runtime.heap.limits().depth) {
        --runtime.depth_;
        raise("the template nests or recurses deeper than {}", runtime.heap.limits().depth);
      }
      runtime.heap.step();
    }
    ~Depth() { --runtime_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Runtime& runtime_;
  };

  Heap heap;

 private:
  Date date_;
  int depth_ = 0;
};

}  // namespace verbatim::jinja
