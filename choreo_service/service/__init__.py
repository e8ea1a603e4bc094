"""The composition root: a checked configuration becomes a running service."""

from choreo_service.service.build import build_accents, build_core, build_paths, build_service
from choreo_service.service.models import chosen_models, has_checkpoints, load_models
from choreo_service.service.runtime import RecordPlan, first_user_error, run_service
from choreo_service.service.show import Service
from choreo_service.service.wardrobe import models_of_take

__all__ = [
    "RecordPlan",
    "Service",
    "build_accents",
    "build_core",
    "build_paths",
    "build_service",
    "chosen_models",
    "first_user_error",
    "has_checkpoints",
    "load_models",
    "models_of_take",
    "run_service",
]
