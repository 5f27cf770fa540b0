/* SPDX-License-Identifier: Apache-2.0 */
/* The same engine from C. */
#include <llmos/c.h>
#include <stdio.h>

static int fail(llmos_status* status) {
  fprintf(stderr, "%s\n", llmos_status_message(status));
  llmos_status_free(status);
  return 1;
}

int main(int argc, char** argv) {
  llmos_engine_options options = LLMOS_ENGINE_OPTIONS_INIT;
  options.sequences_max = 4;
  llmos_engine* engine = NULL;
  llmos_status* status = llmos_engine_open(argc > 1 ? argv[1] : "model.gguf", &options, &engine);
  if (status) return fail(status);

  llmos_request request = LLMOS_REQUEST_INIT;
  request.prompt = "Once upon a time";
  request.tokens_max = 32;
  request.temperature = 0.8f;
  request.choices = 2;
  llmos_stream* stream = NULL;
  status = llmos_engine_submit(engine, &request, &stream);
  if (status) return fail(status);

  llmos_chunk chunk;
  while (llmos_stream_next(stream, -1, &chunk) == LLMOS_CHUNK) {
    if (chunk.choice == 0) fwrite(chunk.text, 1, chunk.text_bytes, stdout);
  }
  status = llmos_stream_wait(stream);
  if (status) return fail(status);
  size_t bytes = 0;
  const char* other = llmos_stream_text(stream, 1, &bytes);
  llmos_usage usage;
  llmos_stream_usage(stream, &usage);
  printf("\n[the other choice: %.*s]\n[%u tokens in, %u out, %lld ms]\n", (int)bytes, other,
         usage.prompt_tokens, usage.output_tokens, (long long)usage.total_ms);

  request.temperature = -1;
  llmos_stream* refused = NULL;
  status = llmos_engine_submit(engine, &request, &refused);
  if (llmos_status_code(status) != LLMOS_INVALID || refused) return 1;
  llmos_status_free(status);

  llmos_stream_free(stream);
  llmos_engine_free(engine);
  return 0;
}
