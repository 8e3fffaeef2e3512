"""The extension in a real JupyterLab."""

from __future__ import annotations

from .conftest import OpenNotebook


def test_every_plugin_of_the_extension_is_active(notebook: OpenNotebook) -> None:
    page = notebook(["1 + 1"])
    plugins = page.page.evaluate(
        """() => window.jupyterapp.listPlugins()
             .filter(id => id.startsWith('prefect-jupyter:'))
             .map(id => [id, window.jupyterapp.isPluginActivated(id)])"""
    )
    assert plugins
    assert [id_ for id_, active in plugins if not active] == []


def test_a_cell_runs_and_shows_its_result(notebook: OpenNotebook) -> None:
    page = notebook(["x = 20 + 1\nprint('hello')\nx * 2"])
    page.run(0)
    assert page.text(0) == "hello\n42"


def test_the_kernel_imports_the_package_that_is_under_test(notebook: OpenNotebook) -> None:
    page = notebook(["import prefect_jupyter\nprefect_jupyter.__version__"])
    page.run(0)
    assert page.text(0) == "'0.1.0'"
