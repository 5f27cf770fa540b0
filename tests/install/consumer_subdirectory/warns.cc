// SPDX-License-Identifier: Apache-2.0
// Warns under -Wall, on purpose. Even where they are errors for LLMOS itself, a host compiles.
void warns() { int unused; }
