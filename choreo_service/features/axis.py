"""The leading direction of a movement, with its sign kept."""

from __future__ import annotations

from typing import Final

from choreo_service.features.component import Component
from choreo_service.features.vectors import ZERO, Vec3, dot, norm, unit

START: Final = 0.3  # m/s^2, the first movement this strong gives the axis its sign


class LeadingAxis(Component):
    """Principal axis of the accelerations of the last `tau_s` seconds.

    The covariance is a slow average in the device's frame and the axis one power iteration per sample: a positive
    matrix can't flip the sign, and no basis of the horizontal plane has to be chosen, so the result turns with the
    device. For horizontal input this is the 2x2 PCA.
    """

    STATE = ("axis", "cov")

    def __init__(self, tau_s: float) -> None:
        self.tau = tau_s
        self.reset()

    def reset(self) -> None:
        self.axis: Vec3 = ZERO
        self.cov: tuple[float, ...] = (0.0,) * 6  # xx yy zz xy xz yz

    def project(self, v: Vec3, dt: float) -> float:
        """Learn from `v`, then give its signed part along the axis; 0 until something has moved."""
        x, y, z = v
        k = dt / self.tau if dt < self.tau else 1.0
        xx, yy, zz, xy, xz, yz = self.cov
        xx += k * (x * x - xx)
        yy += k * (y * y - yy)
        zz += k * (z * z - zz)
        xy += k * (x * y - xy)
        xz += k * (x * z - xz)
        yz += k * (y * z - yz)
        self.cov = (xx, yy, zz, xy, xz, yz)
        if self.axis == ZERO:
            self.axis = unit(v) if norm(v) > START else ZERO
        else:
            ux, uy, uz = self.axis
            turned = (xx * ux + xy * uy + xz * uz, xy * ux + yy * uy + yz * uz, xz * ux + yz * uy + zz * uz)
            self.axis = unit(turned, fallback=self.axis)
        return dot(v, self.axis)
