# SPDX-License-Identifier: Apache-2.0
"""Work with numpy's arrays, and the quick parts of numpy's own tests that need no other library."""
import io
import pickle
import sys
import warnings

import numpy as np
import numpy.testing


def arrays():
    a = np.arange(24).reshape(2, 3, 4)
    print(a.sum(axis=1), a.T.shape, a[..., ::2].tolist(), (a % 5 == 0).nonzero())
    print(np.einsum("ijk,ijk->i", a, a), np.tensordot(a, a, axes=([0, 1], [0, 1])).trace())
    x = np.linspace(0, 2 * np.pi, 50)
    print(np.allclose(np.sin(x) ** 2 + np.cos(x) ** 2, 1), np.round(np.interp(1.5, x, np.sin(x)), 6), np.round(np.trapz(x, x), 6))
    random = np.random.default_rng(7)
    m = random.normal(size=(6, 6))
    print(np.allclose(np.linalg.inv(m) @ m, np.eye(6)), np.round(np.linalg.det(m), 6), np.allclose(np.linalg.eigvals(m).sum(), m.trace()))
    print(np.allclose(np.fft.ifft(np.fft.fft(x)), x), np.round(np.polyfit([0, 1, 2], [1, 3, 7], 2), 6), np.round(np.poly1d([1, -3, 2]).roots, 6))
    table = np.array([("b", 2, 1.5), ("a", 1, 2.5)], dtype=[("name", "U4"), ("count", "i4"), ("weight", "f8")])
    print(np.sort(table, order="name"), table["weight"].mean(), table.dtype.names)
    masked = np.ma.masked_less(np.arange(6), 3)
    print(masked, masked.mean(), masked.filled(-1))
    file = io.BytesIO()
    np.savez(file, a=a, table=table)
    file.seek(0)
    read = np.load(file)
    print((read["a"] == a).all(), (read["table"] == table).all(), (pickle.loads(pickle.dumps(a)) == a).all())
    print(np.genfromtxt(io.StringIO("1,2\n3,4"), delimiter=","), np.array2string(a, threshold=5), np.unique([3, 1, 3], return_counts=True))
    print(np.vectorize(lambda value: value + 1)([1, 2]), np.apply_along_axis(lambda row: row.max(), 1, m.round(2) > 0), np.datetime64("2026-03-01") + 5)


class Metres(np.ndarray):
    """A subclass, as the manual describes it."""

    def __new__(cls, values, unit="m"):
        made = np.asarray(values).view(cls)
        made.unit = unit
        return made

    def __array_finalize__(self, from_):
        self.unit = getattr(from_, "unit", None)

    def __array_ufunc__(self, function, method, *inputs, **options):
        result = getattr(function, method)(*(np.asarray(one) for one in inputs), **options)
        return Metres(result, self.unit) if isinstance(result, np.ndarray) else result


def protocols():
    metres = Metres([1.0, 2.0], "km")
    print(type(metres + 1).__name__, (metres + 1).unit, metres[1:].unit, np.add.reduce(metres))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.array([1.0]) / np.array([0.0])
    print([(str(one.message), one.filename == __file__) for one in caught])
    with np.errstate(all="raise"):
        try:
            np.float64(1) / np.float64(0)
        except FloatingPointError as error:
            print(error)
    try:
        np.ones(3) + np.ones(4)
    except ValueError as error:
        print(error)
    numpy.testing.assert_array_almost_equal([1, 2], [1, 2 + 1e-9])
    try:
        numpy.testing.assert_array_equal([1, 2], [1, 3])
    except AssertionError as error:
        print(str(error).split())


def own_tests():
    try:
        import pytest
    except ImportError:
        print("no pytest")
        return
    stream, sys.stdout = sys.stdout, io.StringIO()
    try:
        status = pytest.main(["-q", "-p", "no:cacheprovider", "--noconftest", "-W", "ignore", "--pyargs", "numpy.lib.tests.test_stride_tricks",
                              "numpy.lib.tests.test_index_tricks", "numpy.core.tests.test_umath_accuracy", "numpy.core.tests.test_shape_base", "numpy.polynomial.tests.test_polyutils",
                              "numpy.ma.tests.test_subclassing"])
        text = sys.stdout.getvalue()
    finally:
        sys.stdout = stream
    # The last line without the time.
    print(int(status), text.strip().splitlines()[-1].rpartition(" in ")[0])


if __name__ == "__main__":
    arrays()
    protocols()
    own_tests()
