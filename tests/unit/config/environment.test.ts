import assert from "node:assert/strict";
import { test } from "node:test";
import { Environment } from "../../../lib/config/environment.ts";

test("traces are wanted where an endpoint for them is named, unless OpenTelemetry is switched off", () => {
  const endpoint = "http://127.0.0.1:4318";
  const wanted = (values: Record<string, string>): boolean => new Environment(values).traces;
  assert.equal(wanted({}), false);
  assert.equal(wanted({ OTEL_EXPORTER_OTLP_ENDPOINT: "" }), false);
  assert.equal(wanted({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }), true);
  assert.equal(wanted({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }), true);
  assert.equal(wanted({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: "true" }), false);
});
