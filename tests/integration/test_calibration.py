"""The script that judges a confidence, on made-up figures."""

import numpy as np
import pytest

from scripts.calibration import bins, calibration, drawn


def test_figures_worked_by_hand() -> None:
    found = calibration("made up", [0.15, 0.17, 0.95, 0.85], [0.1, 0.3, 0.9, 0.9])
    assert found.error == pytest.approx((2 * 0.04 + 0.05 + 0.05) / 4)
    assert (found.doubted, found.sentences) == (0.5, 4)
    assert found.measured_if_doubted == pytest.approx(0.2)
    assert found.measured_if_not == pytest.approx(0.9)
    assert found.correlation == pytest.approx(0.9487, abs=1e-4)  # one pair is tied


def test_none_doubted_is_no_number() -> None:
    assert np.isnan(calibration("sure", [0.9, 0.8], [0.9, 0.7]).measured_if_doubted)


def test_the_diagram_has_a_dot_for_each_bin() -> None:
    points = bins(np.array([0.05, 0.5, 1.0]), np.array([0.1, 0.5, 0.9]))
    assert [n for *_, n in points] == [1, 1, 1]
    axes = drawn({"made up": points}).axes[0]
    assert len(axes.collections[0].get_offsets()) == 3
