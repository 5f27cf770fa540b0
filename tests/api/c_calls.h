/* SPDX-License-Identifier: Apache-2.0 */
/* Every function of llmos/c.h, called from C. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* Each answers 0, or the line of the first thing that was not as it should be. */
int c_answers(const char* text_model);
int c_shares_a_budget(const char* text_model);
int c_limits_tenants(const char* text_model);
int c_schedules_and_masks(const char* text_model);
int c_pins_and_maps(const char* text_model, const char* directory);
int c_takes_every_option(const char* text_model);
int c_takes_null(void);
int c_refuses_bad_arguments(const char* text_model);
int c_takes_older_structs(const char* text_model);
int c_suspends_and_resumes(const char* text_model);
int c_calls_back(const char* text_model);
int c_scores_and_embeds(const char* text_model);

#ifdef __cplusplus
}
#endif
