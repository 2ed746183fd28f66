"""Packaging of Proactor; everything that tools read beside it is in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

VERSION = re.search(r'^__version__ = "([^"]+)"$', (HERE / "proactor" / "__init__.py").read_text(), re.M)
assert VERSION is not None

setup(
    name="proactor",
    version=VERSION[1],
    description="Launches, configures, supervises and authenticates a fleet of processes; driven with curl.",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    # ``twisted.plugins`` is a folder without ``__init__.py``: Twisted owns that package, this adds a file to it.
    packages=[*find_packages(include=["proactor", "proactor.*"]), "twisted.plugins"],
    # Without it an editable install hides the plugin from twistd.
    package_dir={"": "."},
    package_data={"proactor": ["py.typed", "proactor.cfg"], "proactor.cli": ["starter/*"]},
    install_requires=[
        "attrs>=23.1",
        "click>=8.1",
        "cryptography>=42",
        "klein>=24.8",
        "prometheus-client>=0.21",
        "psutil>=5.9.1",
        "PyJWT>=2.8",
        "rich>=13.7",
        "treq>=24.9",
        "Twisted[tls]>=24.10",
        "zope.interface>=6",
    ],
    extras_require={
        "dev": [
            "coverage>=7.4",
            "hypothesis>=6.100",
            "jsonschema>=4.21",
            "mypy>=1.11",
            "mypy-zope>=1.0.8",
            "openapi-spec-validator>=0.7.1",
            "pytest>=8",
            "pytest-twisted>=1.14",
            "pytest-xdist>=3.6",
            "ruff>=0.6",
            "schemathesis>=4.32",
            "types-jsonschema",
            "types-psutil",
            "types-setuptools",
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Twisted",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: System :: Distributed Computing",
        "Typing :: Typed",
    ],
    # No entry point: what is made of one imports a lot before it comes to us, and Ctrl-C meanwhile is a traceback.
    scripts=["script/proactor"],
    zip_safe=False,
)
