"""Metrics: one file a family; importing this package registers them all."""

from __future__ import annotations

import importlib
import pkgutil

from animatrix.evaluate.bench.metrics.registry import METRICS, Metric, Skipped, Value, metric_named, missing

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["METRICS", "Metric", "Skipped", "Value", "metric_named", "missing"]
