# SPDX-License-Identifier: Apache-2.0
from types import ModuleType, TracebackType
from typing import Any, Callable, Dict, Optional, Protocol, Type, TypeVar, Union

class _Method(Protocol):
    """A staticmethod or classmethod."""

    @property
    def __func__(self) -> Callable[..., Any]: ...

_Instrumented = TypeVar("_Instrumented", bound=Union[Callable[..., Any], ModuleType, _Method])

__all__ = ["activate", "deactivate", "instrument", "operation", "stats"]

__version__: str

def instrument(function: _Instrumented) -> _Instrumented: ...

class operation:
    def __init__(self, name: str, component: Optional[str] = None) -> None: ...
    def __enter__(self) -> operation: ...
    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None: ...

def activate(pattern: str = "*") -> int: ...
def deactivate(pattern: str = "*") -> int: ...
def stats() -> Dict[str, int]: ...
