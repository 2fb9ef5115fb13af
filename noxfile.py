"""Other Pythons and the oldest libraries: ``nox`` runs the tests on what this machine has, ``nox -- PATH ...`` a part.

A Python that is missing is named and left out, or fails with ``--error-on-missing-interpreters``.
"""

import tomllib

import nox

nox.options.error_on_missing_interpreters = False


def _lowest() -> list[str]:
    """Return the oldest minor release that each requirement of the package and its tests admits, as pip takes it."""
    with open("pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"]
    names = [*project["dependencies"], *extras["plots"], *extras["cluster"], *extras["test"]]
    return [name.replace(">=", "==") + ".*" for name in names if ">=" in name]


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Run the tests with the newest libraries."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *session.posargs)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest libraries that the package admits, NumPy 2.0 among them."""
    session.install(".[test]", *_lowest())
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *session.posargs)
