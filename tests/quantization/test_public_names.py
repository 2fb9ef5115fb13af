import subprocess
import sys

import pytest

import refcompress.quantization as package


@pytest.mark.parametrize("name", package.__all__)
def test_every_public_name_is_found(name):
    assert getattr(package, name).__name__ == name


def test_what_is_loaded_later_is_not_loaded_with_the_package():
    code = "import sys, refcompress; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & {f"refcompress.{module}" for module in package.LATER.values()}


def test_any_other_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'refcompress.quantization' has no attribute 'nothing'"):
        package.nothing  # noqa: B018 - the look-up is what is tested
