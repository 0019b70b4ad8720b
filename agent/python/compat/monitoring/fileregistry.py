# SPDX-License-Identifier: Apache-2.0
"""Numbers for texts."""


class WriterRegistry:
    """Numbers texts from 1, and tells its listener of each new one: on_new_registry_entry(text, number)."""

    def __init__(self, listener):
        self.storage = {}
        self.next_id = 0
        self.listener = listener

    def register(self, value):
        if value not in self.storage:
            self.next_id += 1
            self.storage[value] = self.next_id
            self.listener.on_new_registry_entry(value, self.next_id)

    def get_id(self, value):
        self.register(value)
        return self.storage[value]
