"""The HTTP service: ``create_app`` makes it from a store and competitions. Judges nothing, runs nothing."""

from kit.service.app import create_app

__all__ = ["create_app"]
