"""The version, in the one place that the build and the manifest read."""

VERSION = "0.1.0"
