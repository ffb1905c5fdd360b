"""Version of the package: in its distribution, and in the record of each run."""

__version__ = "0.1.0"
