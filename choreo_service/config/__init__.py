"""Configuration: `load_settings()` reads the layers, checks them once and says where each value came from."""

from choreo_service.config.control_map import ControlMap, ControlSpec, Curve, Ease
from choreo_service.config.latency import LatencyProfile, profile_path, read_profile
from choreo_service.config.loading import Adapter, Loaded, load_settings
from choreo_service.config.scenes import LoadedScene, SceneFile
from choreo_service.config.settings import (
    AccentSettings,
    AdapterBlock,
    BridgeBlock,
    DashboardSettings,
    EngineSettings,
    IngressSettings,
    LogSettings,
    OutputSettings,
    RecorderSettings,
    Settings,
    SupervisorSettings,
    TelemetrySettings,
)

__all__ = [
    "AccentSettings",
    "Adapter",
    "AdapterBlock",
    "BridgeBlock",
    "ControlMap",
    "ControlSpec",
    "Curve",
    "DashboardSettings",
    "Ease",
    "EngineSettings",
    "IngressSettings",
    "LatencyProfile",
    "Loaded",
    "LoadedScene",
    "LogSettings",
    "OutputSettings",
    "RecorderSettings",
    "SceneFile",
    "Settings",
    "SupervisorSettings",
    "TelemetrySettings",
    "load_settings",
    "profile_path",
    "read_profile",
]
