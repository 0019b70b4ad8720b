# SPDX-License-Identifier: Apache-2.0
"""For programs that change syntax trees themselves; the import hooks do without."""

import ast


class ModuleTransformer(ast.NodeTransformer):
    """Decorates functions and methods of a tree with `instrument` or `instrument_empty`, below whatever decorators they have."""

    def __init__(self, empty_decorator=False):
        self.empty_decorator = empty_decorator

    def visit_FunctionDef(self, node):
        node.decorator_list.append(ast.Name("instrument_empty" if self.empty_decorator else "instrument", ast.Load()))
        return node
