// SPDX-License-Identifier: Apache-2.0
#include "api/load_plan.h"
#include "base/text.h"
#include "format/quantise.h"
#include "llmos/model.h"

namespace llmos {

Result<QuantizeReport> quantize(const std::string& from, const std::string& to,
                                const QuantizeOptions& options) {
  const std::optional<DType> dtype = find_dtype(options.type);
  if (!dtype) {
    return Status(Code::kInvalid,
                  (Text() << "type: expected q8_0, q4_0, q4_k, q5_k, q6_k, iq4_nl or mxfp4, "
                          << "found \"" << printable(options.type, 40) << '"')
                      .str());
  }
  if (Status status = check_threads(options.threads); !status.ok()) return status;
  const Result<QuantiseResult> result = quantise_gguf(from, to,
                                                      {.dtype = *dtype,
                                                       .threads = int(options.threads),
                                                       .requantise = options.requantize,
                                                       .progress = options.progress});
  if (!result.ok()) return result.status();
  QuantizeReport report{
      .bytes_in = result->bytes_in, .bytes_out = result->bytes_out, .notes = result->notes};
  for (const QuantiseResult::TypeUse& use : result->types) {
    report.types.push_back(
        {std::string(dtype_name(use.dtype)), use.tensors, use.elements, use.bytes});
  }
  return report;
}

}  // namespace llmos
