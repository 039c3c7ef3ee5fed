"""Which redub runs: the version of the package, and the commit of a checkout."""

from importlib.metadata import PackageNotFoundError, version

from flows.run.git import git_commit


def version_words() -> str:
    commit = git_commit()
    return f"redub {package_version()}" + (f" (commit {commit})" if commit else "")


def package_version() -> str:
    try:
        return version("redub")
    except PackageNotFoundError:  # run from its folder, without being installed
        return "of no installed package"
