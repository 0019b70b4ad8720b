# SPDX-License-Identifier: Apache-2.0
"""Nothing of a program is another after weaving: each program here is run plain, with its module woven at import (pre), and with its functions
woven when they exist (post). Output, errors and exit status must be equal, and calls of its functions must have been seen."""

import re
import sys
import unittest

import harness


class Case(harness.Case):
    def alike(self, text, *seen, status=0, call="part.main()", interpreter=(), records=True, **options):
        """Compares the three ways of running `call` for a module part of that text; seen: operations that must have been recorded."""
        self.write("part.py", text)
        self.write("program.py", "import part\n%s\n" % call)
        arguments = list(interpreter) + ["program.py"]
        plain = self.plain(*arguments, **options)
        self.assertEqual(plain.returncode, status, plain.stderr)
        for how in "pre", "post":
            with self.subTest(how):
                observed = self.observed("program.py", agent=["--weave", how], interpreter=interpreter, **options)
                self.assertEqual(_outcome(observed), _outcome(plain))
                names = {call.operation for stream in observed.streams for trace in stream.traces() for call in trace.walk()}
                if records:
                    self.assertTrue(names)
                self.assertEqual(set(seen) - names, set())
        return plain


def _outcome(done):
    return tuple(re.sub("0x[0-9a-f]{6,}", "0x", text) for text in (done.stdout, done.stderr)) + (done.returncode,)


class Functions(Case):
    def test_identity_and_attributes(self):
        self.alike('''
            import inspect, sys
            kept = []
            def keep(f):
                kept.append((f, f.__code__.co_name, id(f), hash(f)))
                return f
            @keep
            def full(a, b=2, /, c: int = 3, *args: str, d, e=[], **rest) -> "nothing":
                """Its text.

                More."""
                x = a; y = (lambda: x)
                return x, b, c, args, d, e, rest, y()
            @keep
            def empty(): pass
            @keep
            def only_text():
                "text"
            @keep
            def ellipsis_(): ...
            def outer(n):
                @keep
                def inner(k=n):
                    "inner text"
                    return n + k
                return inner
            inner = outer(4)
            class Some:
                @keep
                def method(self, v=()): "of Some"; return __class__, len(v)
                @staticmethod
                @keep
                def still(x): return x
                @classmethod
                @keep
                def of(cls): return cls
            def show(f):
                c = f.__code__
                print(f, f.__name__, f.__qualname__, f.__module__, f.__doc__, f.__defaults__ and len(f.__defaults__), f.__kwdefaults__)
                print(f.__annotations__, f.__dict__, hasattr(f, "__wrapped__"), [n.cell_contents for n in f.__closure__ or () if n.cell_contents is not Some])
                print(c.co_name, getattr(c, "co_qualname", ""), c.co_firstlineno, c.co_filename, c.co_varnames, c.co_freevars, c.co_cellvars)
                print(c.co_argcount, c.co_posonlyargcount, c.co_kwonlyargcount, c.co_nlocals, c.co_flags, c.co_names)
                print(c.co_consts[:1], [k.co_name for k in c.co_consts if hasattr(k, "co_name")])
                print(inspect.signature(f), inspect.getfullargspec(f), inspect.getsource(f), inspect.getsourcelines(f)[1], inspect.getdoc(f))
                print(inspect.getsourcefile(f), inspect.getmodule(f), inspect.getcomments(f), inspect.unwrap(f) is f)
                v = inspect.getclosurevars(f)
                print(sorted(v.nonlocals), sorted(v.globals), sorted(v.builtins), sorted(v.unbound))
            def main():
                for f, name, number, code in kept:
                    print(id(f) == number, hash(f) == code, f.__code__.co_name == name)
                    show(f)
                print(kept[0][0] is full, inner is kept[3][0], vars(Some)["method"] is kept[4][0], vars(Some)["still"].__func__ is kept[5][0])
                print(full(1, d=2, z=3), empty(), only_text(), ellipsis_(), inner(), Some().method(), Some.still(1), Some.of())
        ''', "full", "empty", "only_text", "ellipsis_", "outer.<locals>.inner", "method", "still", "of", "main", "show")

    def test_future_and_module_text(self):
        self.alike('''
            """The module's text."""
            from __future__ import annotations, generator_stop
            import typing
            def f(a: Unknown[x], b: typing.Optional[int] = None) -> nothing.known:
                """text"""
                v: also.unknown = 1
                return v
            def main(): print(f(1), f.__annotations__, __doc__, f.__code__.co_flags, annotations, sorted(n for n in globals()))
        ''', "f", "main")

    def test_globals_and_builtins(self):
        self.alike('''
            import builtins
            counter = 0
            def count(): global counter, made; counter += 1; made = counter
            def remove():
                global made
                del made
            def outer():
                x = 1
                def inner():
                    nonlocal x
                    x += 1
                    def innermost(): nonlocal x; x *= 5; return x
                    return innermost()
                return inner() + x
            def main():
                before = set(globals()), set(dir(builtins))
                count(); count()
                print(counter, made, outer())
                remove()
                print("made" in globals(), before == (set(globals()), set(dir(builtins))), sorted(locals()))
                try: made
                except NameError as error: print(error)
        ''', "count", "remove", "outer.<locals>.inner.<locals>.innermost")

    def test_statements(self):
        self.alike('''
            import contextlib
            class Managed:
                def __init__(self, name, swallow=False): self.name, self.swallow = name, swallow
                def __enter__(self): print("enter", self.name); return self
                def __exit__(self, *what): print("exit", self.name, what[0]); return self.swallow
            def walrus(data): return [y for x in data if (y := x * 2) > 2], y
            def loops():
                for i in range(3):
                    try:
                        if i == 1: continue
                        if i == 2: break
                    finally: print("finally", i)
                else: print("never")
                while True:
                    with Managed("loop"):
                        return i
            def nested():
                try:
                    with Managed("a"), Managed("b", True):
                        raise ValueError(1)
                    try: 1 / 0
                    except* ZeroDivisionError: pass
                except TypeError: pass
                return "end"
            def returns():
                try: return "try"
                finally:
                    try: raise KeyError
                    except KeyError: print("inner")
            def deleted():
                try: raise ValueError(2)
                except ValueError as error: pass
                try: error
                except UnboundLocalError as unbound: print(unbound)
            def chain(a, *b, **c): return lambda *d: (a, b, c, d)
            def unpack(): (a, *b), c = (1, 2, 3), 4; return a, b, c
            def assertion(x): assert x, "text"; return __debug__
            def strings(x): return f"{x!r:>5} {x=} {'a' 'b'}" "c"
            def empty_return(): return
            def condition(x): return "yes" if x else "no"
            def starred(): return [*range(2), *"ab"], {**{1: 2}}, {*(), 3}
            def main():
                print(walrus([1, 2]), loops(), nested(), returns(), chain(1, 2, k=3)(4), unpack(), assertion(1), strings(2), empty_return())
                print(condition(0), starred())
                deleted()
                try: assertion(0)
                except AssertionError as error: print(repr(error))
        '''.replace("except* ZeroDivisionError" if sys.version_info < (3, 11) else "\0", "except ZeroDivisionError"), "walrus", "nested", "deleted", "__exit__")

    @unittest.skipIf(sys.version_info < (3, 10), "there is no match statement")
    def test_match(self):
        self.alike('''
            class Point:
                __match_args__ = ("x", "y")
                def __init__(self, x, y): self.x, self.y = x, y
            def which(v):
                match v:
                    case 0: return "zero"
                    case [1, *rest] if rest: return rest
                    case {"k": Point(x, y=2)}: return x
                    case Point(): def_ = "point"
                    case str() | bytes() as s: def_ = s
                    case _: return
                return def_
            def main(): print([which(v) for v in (0, [1], [1, 2], {"k": Point(7, 2)}, Point(1, 1), "s", b"b", None)])
        ''', "which", "__init__")

    def test_comprehensions(self):
        self.alike('''
            import sys
            y = "global"
            class Scope:
                y = "class"
                seen = [y for _ in range(1)]
                def in_method(self): return [__class__ for _ in range(2)], [self for self in "ab"]
            def names(): return [sorted(locals()) for x in range(1)], {x: sys._getframe().f_code.co_name for x in "a"}, sorted(locals())
            def shadow(x): [x for x in range(3)]; return x
            def late(): return [f() for f in [lambda: i for i in range(3)]]
            def lazy(n): return sum(x * n for x in range(n))
            def nested(n): return [[(i, j, n) for j in range(i)] for i in range(n)]
            def fails():
                return [1 // x for x in (1, 0)]
            def main():
                print(names(), shadow(1), late(), lazy(4), nested(3), Scope.seen, Scope().in_method())
                fails()
        ''', "names", "late", "lazy", "nested", "fails", status=1)

    def test_optimized(self):
        text = '''
            def f(x):
                "text"
                assert x, print("not evaluated")
                if __debug__: return "debug", f.__doc__
                return "optimized", f.__doc__
            def only(): "text"
            def main(): print(f(1), only(), only.__doc__)
        '''
        for option in "-O", "-OO":
            self.alike(text, "f", "only", interpreter=[option])


class Classes(Case):
    def test_bodies(self):
        self.alike('''
            import abc, enum, functools
            class Meta(type):
                def __new__(meta, name, bases, names, **options):
                    print("new", name, list(names), options)
                    return super().__new__(meta, name, bases, names)
                def __init__(cls, name, bases, names, **options): super().__init__(name, bases, names)
                @classmethod
                def __prepare__(meta, name, bases, **options): return {"prepared": 1}
                def __call__(cls, *args): print("call", cls); return super().__call__(*args)
                def __instancecheck__(cls, value): return True
                def __len__(cls): return 42
            class Base(metaclass=Meta, option=1):
                def __init_subclass__(cls, /, tag=None, **rest): print("sub", cls, tag); super().__init_subclass__(**rest)
                def __class_getitem__(cls, item): return cls, item
            class Named:
                def __set_name__(self, owner, name): print("named", owner, name)
                def __get__(self, instance, owner): return "got", instance is None
                def __set__(self, instance, value): print("set", value)
                def __delete__(self, instance): print("deleted")
            class Derived(Base, tag="t"):
                """Text of Derived."""
                attribute: int = 1
                named = Named()
                for i in range(2): locals()["made%d" % i] = i
                def method(self): return super().__repr__()[:5], super(Derived, self).__eq__(1), __class__
                def __private(self): return "private"
                def use(self): return self.__private()
                @property
                def p(self): "text of p"; return self._p
                @p.setter
                def p(self, v): self._p = v
                @p.deleter
                def p(self): del self._p
                @functools.cached_property
                def cached(self): return object()
                def __getattr__(self, name): return "missing " + name
                def __enter__(self): return self
                def __exit__(self, *a): return True
                def __del__(self): print("del")
                def __bool__(self): return False
                class Inner(metaclass=Meta):
                    def deep(self): return __class__.__qualname__
            class Abstract(abc.ABC):
                @property
                @abc.abstractmethod
                def p(self): ...
                @abc.abstractmethod
                def m(self): ...
                @classmethod
                def __subclasshook__(cls, other): return hasattr(other, "m") or NotImplemented
            class Concrete(Abstract):
                p = 1
                def m(self): return super().m()
            class Virtual: 
                def m(self): pass
            class Color(enum.Enum):
                RED = 1
                GREEN = 2
                def describe(self): return self.name.lower(), self.value
                @classmethod
                def _missing_(cls, value): return cls.RED
                @property
                def twice(self): return self.value * 2
            class Flags(enum.IntFlag):
                A = enum.auto()
                B = enum.auto()
                def both(self): return self | Flags.B
            class Slots:
                __slots__ = "x", "__weakref__"
                def __init__(self): self.x = 1
                def get(self): return self.x
            class Callable:
                def __call__(self, x): return x + 1
            @functools.total_ordering
            class Ordered:
                def __init__(self, v): self.v = v
                def __eq__(self, o): return self.v == o.v
                def __lt__(self, o): return self.v < o.v
            def main():
                d = Derived()
                d.p = 3
                print(d.method(), d.use(), d.p, d.cached is d.cached, d.other, d.named, Derived.named, bool(d), len(Derived), Base[int])
                d.named = 1
                del d.named, d.p
                print(list(vars(Derived)), Derived.__doc__, Derived.__annotations__, Derived.p.__doc__, Derived.Inner().deep(), isinstance(1, Base))
                with d: raise ValueError
                try: Abstract()
                except TypeError as error: print(error)
                print(Concrete().m(), Abstract.__abstractmethods__ == {"m", "p"}, issubclass(Virtual, Abstract))
                print(Color(9).describe(), list(Color), Color.GREEN.twice, Flags.A.both(), list(vars(Color))[:3], Color.__members__)
                print(Slots().get(), hasattr(Slots(), "__dict__"), Callable()(1), Ordered(1) >= Ordered(0), Ordered(1) <= Ordered(0), hash(Color.RED) == hash("RED"))
                def local():
                    class Local(Base):
                        def who(self): return super().__hash__() and __class__.__qualname__
                    return Local().who()
                print(local())
        ''', "method", "use", "p", "cached", "__getattr__", "__set__", "__init_subclass__", "describe", "deep", "__call__", "main.<locals>.local", "who")

    def test_typing_and_dataclasses(self):
        self.alike('''
            import collections, dataclasses, inspect, typing
            T = typing.TypeVar("T")
            @dataclasses.dataclass(order=True, frozen=True)
            class Point:
                x: int
                y: int = 2
                z: list = dataclasses.field(default_factory=list, compare=False)
                k: dataclasses.InitVar = 5
                def __post_init__(self, k): object.__setattr__(self, "sum", self.x + self.y + k)
                def length(self) -> float: return (self.x ** 2 + self.y ** 2) ** 0.5
            options = {"slots": True} if "slots" in inspect.signature(dataclasses.dataclass).parameters else {}
            @dataclasses.dataclass(**options)
            class Slotted:
                a: int = 1
                def twice(self): return self.a * 2
                def sup(self):
                    try: return super().__eq__(self)
                    except TypeError as error: return str(error)
            class Row(typing.NamedTuple):
                a: int
                b: str = "b"
                def joined(self): return "%s%s" % self
            class Named(collections.namedtuple("Named", "p q")):
                __slots__ = ()
                def total(self): return self.p + self.q
            class Sized(typing.Protocol):
                def size(self) -> int: ...
            @typing.runtime_checkable
            class Checkable(typing.Protocol):
                def size(self) -> int: ...
            class Has:
                def size(self): return 1
            class Box(typing.Generic[T]):
                def put(self, value: T) -> "Box[T]": self.value = value; return self
            class Typed(typing.TypedDict, total=False):
                key: int
            @typing.overload
            def over(x: int) -> int: ...
            @typing.overload
            def over(x: str) -> str: ...
            def over(x): return x
            @typing.no_type_check
            def unchecked(x: "none such"): return x
            @typing.final
            def final(x: typing.Optional["Point"]) -> "Row": return x
            def main():
                p = Point(1)
                print(p, p < Point(2), p.length(), p.sum, dataclasses.replace(p, x=9, k=0), dataclasses.asdict(p), dataclasses.fields(Point)[0].type)
                print(inspect.signature(Point), Point.__doc__, Slotted().twice(), Slotted(3), Slotted().sup(), Row(1).joined(), Named(1, 2).total())
                print(isinstance(Has(), Checkable), Has().size(), Box[int]().put(3).value, Typed(key=1), over("s"), unchecked(1), final(None))
                print(typing.get_type_hints(final), typing.get_type_hints(Box.put), typing.get_type_hints(Point), Typed.__annotations__)
                print(getattr(typing, "get_overloads", lambda f: [])(over), over.__doc__)
                try: p.x = 2
                except dataclasses.FrozenInstanceError as error: print(error)
        ''', "__post_init__", "length", "twice", "joined", "total", "size", "put", "over", "unchecked", "final")

    @unittest.skipIf(sys.version_info < (3, 12), "there are no type parameters")
    def test_type_parameters(self):
        self.alike('''
            import inspect
            type Pair[T] = tuple[T, T]
            def first[T: (int, str)](pair: Pair[T]) -> T: "text"; return pair[0]
            class Stack[T]:
                def __init__(self): self.items: list[T] = []
                def push[S](self, item: T, also: S = None) -> "Stack[T]":
                    def inner[R](x: R) -> R: return x, T, S
                    self.items.append(inner(item)); return self
            def main():
                print(first((1, 2)), first.__type_params__, inspect.signature(first), Stack().push(1).items, Stack.push.__type_params__, Pair.__value__)
                print(first.__code__.co_qualname, Stack.push.__code__.co_freevars, inspect.getsource(Stack.push))
        ''', "first", "push", "push.<locals>.inner")


class Wrappers(Case):
    def test_functools(self):
        self.alike('''
            import functools, inspect, operator
            def traced(f):
                @functools.wraps(f)
                def wrapper(*a, **k):
                    "of the wrapper"
                    return f(*a, **k)
                return wrapper
            def with_options(n):
                def decorate(f):
                    f.option = n
                    return f
                return decorate
            @traced
            @with_options(5)
            def wrapped(a, b: int = 1): "of wrapped"; return a + b
            @functools.lru_cache(maxsize=2)
            def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
            @functools.singledispatch
            def kind(x): return "object"
            @kind.register
            def _(x: int): return "int"
            @kind.register(list)
            def of_list(x): return "list", kind.dispatch(int)(1)
            class Cell:
                def set(self, alive): self.alive = alive; return alive
                on = functools.partialmethod(set, True)
                @functools.singledispatchmethod
                def show(self, x): return "?"
                @show.register
                def _(self, x: str): return "str"
            add = functools.partial(operator.add, 1)
            curried = functools.partial(wrapped, 2)
            class Deco:
                def __init__(self, f): functools.update_wrapper(self, f); self.f = f
                def __call__(self, *a): return self.f(*a)
                def __get__(self, instance, owner): return functools.partial(self, instance)
            class Used:
                @Deco
                def method(self, x): "of method"; return x
            def reduce(): return functools.reduce(lambda a, b: a * b, range(1, 5))
            def main():
                print(wrapped(1), wrapped.__wrapped__.option, wrapped.__doc__, wrapped.__name__, inspect.signature(wrapped), inspect.getsource(wrapped))
                print(fib(10), fib.cache_info(), fib.__wrapped__.__name__, fib.__wrapped__.__code__.co_name)
                print(kind(1), kind(""), kind([]), sorted(map(str, kind.registry)), Cell().on(), Cell().show("x"), Cell().show(1))
                print(add(2), curried(b=7), Used().method(4), vars(Used)["method"].__doc__, reduce(), sorted([3, 1, 2], key=functools.cmp_to_key(compare)))
                print([k for k in vars(wrapped)], vars(fib).keys())
            def compare(a, b): return a - b
        ''', "wrapped", "fib", "kind", "_", "of_list", "set", "show", "method", "__call__", "compare", "traced.<locals>.wrapper")

    def test_decorators_that_read(self):
        self.alike('''
            import ast, contextlib, inspect, textwrap, dis, types
            def reads(f):
                "Compiles the function's source anew, as compilers for parts of programs do."
                source = textwrap.dedent(inspect.getsource(f))
                tree = ast.parse(source)
                tree.body[0].decorator_list = []
                names = dict(f.__globals__)
                exec(compile(tree, "<made>", "exec"), names)
                f.made = names[f.__name__]
                f.lines = inspect.getsourcelines(f)[1], len(inspect.getsource(f)), ast.dump(tree)
                return f
            @reads
            def shown(x,
                      y=2):
                # a comment
                return [x, y]
            def same_code(f): return types.FunctionType(f.__code__, f.__globals__, "other", f.__defaults__, f.__closure__)
            def tail(x): return same_code(tail)(x - 1) if x else "end"
            @contextlib.contextmanager
            def managed(x):
                try: yield x
                finally: note("closed")
            @contextlib.contextmanager
            def suppress():
                try: yield
                except ValueError as error: note(error)
            def note(x): print(x)
            def main():
                print(shown(1), shown.made(1), shown.lines, tail(3))
                with managed(3) as x, suppress(): note(x); raise ValueError("in with")
                print([line.strip() for line in inspect.getsource(managed).splitlines()])
                print(inspect.getsource(inspect.currentframe()), inspect.getsourcelines(note))
                print(dis.code_info(note).splitlines()[:4], [b for b in shown.__code__.co_lines()][0][2] if hasattr(note.__code__, "co_lines") else "")
        ''', "shown", "tail", "note")

    def test_pickle_and_copy(self):
        self.alike('''
            import copy, pickle, weakref
            class State:
                def __init__(self, v): self.v = v
                def __getstate__(self): return {"v": self.v, "got": True}
                def __setstate__(self, state): self.__dict__.update(state, set=True)
                def method(self): return self.v
            class Reduced:
                def __init__(self, a): self.a = a
                def __reduce__(self): return make, (self.a,)
                def __deepcopy__(self, memo): return Reduced("deep")
            class New:
                def __new__(cls, *a): self = super().__new__(cls); self.a = a; return self
                def __getnewargs__(self): return self.a
            def make(a): return Reduced(a + 1)
            class Outer:
                class Inner:
                    def m(self): return 1
                @staticmethod
                def s(): return 2
            def main():
                for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
                    def again(x): return pickle.loads(pickle.dumps(x, protocol))
                    print(len(pickle.dumps(make, protocol)), again(make) is make, again(State) is State, vars(again(State(3))), again(Reduced(1)).a, again(New(1, 2)).a)
                    if protocol >= 4: print(again(Outer.Inner.m) is Outer.Inner.m, again(Outer.Inner().m)(), again(State(5).method)(), again(Outer.s)())
                print(copy.copy(make) is make, copy.deepcopy([make])[0] is make, copy.deepcopy(Reduced(1)).a, vars(copy.copy(State(1))))
                print(weakref.ref(make)() is make, weakref.WeakMethod(State(1).method)() is None)
                try: pickle.dumps(lambda: 1)
                except Exception as error: print(type(error))
        ''', "make", "__getstate__", "__setstate__", "__reduce__", "__deepcopy__", "method", "m", "s")


class Frames(Case):
    def test_frames(self):
        self.alike('''
            import sys, inspect
            def depth():
                frame, n = sys._getframe(), 0
                while frame: n, frame = n + 1, frame.f_back
                return n
            def look(*names):
                x = 1
                f = sys._getframe()
                print(f.f_code.co_name, f.f_lineno, sorted(f.f_locals), f.f_back.f_lineno, f.f_back.f_code.co_name, f.f_trace, f.f_globals is globals())
                print(sorted(locals()), sorted(vars()), dir(), eval("x"), f.f_code is look.__code__)
                exec("x = 5; made = 6")
                print(x, "made" in locals())
                return [
                    sys._getframe().f_lineno,
                    sys._getframe(1).f_lineno,
                ]
            def caller(): return inspect.stack()[1].function, sys._getframe(1).f_locals.get("mine")
            class Some:
                def method(self): return caller(), [f.frame.f_lineno for f in inspect.stack()], inspect.getframeinfo(sys._getframe())[:4]
            def nested():
                mine = 7
                def inner(): return caller(), sys._getframe().f_back.f_locals["mine"]
                return inner(), caller()
            def in_finally():
                try: return depth()
                finally: print(sys._getframe().f_lineno, sys.exc_info())
            def handled():
                try: raise ValueError
                except ValueError: return sys.exc_info()[0], inner_info()
            def inner_info(): return sys.exc_info()[0]
            def main():
                print(depth(), look("a"), Some().method(), nested(), in_finally(), handled(), sys.exc_info())
                print([(f.function, f.lineno, f.code_context, f.index) for f in inspect.stack()])
                try: sys._getframe(depth())
                except ValueError as error: print(error)
        ''', "look", "depth", "caller", "method", "nested.<locals>.inner", "handled")

    def test_warnings_and_logging(self):
        self.write("other.py", """
            import warnings
            def old(level): warnings.warn("old %d" % level, DeprecationWarning, stacklevel=level)
            def deeper(level): old(level)
        """)
        self.alike('''
            import logging, warnings, other
            warnings.simplefilter("always")
            logging.basicConfig(format="%(module)s %(funcName)s:%(lineno)d %(message)s")
            logging.captureWarnings(False)
            def call(level):
                other.old(level)
                other.deeper(
                    level)
            def log():
                logging.warning("one")
                logging.getLogger("x").error("two", stack_info=True, stacklevel=2)
                try: 1 / 0
                except ZeroDivisionError: logging.exception("three")
            def main():
                for level in 1, 2, 3, 9: call(level)
                log()
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    try: other.old(2)
                    except DeprecationWarning as error: print(repr(error), error.__traceback__.tb_lineno)
                warnings.simplefilter("default")
                for _ in range(3): warnings.warn("once")
                print(len(__warningregistry__))
        ''', "old", "deeper", "call", "log")

    def test_tracebacks(self):
        self.alike('''
            import sys, traceback
            class Own(Exception):
                def __init__(self, a, b): super().__init__(a); self.b = b
                def __str__(self): return "own %s" % self.b
            def divide(a, b):
                x = (a +
                     1) / (b - b)
                return x
            def index(d):
                return d["a"]["b"][
                    "c"] + d["x"].y.z(1)
            def chained():
                try:
                    divide(1, 2)
                except ZeroDivisionError as error:
                    raise Own(1, 2) from error
            def context():
                try:
                    index({"a": {}})
                finally:
                    index({"a": {"b": {"c": 1}}})
            def hidden():
                try: divide(1, 1)
                except ZeroDivisionError: raise Own(3, 4) from None
            def repeated(n):
                if n: return repeated(n - 1)
                raise LookupError(
                    "after many")
            def closures():
                def inner(k): return [undefined for _ in "a"] + k
                return inner(1)
            def attribute(): return (None).nothing
            def suggests():
                something = 1
                return somethin
            def with_statement():
                with Managed() as m:
                    m.fail(
                        1)
            class Managed:
                def __enter__(self): return self
                def __exit__(self, *a): raise KeyError("exit")
                def fail(self, x): raise ValueError(x)
            def arguments(a): arguments(1, 2)
            def in_loop():
                for x in (1, 0):
                    1 // x
            def in_while():
                while True: divide(1, 1)
            def generator():
                yield 1
                raise OSError(2, "gone")
            def consume(): return list(generator())
            def in_default(): return (lambda a=1: a.b.c)()
            def assertion(): assert 1 == 2, ("a", 1)
            def unpack(): a, b = [1]
            def deleted(): x = 1; del x; return x
            def main():
                for f, *a in ((divide, 1, 2), (index, {}), (chained,), (context,), (hidden,), (repeated, 8), (closures,), (attribute,), (suggests,),
                              (with_statement,), (arguments, 1), (in_loop,), (in_while,), (consume,), (in_default,), (assertion,), (unpack,), (deleted,)):
                    try: f(*a)
                    except Exception as error:
                        traceback.print_exc(file=sys.stdout)
                        print([(t.name, t.lineno) for t in traceback.extract_tb(error.__traceback__)])
                        t, n = error.__traceback__, 0
                        while t:
                            n += 1
                            print(t.tb_lineno, t.tb_lasti > 0, sorted(t.tb_frame.f_locals) if t.tb_frame.f_code.co_name != "main" else "")
                            t = t.tb_next
                context()
        ''', "divide", "chained", "context", "__exit__", "closures.<locals>.inner", "suggests", "consume", status=1)

    @unittest.skipIf(sys.version_info < (3, 11), "there are no exception groups")
    def test_exception_groups(self):
        self.alike('''
            import traceback
            def fail(n): raise [ValueError, TypeError, KeyError][n % 3](n)
            def group():
                found = []
                for n in range(4):
                    try: fail(n)
                    except Exception as error:
                        error.add_note("note %d" % n)
                        found.append(error)
                raise ExceptionGroup("many", [*found, ExceptionGroup("inner", [OSError(1)])])
            def split():
                try: group()
                except* ValueError as some: print(repr(some)); keep = some
                except* (TypeError, KeyError) as others: raise RuntimeError("in except*")
            def returns():
                for x in 1, 2:
                    try: group()
                    except* Exception: x = 3
                return x
            def main():
                print(returns())
                try: split()
                except BaseException as error: traceback.print_exception(error)
                split()
        ''', "fail", "group", "split", "returns", status=1)

    def test_linecache(self):
        self.alike('''
            import linecache, traceback, sys
            def f(): raise ValueError
            def main():
                print(sorted(k for k in linecache.cache if not k.startswith("<")))
                try: f()
                except ValueError: traceback.print_exc(file=sys.stdout)
                print(linecache.getline(__file__, 3), linecache.checkcache(), len(linecache.cache))
                names = {}
                exec(compile("def g(): return 1/0\\n", "<made>", "exec"), names)
                linecache.cache["<made>"] = (20, None, ["def g(): return 1/0\\n"], "<made>")
                try: names["g"]()
                except ZeroDivisionError: traceback.print_exc(file=sys.stdout)
        ''', "f", "main")

    def test_recursion_limit(self):
        self.alike('''
            import sys, threading
            def deep(n, reached):
                reached[0] = n
                return deep(n + 1, reached)
            def mutual(n, reached): reached[0] = n; return [other(n + 1, reached) for _ in "a"]
            def other(n, reached): return mutual(n + 1, reached)
            class Some:
                def __repr__(self): return repr([self])
                def __getattr__(self, name): return getattr(self, name + "x")
            def try_(f, *a):
                try: f(*a)
                except RecursionError as error: return str(error)
            def finite(n): return n and 1 + finite(n - 1)
            def sorted_(n): return sorted([1], key=lambda k: len(sorted_(n - 1)) if n else k)
            def main():
                for limit in 1000, 300:
                    sys.setrecursionlimit(limit)
                    reached = [0]
                    print(try_(deep, 0, reached), reached, try_(mutual, 0, reached), reached, try_(repr, Some()), try_(getattr, Some(), "y"))
                    low, high = 0, limit
                    while low + 1 < high:
                        middle = (low + high) // 2
                        try: finite(middle); low = middle
                        except RecursionError: high = middle
                    print(low, len(sorted_(40)))
                reached = [0]
                thread = threading.Thread(target=lambda: print(try_(deep, 0, reached), reached))
                thread.start(); thread.join()
                print(try_(deep, 0, reached))
                deep(0, reached)
        ''', "deep", "mutual", "__repr__", "__getattr__", "finite", "sorted_", status=1)


class Suspended(Case):
    def test_generators(self):
        self.alike('''
            import inspect, sys, gc, traceback, types
            def numbers(n):
                "text"
                got = None
                try:
                    for i in range(n):
                        got = yield i, got
                    return "done"
                except ValueError as error:
                    yield "caught", error.args
                finally:
                    print("finally", step(i))
            def step(i): return i
            def delegates(): result = yield from numbers(2); yield result
            def state(g): return inspect.getgeneratorstate(g), g.gi_frame and g.gi_frame.f_lineno, g.gi_running, g.gi_yieldfrom is None
            def lazy(): return (step(x) for x in range(3))
            class Tree:
                def __init__(self, *c): self.c = c
                def __iter__(self):
                    yield self
                    for c in self.c: yield from c
            def infinite():
                while True: yield
            def raises():
                yield 1
                raise KeyError("in generator")
            def stops():
                yield 1
                raise StopIteration
            def main():
                g = numbers(3)
                print(g, state(g), next(g), state(g), g.send("sent"), inspect.getgeneratorlocals(g), g.throw(ValueError("thrown")), state(g))
                try: next(g)
                except StopIteration as stop: print(stop.value, state(g))
                print(list(delegates()), list(lazy()), len(list(Tree(Tree(), Tree(Tree())))), g.gi_code is numbers.__code__, g.__name__, g.__qualname__)
                g = delegates(); next(g); print(state(g), g.gi_yieldfrom.gi_frame.f_lineno); g.close(); print(state(g))
                g = infinite(); next(g); del g; gc.collect()
                for f in raises, stops:
                    try: list(f())
                    except Exception as error: print(repr(error), repr(error.__cause__), traceback.format_exc())
                g = numbers(1); next(g)
                try: g.throw(TypeError("new"))
                except TypeError as error: print(error, error.__traceback__.tb_next.tb_lineno)
                print(inspect.isgeneratorfunction(numbers), inspect.isgenerator(g), numbers.__code__.co_flags, numbers.__doc__)
                bad = numbers(1)
                try: bad.send(1)
                except TypeError as error: print(error)
        ''', "main", "step", "state")

    def test_coroutines(self):
        self.alike('''
            import asyncio, contextvars, inspect, sys, traceback, types, contextlib
            variable = contextvars.ContextVar("variable", default=0)
            async def leaf(x):
                variable.set(x)
                await asyncio.sleep(0)
                return helper(variable.get())
            def helper(x): return x * 2
            async def middle(x): return await leaf(x) + await leaf(x + 1)
            async def many(n):
                try:
                    for i in range(n):
                        await asyncio.sleep(0)
                        yield helper(i)
                finally: print("closed")
            async def collect(): return [x async for x in many(3)], {x: await leaf(x) for x in range(2)}
            class Managed:
                async def __aenter__(self): await asyncio.sleep(0); return self
                async def __aexit__(self, kind, *rest): print("exit", kind); return True
            @contextlib.asynccontextmanager
            async def managed():
                try: yield 5
                finally: print("left")
            async def with_(): 
                async with Managed(): raise ValueError
                async with managed() as x: return x
            async def fails():
                await asyncio.sleep(0)
                raise KeyError("in task")
            async def cancelled():
                try: await asyncio.sleep(60)
                except asyncio.CancelledError: print("cancelled"); raise
            async def waits(): await asyncio.wait_for(asyncio.sleep(60), 0.01)
            async def deep():
                print([f.f_code.co_name for f in asyncio.current_task().get_stack()], asyncio.current_task().get_coro().__name__)
                frame, names = sys._getframe(), []
                while frame.f_code.co_filename == __file__: names.append((frame.f_code.co_name, frame.f_lineno)); frame = frame.f_back
                return names
            async def outer_deep(): return await deep()
            @types.coroutine
            def bare(): got = yield "yielded"; return got
            async def by_hand(): return await bare()
            async def everything():
                print(await middle(1), await collect(), await with_(), await outer_deep(), variable.get())
                results = await asyncio.gather(leaf(1), fails(), middle(2), return_exceptions=True)
                print(results, [t.tb_lineno for t in [results[1].__traceback__.tb_next or results[1].__traceback__]])
                task = asyncio.create_task(cancelled())
                await asyncio.sleep(0)
                print(inspect.getcoroutinestate(task.get_coro()), task.get_coro().cr_await is not None, task.get_coro().cr_frame.f_lineno)
                task.cancel()
                try: await task
                except asyncio.CancelledError: print(task.cancelled())
                try: await waits()
                except asyncio.TimeoutError: print("timeout")
                agen = many(5)
                async for x in agen:
                    if x: break
                print(agen.ag_frame is not None, agen.ag_running); await agen.aclose()
                try: await fails()
                except KeyError: traceback.print_exc(file=sys.stdout)
            def main():
                asyncio.run(everything())
                c = by_hand()
                print(inspect.getcoroutinestate(c), c.cr_frame.f_lineno, c.cr_await, c.send(None), c.cr_await is not None, inspect.getcoroutinestate(c))
                try: c.send("back")
                except StopIteration as stop: print(stop.value, inspect.getcoroutinestate(c), c.cr_frame)
                print(inspect.iscoroutinefunction(leaf), inspect.isasyncgenfunction(many), asyncio.iscoroutinefunction(managed), bare.__code__.co_flags)
                leaf(1)
        ''', "main", "helper")


class Tools(Case):
    @unittest.skipIf(sys.version_info < (3, 10), "in Python 3.9 tracers see the end of a function at another line")
    def test_tracers(self):
        self.alike('''
            import sys, threading
            def work(n):
                "text"
                total = 0
                for i in range(n):
                    if i % 2:
                        total += helper(i)
                    else:
                        total -= 1
                return total
            def helper(x): return x + 1
            def fails():
                try:
                    raise ValueError
                except ValueError:
                    pass
                else:
                    never()
                finally:
                    helper(0)
                with Managed():
                    helper(1)
                while True:
                    break
            class Managed:
                def __enter__(self): return self
                def __exit__(self, *a): pass
            def propagates():
                x = 1
                helper(None)
            def nothing(): pass
            def nested(): 
                def inner():
                    return 1
                return [inner() for _ in range(2)]
            def one_line(x): return x if x else None
            def falls_off(x):
                if x:
                    helper(x)
            def falls_off_loop():
                for i in range(2):
                    helper(i)
            def only_text():
                """text"""
            def generator():
                yield 1
                yield helper(2)
            def all_of_it():
                work(3); fails(); nothing(); nested(); one_line(1); one_line(0); falls_off(1); falls_off(0); falls_off_loop(); only_text(); list(generator())
                try: propagates()
                except TypeError: pass
            def main():
                events = []
                def local(frame, event, arg):
                    events.append((event, frame.f_code.co_name, frame.f_lineno, repr(arg) if event == "return" and not frame.f_code.co_name.startswith("__") else ""))
                    return local
                def everything(frame, event, arg): return local(frame, event, arg) if frame.f_code.co_filename == __file__ else None
                sys.settrace(everything)
                all_of_it()
                sys.settrace(None)
                for event in events: print(*event)
                events = []
                def profile(frame, event, arg):
                    if frame.f_code.co_filename == __file__: events.append((event, frame.f_code.co_name, frame.f_lineno, getattr(arg, "__name__", "")))
                sys.setprofile(profile)
                all_of_it()
                sys.setprofile(None)
                for event in events: print(*event)
        ''', "work", "helper", "fails", "propagates", "__exit__")

    def test_debugger(self):
        commands = "b part.helper\nc\nw\np x\nu\nl\np sorted(locals())\nd\ns\ns\nr\nn\nn\nn\ntbreak 17\nc\njump 18\nn\nargs\nrv\nq\n"
        self.write("commands", commands)
        self.write("part.py", """
            def helper(x):
                y = x + 1
                return y
            def work(n):
                total = 0
                for i in range(n):
                    total += helper(i)
                return total
            def more():
                try:
                    a = 1
                    b = helper(a)
                    c = 3
                finally:
                    d = 4
                e = 5
                f = 6
                return f
            def main():
                print(work(2))
                print(more())
        """)
        self.write("program.py", "import pdb, sys, part\ndebugger = pdb.Pdb(stdin=open('commands'), stdout=sys.stdout, nosigint=True, readrc=False)\n"
                                 "debugger.use_rawinput = 0\ndebugger.runcall(part.main)\n")
        plain = self.plain("program.py")
        self.assertIn("helper", plain.stdout)
        for how in "pre", "post":
            with self.subTest(how):
                observed = self.observed("program.py", agent=["--weave", how])
                self.assertEqual(_outcome(observed), _outcome(plain))
                self.assertTrue(observed.streams[0].traces())

    @unittest.skipIf(sys.version_info < (3, 10), "in Python 3.9 tracers see the end of a function at another line")
    def test_trace_and_profile_modules(self):
        self.write("counted.py", COVERED)
        self.write("program.py", """
            import sys, trace, cProfile, pstats, profile, io
            import counted
            t = trace.Trace(count=1, trace=0, countfuncs=0, ignoredirs=[sys.prefix, sys.base_prefix])
            t.runfunc(counted.run)
            for (name, line), n in sorted(t.results().counts.items()):
                if name.endswith("counted.py"): print(line, n)
            t = trace.Trace(count=0, trace=0, countfuncs=1, countcallers=0)
            t.runfunc(counted.run)
            print(sorted(k for k in t.results().calledfuncs if "counted" in k[0]))
            for profiler in cProfile.Profile(), profile.Profile():
                profiler.runcall(counted.run)
                stats = pstats.Stats(profiler, stream=io.StringIO()).stats
                print(sorted((key[1:], value[:2], sorted(k[1:] for k in value[4] if k[1])) for key, value in stats.items() if "counted" in key[0]))
        """)
        plain = self.plain("program.py")
        self.assertEqual(plain.returncode, 0, plain.stderr)
        for how in "pre", "post":
            with self.subTest(how):
                observed = self.observed("program.py", agent=["--weave", how])
                self.assertEqual(_outcome(observed), _outcome(plain))
                self.assertIn("branches", {call.operation for trace in observed.streams[0].traces() for call in trace.walk()})

    def test_coverage(self):
        if self.plain("-c", "import coverage").returncode:
            self.skipTest("coverage.py is not installed")
        self.write("counted.py", COVERED)
        self.write("program.py", """
            import sys, coverage
            measured = coverage.Coverage(branch=sys.argv[1] == "branch", data_file=None, include=["*/counted.py"], config_file=False)
            measured.start()
            import counted
            counted.run()
            measured.stop()
            data = measured.get_data()
            for path in data.measured_files():
                print(sorted(data.lines(path)), sorted(data.arcs(path) or ()))
                _, statements, excluded, missing, text = measured.analysis2(path)
                print(statements, excluded, missing, text)
        """)
        for kind in "line", "branch":
            plain = self.plain("program.py", kind)
            self.assertEqual(plain.returncode, 0, plain.stderr)
            self.assertIn("[", plain.stdout)
            for how in "pre", "post":
                with self.subTest(kind + " " + how):
                    observed = self.observed("program.py", kind, agent=["--weave", how])
                    self.assertEqual(_outcome(observed), _outcome(plain))
                    if how == "pre":
                        self.assertIn("branches", {call.operation for trace in observed.streams[0].traces() for call in trace.walk()})

    def test_pytest(self):
        if self.plain("-c", "import pytest").returncode:
            self.skipTest("pytest is not installed")
        self.write("library.py", "def value(x):\n    return {'a': [x]}\ndef fails(x):\n    raise KeyError(x)\n")
        self.write("conftest.py", "import pytest, library\n@pytest.fixture\ndef given():\n    yield library.value(3)\n")
        self.write("test_some.py", '''
            import library, pytest
            def test_passes(given):
                assert given == library.value(3)
            def test_fails(given):
                x = 5
                assert given["a"][0] == x + library.value(2)["a"][0], "message"
            def test_raises():
                library.fails("k")
            @pytest.mark.parametrize("n", [1, 2])
            def test_many(n):
                assert library.value(n) != {"a": [2]}
            class TestClass:
                def setup_method(self): self.v = library.value(1)
                def test_method(self):
                    with pytest.raises(KeyError, match="z"): library.fails("z")
                    assert self.v in []
        ''')
        arguments = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA", "--no-header", "--color=no"]
        environment = self.environment(COLUMNS="100", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        plain = self.plain(*arguments, env=environment)
        self.assertEqual(plain.returncode, 1, plain.stderr)
        for how in "pre", "post":
            with self.subTest(how):
                observed = self.observed(*arguments, agent=["--weave", how, "--include", "library"], env=environment)
                self.assertEqual(_without_times(observed), _without_times(plain))
                self.assertIn("value", {call.operation for stream in observed.streams for trace in stream.traces() for call in trace.walk()})

    def test_doctest(self):
        self.alike('''
            """Module.

            >>> double(2)
            4
            >>> fails()
            Traceback (most recent call last):
            ValueError: no
            """
            import doctest, sys
            def double(x):
                """
                >>> double(1)
                3
                >>> [double(x) for x in range(3)]
                [0, 2, 4]
                """
                return x * 2
            def fails(): raise ValueError("no")
            class Some:
                """
                >>> Some().method()
                'wrong'
                """
                def method(self):
                    """
                    >>> Some().method(1)
                    """
                    return "m"
                @property
                def p(self):
                    """
                    >>> Some().p
                    1
                    """
                    return 1
            def main():
                print(doctest.testmod(sys.modules[__name__]))
                for test in doctest.DocTestFinder().find(sys.modules[__name__]): print(test.name, test.lineno, test.filename, len(test.examples))
        ''', "double", "fails", "method", "p", "main")

    def test_unittest(self):
        self.write("checked.py", """
            import unittest
            from unittest import mock
            def target(x): return x
            class Test(unittest.TestCase):
                @classmethod
                def setUpClass(cls): cls.k = target(1)
                def setUp(self): self.addCleanup(target, 1)
                def test_fails(self): self.assertEqual(target(1), 2)
                def test_errors(self): target()
                @unittest.expectedFailure
                def test_expected(self): self.fail()
                @unittest.skip("why")
                def test_skipped(self): pass
                @mock.patch("checked.target", autospec=True)
                def test_mocked(self, m):
                    target(5); m.assert_called_once_with(5)
                    with self.assertRaises(TypeError): target()
                def test_sub(self):
                    for i in range(3):
                        with self.subTest(i=i): self.assertLess(target(i), 2)
        """)
        plain = self.plain("-m", "unittest", "-v", "checked")
        self.assertEqual(plain.returncode, 1)
        for how in "pre", "post":
            with self.subTest(how):
                observed = self.observed("-m", "unittest", "-v", "checked", agent=["--weave", how, "--include", "checked"])
                self.assertEqual(_without_times(observed), _without_times(plain))
                self.assertIn("target", {call.operation for stream in observed.streams for trace in stream.traces() for call in trace.walk()})


def _without_times(done):
    return [re.sub(r"\d+\.\d+s", "TIME", re.sub("0x[0-9a-f]{6,}", "0x", text)) for text in (done.stdout, done.stderr)] + [done.returncode]


COVERED = '''
"""Measured."""
def branches(x, data=()):
    """text"""
    if x > 1:
        y = 1
    elif x:
        y = 2
    else:
        y = 3
    for d in data:
        if d == 2:
            continue
        if d == 4:
            break
        y += d
    else:
        y += 100
    while y > 1000:
        y = 0
    return y

def ways(kind):
    try:
        if kind == 1:
            return branches(0)
        if kind == 2:
            raise KeyError(kind)
        branches(1)
    except KeyError as error:
        found = error
    else:
        found = None
    finally:
        branches(2)
    with Managed() as m:
        if found:
            return m
    if kind == 9:
        never = 1

class Managed:
    attribute = 1

    def __enter__(self):
        return self

    def __exit__(self, *a):
        pass

    @property
    def p(self): return [x for x in range(3) if x]

def generator(n):
    for i in range(n):
        if i % 2:
            yield i
        else:
            yield branches(i)

def outer():
    def inner(x):
        return x

    return [inner(x)
            for x in generator(3)]

def raises():
    raise ValueError(
        1,
        2)

def unreached():
    return 1

def only_text():
    """text"""

def run():
    branches(1, (1, 2, 3))
    branches(2, (4,))
    for kind in 1, 2, 3:
        ways(kind)
    Managed().p
    outer()
    only_text()
    try:
        raises()
    except ValueError:
        pass
'''


if __name__ == "__main__":
    harness.main()
