from mine import mended

from refcompress.verify import assert_agrees


def test_the_quantizer_is_right():
    assert_agrees(mended, "quantize", bits=8)


def test_the_quantizer_is_right_for_float16(refcompress_check):
    refcompress_check(mended, "quantize", bits=8, dtype="float16")
