"""The page, served as the command serves it."""

from collections.abc import Iterator

import pytest

from tests.support.serving import Server, serving


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page with its own settings, but for a bound that a test's file is soon above."""
    with serving(tmp_path_factory.mktemp("page"), "max_upload=20") as server:
        yield server
