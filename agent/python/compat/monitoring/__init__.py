# SPDX-License-Identifier: Apache-2.0
"""The module names of the Kieker Python pack, on Kieker's agent: its users' programs run as they are, and are observed by the agent's probes.

What differs from the pack is said in agent/README.md, section "For users of the Kieker Python pack".
"""

try:
    import kieker as _kieker  # noqa: F401
except ImportError as error:
    raise ImportError("%s: this package `monitoring` is Kieker's agent under other names and needs it: pip install ./agent/python" % error) from None

from monitoring import _agent

_agent.refuse_the_pack(__file__)
