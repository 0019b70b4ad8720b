# SPDX-License-Identifier: Apache-2.0
"""A TCP connection. The agent has its own; this is for programs that send something themselves."""

import socket


class TCPClient:

    def __init__(self):
        self.host = None
        self.port = None
        self.socket = socket.socket()

    def set_port_and_host(self, port, host):
        self.host, self.port = host, port

    def connect(self):
        """A refused connection shows when something is sent."""
        self.socket.connect_ex((self.host, self.port))

    def send(self, data):
        self.socket.sendall(data)
