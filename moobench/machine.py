# SPDX-License-Identifier: Apache-2.0
"""What the figures were taken on: processor, kernel, clock, memory, load."""

import os
import platform


def _first(path, key=None):
    """A file's first line, or what follows the key in one; '' where there is none."""
    try:
        with open(path) as lines:
            if key is None:
                return lines.readline().strip()
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
    except OSError:
        return ""


def describe():
    """Words and numbers; nothing that names whose machine it is."""
    source = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    release = {key: value.strip('"') for key, _, value in (line.strip().partition("=") for line in _lines("/etc/os-release"))}
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "processors": os.cpu_count(),
        "virtual": "hypervisor" in _first("/proc/cpuinfo", "flags").split(),
        "governor": _first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_mib": int((_first("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024,
        "system": release.get("PRETTY_NAME", platform.system()),
        "kernel": platform.release(),
        "clock": _first(source),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def _lines(path):
    try:
        with open(path) as file:
            return file.readlines()
    except OSError:
        return []
