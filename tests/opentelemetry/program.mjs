// SPDX-License-Identifier: Apache-2.0
// An OpenTelemetry program: two services of one trace, each with an SDK and an exporter of its own. Arguments: URL, "proto" or "http".
//
// shop: checkout -> { reserve, pay -> (billing) charge -> (billing) ask the bank, which fails }; the time of each is its own.

import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const [url, form] = process.argv.slice(2);
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${form}`);

function service(name) {
  const exporter = new OTLPTraceExporter({ url, compression: form === "proto" ? "gzip" : "none" });
  return new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": name, "host.name": `${name}-host`, "process.pid": process.pid }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
}

const shop = service(`shop-${form}`);
const billing = service(`billing-${form}`);
shop.register();

function charge(headers) {
  // As a server that takes a request: the caller is known by its headers alone.
  const caller = propagation.extract(ROOT_CONTEXT, headers);
  const span = billing.getTracer("billing.cards").startSpan("charge", { kind: SpanKind.SERVER }, caller);
  const inside = billing.getTracer("billing.bank").startSpan("ask the bank", {}, trace.setSpan(caller, span));
  inside.recordException(new RangeError("the card has expired"));
  inside.setStatus({ code: SpanStatusCode.ERROR, message: "expired" });
  inside.end();
  span.end();
}

const tracer = shop.getTracer("shop.checkout", "1.2.3");
tracer.startActiveSpan("checkout", (checkout) => {
  tracer.startActiveSpan("reserve", { attributes: { book: "λ", copies: 2, tags: ["a", "b"] } }, (span) => span.end());
  tracer.startActiveSpan("pay", { kind: SpanKind.CLIENT }, (span) => {
    const headers = {};
    propagation.inject(context.active(), headers);
    charge(headers);
    span.end();
  });
  checkout.end();
});
await shop.shutdown();
await billing.shutdown();
