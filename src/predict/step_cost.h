// SPDX-License-Identifier: Apache-2.0
// StepCost: how long a step of a model takes, as a function of what is in it.
//
//   StepCost cost({.weight_bytes = 637e6, .token_ops = 2.1e9}, rates);
//   double seconds = cost.predict({.prompt_tokens = 512, .decodes = 8, .context_keys = 9000});
//   cost.observe(batch, measured);
//
// Model    t = fixed + (read^3 + compute^3)^(1/3) + keys: `read` is the weights from memory once,
//          `compute` the products of all tokens, `keys` the attention to all keys. Reading and
//          computing overlap: a few tokens cost what one does, many what they compute. The third
//          power was chosen by measurement: of a 135M model's decode batches of 1 to 32 a sum is
//          off by 28 %, a maximum by 19 %, this by 9 %.
// Learning multiplicative: the error of a step, as a ratio, is laid on the terms by their part in
//          it. What no step shows stays as it was.
// Threads  a value with one writer.
#pragma once

#include <cstdint>

namespace llmos::predict {

// What one step computes.
struct StepBatch {
  uint32_t prompt_tokens = 0;
  uint32_t decodes = 0;       // sequences that get one token
  uint64_t context_keys = 0;  // keys that all the tokens look at together
};

// What a model asks of a machine, whatever the machine.
struct ModelWork {
  double weight_bytes = 0;  // read once a step
  double token_ops = 0;     // products and sums of one token with all weights
  double key_bytes = 0;     // keys and values of one token of context, all layers
  uint32_t barriers = 0;    // operations that wait for the whole team
};

// What a machine can do, measured once a process.
struct MachineRates {
  double read_bytes_per_s = 20e9;
  double ops_per_s = 100e9;  // of the kernels that the model uses, not of bare instructions
  double barrier_s = 0.5e-6;
};

class StepCost {
 public:
  StepCost(const ModelWork& work, const MachineRates& rates);

  double predict(const StepBatch& batch) const;  // seconds
  // A step that took `seconds`; what is not above 0 and finite is not learned from.
  void observe(const StepBatch& batch, double seconds);
  uint32_t observed() const { return observed_; }

 private:
  struct Terms {
    double fixed, read, compute, keys;
    double shared() const;  // read and compute together
    double sum() const { return fixed + shared() + keys; }
  };
  Terms terms(const StepBatch& batch) const;

  double fixed_, read_, token_, key_;  // seconds: a step, the weights, a token, a key
  uint32_t observed_ = 0;
};

}  // namespace llmos::predict
