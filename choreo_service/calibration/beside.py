"""The guided minute during a show: the show plays on, and what the performer does meanwhile becomes a profile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from choreo_service.calibration.flow import FULL, NORMAL, STILL, CalibrationRefused, Flow, Phase
from choreo_service.calibration.measure import measure
from choreo_service.calibration.profile import profile_path, refuse_existing, save_body
from choreo_service.config.settings import BodyName
from choreo_service.core import Core
from choreo_service.errors import ChoreoError
from choreo_service.packets import SensorPacket, Step
from choreo_service.ticker import Tick
