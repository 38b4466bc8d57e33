"""Lets these tests import the helpers that stand one folder up (tests are no packages)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
