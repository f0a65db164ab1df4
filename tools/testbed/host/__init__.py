# SPDX-License-Identifier: GPL-2.0-only
"""The half of the testbed that runs on the builder."""
