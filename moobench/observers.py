# SPDX-License-Identifier: Apache-2.0
"""Ways of observing that a program asks for itself: what is done before the monitored application is imported, and after.

Each is a context manager around the measured calls; its `prepare` runs before the import. What they need is imported here only when it is used.
"""

import sys


class Nothing:
    """Not observed, or observed from outside."""

    def __init__(self, words):
        self.words = words

    def prepare(self):
        """Before the monitored application is imported."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


class SwitchedOff(Nothing):
    """Our agent, woven, with every operation switched off at run time."""

    def __enter__(self):
        import kieker

        kieker.deactivate("*")
        return self


class KiekerPack(Nothing):
    """The Kieker Python pack's own interface, as MooBench's program for it uses it: ours or the real one, whichever is on the path.

    Words: its ini file; pre or post; full or empty (then the probe is inactive).
    """

    def prepare(self):
        import re

        # The pack has changed the name.
        import monitoring.controller as controller
        from tools.importhook import PostImportFinder
        from tools.importhookast import InstrumentOnImportFinder

        ini, when, what = self.words
        self.controller = getattr(controller, "MonitoringController", None) or controller.SingleMonitoringController
        self.controller = self.controller(ini)
        if when == "post":
            finder = PostImportFinder(re.compile("^monitored$"), [], empty=what == "empty")
        else:
            try:
                finder = InstrumentOnImportFinder(instrument_pattern=re.compile("/monitored$"), empty=what == "empty")
            except TypeError:
                finder = InstrumentOnImportFinder(ignore_list=[], empty=what == "empty", debug_on=False)
        sys.meta_path.insert(0, finder)


class VizTracer(Nothing):
    def __enter__(self):
        import viztracer

        self.tracer = viztracer.VizTracer(verbose=0)
        self.tracer.start()
        return self

    def __exit__(self, *error):
        self.tracer.stop()
        return False


class OpenTelemetry(Nothing):
    """A span for each call, in batches, to an exporter that throws them away."""

    def prepare(self):
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        class Discard(SpanExporter):
            def export(self, spans):
                return SpanExportResult.SUCCESS

        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(Discard()))
        trace.set_tracer_provider(provider)
        self.tracer = trace.get_tracer("moobench")

    def __enter__(self):
        from monitored import MonitoredClass

        plain, tracer = MonitoredClass.monitored_method, self.tracer

        def monitored_method(self, method_time, rec_depth):
            with tracer.start_as_current_span("monitored_method"):
                return plain(self, method_time, rec_depth)

        MonitoredClass.monitored_method = monitored_method
        return self


BY_NAME = {"nothing": Nothing, "switched-off": SwitchedOff, "kieker-pack": KiekerPack, "viztracer": VizTracer, "opentelemetry": OpenTelemetry}
