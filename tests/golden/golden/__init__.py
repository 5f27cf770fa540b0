# SPDX-License-Identifier: Apache-2.0
"""Golden models: tiny random transformers whose every feature is proved to matter."""
