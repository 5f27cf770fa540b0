// SPDX-License-Identifier: Apache-2.0
// Warns under -Wall, on purpose: were warnings errors for the hosts of LLMOS, it would not compile.
void warns() { int unused; }
