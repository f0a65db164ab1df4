# SPDX-License-Identifier: GPL-2.0-only
"""The evaluation: scenarios, the boots that run them, what comes out."""
