#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the files of CPython's own test package one by one, plain and with all modules woven, and compares them test by test.

    cpython.py --python PYTHON [--mode pre,post] [FILE...]

FILE is test_abc or so; without any all files run, the hard ones first. What was found out is kept below --results: plain outcomes for ever,
the others until the agent changes, so a run that was interrupted goes on where it was. Every difference is printed; the exit status is 1
when one of them is not explained (explained.txt). See README.md.
"""
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import comparison  # noqa: E402

# Packages of test files that are too much for one process.
SPLIT = {"test_asyncio", "test_concurrent_futures", "test_inspect", "test_pydoc", "test_doctest", "test_multiprocessing_fork",
         "test_multiprocessing_forkserver", "test_multiprocessing_spawn"}

# What an agent that changes code could harm most, and what is slow, last.
HARD = """
    test_contextlib test_generators test_generator_stop test_coroutines test_asyncgen test_yield_from test_pep479 test_inspect test_traceback
    test_unittest test_doctest test_doctest2 test_doctest3 test_doctest4 test_typing test_pickle test_pickletools test_copy test_copyreg
    test_contextlib_async test_functools test_dataclasses test_enum test_threading test_thread test_threadedtempfile test_threading_local
    test_subprocess test_logging test_import test_importlib test_runpy test_pdb test_bdb test_trace test_profile test_cprofile test_sys_setprofile
    test_warnings test_ast test_dis test_sys_settrace test_gc test_weakref test_weakset test_code test_codeop test_code_module test_compile
    test_compileall test_py_compile test_closures test_scope test_frame test_funcattrs test_keywordonlyarg test_positional_only_arg
    test_decorators test_descr test_super test_metaclass test_abc test_class test_property test_exceptions test_exception_group
    test_exception_variations test_except_star test_raise test_with test_monitoring test_opcodes test_peepholer test_syntax test_grammar
    test_patma test_named_expressions test_future test_future_stmt test_annotations test_type_annotations test_type_params test_linecache
    test_tracemalloc test_faulthandler test_atexit test_sys test_site test_cmd_line test_cmd_line_script test_zipimport test_zipimport_support
    test_zipapp test_pkg test_pkgutil test_pyclbr test_modulefinder test_module test_reprlib test_cmd test_context test_contextvars
    test_concurrent_futures test_queue test_sched test_signal test_asyncio test_fork1 test_posix test_os test_exec test_eval
""".split()


def files_of(interpreter):
    """All test files, hard ones first."""
    directory = subprocess.run([interpreter, "-c", "import test; print(list(test.__path__)[0])"], stdout=subprocess.PIPE, check=True,
                               universal_newlines=True).stdout.strip()
    found = []
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        inside = glob.glob(os.path.join(glob.escape(path), "test_*.py")) if name in SPLIT else []
        if inside:
            found += ["test.%s.%s" % (name, os.path.basename(one)[:-3]) for one in sorted(inside)]
        elif name.startswith("test_") and (name.endswith(".py") or os.path.exists(os.path.join(path, "__init__.py"))):
            found.append(name[:-3] if name.endswith(".py") else name)

    def order(name):
        top = name.split(".")[1] if name.startswith("test.") else name
        return HARD.index(top) if top in HARD else len(HARD)

    return sorted(found, key=order)


def main(arguments):
    parser = comparison.parser(__doc__, "FILE")
    parser.add_argument("--use", default="", help="regrtest's -u: resources that tests may use, such as cpu,subprocess")
    parser.add_argument("--missing", action="store_true", help="leave out what this Python does not have")
    parser.add_argument("--pycache", help="a directory for bytecode, woven and plain, in place of the interpreter's own")
    options = parser.parse_args(arguments)
    environment = {"PYTHONPYCACHEPREFIX": os.path.abspath(options.pycache)} if options.pycache else {}
    all_files = files_of(options.python)
    if options.missing:
        options.files = [file for file in options.files if file in all_files]

    def suite(file, lines, timeout):
        # With a limit of its own the test package prints where a test hangs.
        used = ["-u", options.use] if options.use else []
        return [os.path.join(HERE, "one.py"), lines, "--timeout", str(int(timeout))] + used + [file], environment

    return comparison.run(options, suite, all_files)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
